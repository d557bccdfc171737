//! What a request is made of, in memory that is used again.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::{Connection, Extensions};
use crate::body::Body;
use crate::codec::StreamId;
use crate::head::{RequestHead, Target};
use crate::route::Places;

/// The parts of a request.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) head: RequestHead,
    pub(super) body: Body,
    pub(super) places: Places,
    pub(super) extensions: Extensions,
    pub(super) stream: StreamId,
    /// Nothing where the request was made by hand.
    pub(super) connection: Option<Arc<Connection>>,
}

impl Parts {
    /// Drops what the request held.
    fn empty(&mut self) {
        self.head.headers.clear();
        if self.head.target.is_shared() {
            self.head.target = Target::default();
        }
        self.body = Body::empty();
        if !self.places.is_empty() {
            self.places = Places::default();
        }
        self.extensions = Extensions::default();
        self.connection = None;
    }
}

crate::spare::spares!(Parts);

/// Gives the memory of a request back.
pub(super) fn give_back(mut parts: Box<Parts>) {
    parts.empty();
    put(parts);
}
