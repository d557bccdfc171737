//! Fails to compile as soon as anything in the tree of `anyloop-core` links std: a program has one panic handler, and
//! std brings its own.
//!
//! A library and no program, for a program would need a global allocator, and that needs `unsafe`.

#![no_std]
#![forbid(unsafe_code)]

use anyloop_core::error::Error;
use anyloop_core::head::{Method, RequestHead};
use anyloop_core::limits::Limits;
use anyloop_core::parse::RequestParser;
use anyloop_core::route::{InsertError, Resolution, Table};
use bytes::BytesMut;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Parses a head.
///
/// # Errors
/// The fault of a malformed head.
pub fn parse(inbound: &mut BytesMut) -> Result<Option<RequestHead>, Error> {
    RequestParser::new().parse(inbound, &Limits::default())
}

/// Finds the route of a head.
///
/// # Errors
/// The routes conflict.
pub fn route(head: &RequestHead) -> Result<bool, InsertError> {
    let mut table = Table::new();
    table.add(&Method::GET, "/users/{id}", ())?;
    Ok(matches!(table.find(&head.method, &head.target.path_shared()), Resolution::Found { .. }))
}
