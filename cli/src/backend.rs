//! The event loops that are compiled in.

use std::io;
use std::process::ExitCode;

use anyloop::{Server, Serving};

use crate::get::Job;
use crate::site::Site;

/// An event loop by name.
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    pub(crate) serve: fn(Server, Site) -> io::Result<Serving>,
    pub(crate) get: fn(Job) -> io::Result<ExitCode>,
}

/// The first is the default.
const BACKENDS: &[Backend] = &[
    #[cfg(feature = "tokio")]
    Backend {
        name: "tokio",
        serve: |server, site| anyloop::tokio::serve(server, move |rt| site.app(rt)),
        get: |job| anyloop::tokio::block_on(|rt| job.run(rt)),
    },
    #[cfg(feature = "smol")]
    Backend {
        name: "smol",
        serve: |server, site| anyloop::smol::serve(server, move |rt| site.app(rt)),
        get: |job| anyloop::smol::block_on(|rt| job.run(rt)),
    },
    #[cfg(feature = "async-std")]
    Backend {
        name: "async-std",
        serve: |server, site| anyloop::async_std::serve(server, move |rt| site.app(rt)),
        get: |job| anyloop::async_std::block_on(|rt| job.run(rt)),
    },
];

/// Returns the names, the default first.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BACKENDS.iter().map(|backend| backend.name)
}

/// Returns the backend of this name.
pub(crate) fn find(name: Option<&str>) -> io::Result<&'static Backend> {
    let found = BACKENDS.iter().find(|backend| Some(backend.name) == name);
    found.ok_or_else(|| {
        io::Error::other("built without an event loop; build with --features tokio, smol or async-std")
    })
}
