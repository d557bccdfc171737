//! The fields that every answer carries, made once a second on each thread.

use core::cell::RefCell;

use crate::encode::date::ImfFixdate;
use crate::head::{HeaderValue, Headers, Known, KnownSet};

/// The fields that are in a stamp.
const STAMPED: KnownSet = KnownSet::NONE.with(Known::Server).with(Known::Date);

/// The fields of one second.
struct Stamp {
    /// No second has the last number: nothing was stamped yet.
    unix_secs: u64,
    server: Option<HeaderValue>,
    fields: Headers,
}

std::thread_local! {
    static STAMP: RefCell<Stamp> =
        const { RefCell::new(Stamp { unix_secs: u64::MAX, server: None, fields: Headers::new() }) };
}

/// Adds `Server`, if it has a value, and `Date` (RFC 9110 §10.2.4, §6.6.1), unless they are there.
pub(super) fn stamp(headers: &mut Headers, server: Option<&HeaderValue>, unix_secs: u64) {
    STAMP.with_borrow_mut(|stamp| {
        if stamp.unix_secs != unix_secs || !is_same(stamp.server.as_ref(), server) {
            *stamp = Stamp::new(server, unix_secs);
        }
        if headers.has_any(STAMPED) {
            stamp.complete(headers);
        } else {
            let added = headers.append_all(&stamp.fields);
            debug_assert!(added.is_ok(), "an answer has room for two more fields");
        }
    });
}

/// Compares values; most are the very same bytes.
#[inline]
fn is_same(one: Option<&HeaderValue>, other: Option<&HeaderValue>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => core::ptr::eq(one.as_bytes(), other.as_bytes()) || one == other,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

impl Stamp {
    /// Adds what is not there.
    #[cold]
    fn complete(&self, headers: &mut Headers) {
        for name in [Known::Server, Known::Date] {
            if let Some(value) = self.fields.known(name).filter(|_| !headers.has(name)) {
                let added =
                    HeaderValue::copy_from(value).and_then(|value| headers.append(name, value).map(|_| ()));
                debug_assert!(added.is_ok(), "an answer has room for another field");
            }
        }
    }

    #[cold]
    fn new(server: Option<&HeaderValue>, unix_secs: u64) -> Self {
        let mut fields = Headers::new();
        if let Some(server) = server {
            fields.extend([(Known::Server.into(), server.clone())]);
        }
        fields.extend([(Known::Date.into(), ImfFixdate::new(unix_secs).into())]);
        Self { unix_secs, server: server.cloned(), fields }
    }
}
