//! The event loops that are compiled in.

use std::io;

use anyloop::{Server, Serving};

use crate::site::Site;

/// An event loop by name.
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    pub(crate) serve: fn(Server, Site) -> io::Result<Serving>,
}

/// The first is the default.
const BACKENDS: &[Backend] = &[
    #[cfg(feature = "tokio")]
    Backend { name: "tokio", serve: |server, site| anyloop::tokio::serve(server, move |rt| site.app(rt)) },
    #[cfg(feature = "smol")]
    Backend { name: "smol", serve: |server, site| anyloop::smol::serve(server, move |rt| site.app(rt)) },
    #[cfg(feature = "async-std")]
    Backend {
        name: "async-std",
        serve: |server, site| anyloop::async_std::serve(server, move |rt| site.app(rt)),
    },
];

/// Returns the names, the default first.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BACKENDS.iter().map(|backend| backend.name)
}

/// Returns the backend of this name.
pub(crate) fn find(name: &str) -> Option<&'static Backend> {
    BACKENDS.iter().find(|backend| backend.name == name)
}
