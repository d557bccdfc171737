//! What came of a body with its request's head.

use alloc::sync::Arc;
use bytes::Bytes;

use crate::body::{Body, Slot};
use crate::codec::BodyKind;
use crate::head::Headers;

/// What is known of a body when its request begins.
pub(super) struct Gathered {
    pub(super) body: Body,
    /// Where the rest goes.
    pub(super) rest: Option<Arc<Slot>>,
    /// Bytes that are there.
    pub(super) received: usize,
    /// In debug mode, where the whole body stands.
    pub(super) watched: Option<Arc<Slot>>,
}

impl Gathered {
    fn whole(body: Body) -> Self {
        Self { body, rest: None, received: 0, watched: None }
    }
}

/// A body of which some may be there.
#[derive(Default)]
pub(super) struct Incoming {
    first: Option<Bytes>,
    slot: Option<Arc<Slot>>,
    received: usize,
}

impl Incoming {
    pub(super) fn push(&mut self, bytes: Bytes, needs_slot: bool) {
        self.received += bytes.len();
        match (&self.slot, self.first.take()) {
            (Some(slot), _) => {
                slot.feed(bytes, None);
            }
            (None, None) if !needs_slot => self.first = Some(bytes),
            (None, first) => {
                let slot = self.slot.insert(Slot::incoming());
                for bytes in first.into_iter().chain(Some(bytes)) {
                    slot.feed(bytes, None);
                }
            }
        }
    }

    pub(super) fn finish(self, trailers: Option<Headers>, kind: BodyKind) -> Gathered {
        match (self.slot, self.first) {
            (Some(slot), _) => {
                slot.finish(trailers, None);
                let body = Body::from_slot(Arc::clone(&slot), declared(kind));
                Gathered { watched: Some(slot), received: self.received, ..Gathered::whole(body) }
            }
            (None, first) => Gathered::whole(Body::from(first.unwrap_or_default()).with_trailers(trailers)),
        }
    }

    pub(super) fn into_body(self, kind: BodyKind) -> Gathered {
        let slot = self.slot.unwrap_or_else(Slot::incoming);
        if let Some(first) = self.first {
            slot.feed(first, None);
        }
        let body = Body::from_slot(Arc::clone(&slot), declared(kind));
        Gathered { watched: None, rest: Some(slot), received: self.received, body }
    }
}

fn declared(kind: BodyKind) -> Option<u64> {
    match kind {
        BodyKind::Empty => Some(0),
        BodyKind::Sized(length) => Some(length),
        BodyKind::Streamed | BodyKind::Tunnel => None,
    }
}
