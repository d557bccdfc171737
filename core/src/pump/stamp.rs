//! The fields that every answer carries, made once a second on each thread.

use core::cell::RefCell;

use crate::encode::date::ImfFixdate;
use crate::head::{HeaderValue, Headers, Known};

/// The fields of one second.
#[derive(Default)]
struct Stamp {
    unix_secs: u64,
    server: Option<HeaderValue>,
    fields: Headers,
}

std::thread_local! {
    static STAMP: RefCell<Stamp> = RefCell::default();
}

/// Adds `Server`, if it has a value, and `Date` (RFC 9110 §10.2.4, §6.6.1), unless they are there.
pub(super) fn stamp(headers: &mut Headers, server: Option<&HeaderValue>, unix_secs: u64) {
    STAMP.with_borrow_mut(|stamp| {
        if stamp.fields.is_empty() || stamp.unix_secs != unix_secs || stamp.server.as_ref() != server {
            *stamp = Stamp::new(server, unix_secs);
        }
        if !headers.has(Known::Server) && !headers.has(Known::Date) {
            let added = headers.append_all(&stamp.fields);
            debug_assert!(added.is_ok(), "an answer has room for two more fields");
            return;
        }
        for name in [Known::Server, Known::Date] {
            if let Some(value) = stamp.fields.known(name).filter(|_| !headers.has(name)) {
                let added =
                    HeaderValue::copy_from(value).and_then(|value| headers.append(name, value).map(|_| ()));
                debug_assert!(added.is_ok(), "an answer has room for another field");
            }
        }
    });
}

impl Stamp {
    fn new(server: Option<&HeaderValue>, unix_secs: u64) -> Self {
        let mut fields = Headers::new();
        if let Some(server) = server {
            fields.extend([(Known::Server.into(), server.clone())]);
        }
        fields.extend([(Known::Date.into(), ImfFixdate::new(unix_secs).into())]);
        Self { unix_secs, server: server.cloned(), fields }
    }
}
