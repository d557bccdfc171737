//! The `Date` of answers, made once a second on each thread.

use core::cell::RefCell;

use crate::encode::date::DateCache;
use crate::head::HeaderValue;

std::thread_local! {
    static CACHE: RefCell<DateCache> = RefCell::default();
}

/// Returns the value of `Date` (RFC 9110 §6.6.1).
pub(super) fn date(unix_secs: u64) -> HeaderValue {
    CACHE.with_borrow_mut(|cache| cache.value(unix_secs))
}
