//! What a request is made of besides its head, in memory that is used again.

use alloc::sync::Arc;

use super::{Connection, Extensions, loan};
use crate::body::Body;
use crate::codec::StreamId;
use crate::route::Places;

/// All of a request but its head.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) body: Body,
    pub(super) places: Places,
    pub(super) extensions: Extensions,
    pub(super) stream: StreamId,
    /// Nothing where the request was made by hand.
    pub(super) connection: Option<Arc<Connection>>,
}

crate::spare::spares!(Rest, |rest: &mut Rest| {
    rest.body.clear();
    if !rest.places.is_empty() {
        rest.places = Places::default();
    }
    rest.extensions.clear();
    if let Some(connection) = rest.connection.take() {
        loan::give_back(connection);
    }
});
