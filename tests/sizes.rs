//! What a connection takes of memory in its task, so that it does not grow unseen.

#![cfg(all(target_os = "linux", target_arch = "x86_64", feature = "tls"))]

use anyloop::Router;
use anyloop::core::driver::Runtime;
use anyloop::core::server::Connection;
use anyloop_async_std::AsyncStd;
use anyloop_smol::Smol;
use anyloop_tokio::Tokio;

/// The most bytes, with the socket. Each connection that waits has one of these, and little else of ours. On tokio 8 bytes
/// more cost glibc 190.
const MOST: usize = 360;
/// What mio adds to a socket to check itself.
const CHECKS: usize = if cfg!(debug_assertions) { 8 } else { 0 };

fn size<R: Runtime>() -> usize {
    size_of::<Connection<Router, R>>()
}

#[test]
fn a_connection_is_small() {
    let sizes = [size::<Tokio>() - CHECKS, size::<Smol>(), size::<AsyncStd>()];
    assert!(sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
}
