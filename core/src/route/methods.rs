//! The methods of one path.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::pattern::InsertError;
use crate::head::Method;

/// The methods that every server recognizes (RFC 9110 §9.3, RFC 5789), in their order in `Allow`; others follow by name.
pub(super) const STANDARD: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::CONNECT,
    Method::OPTIONS,
    Method::TRACE,
];

/// What stands in conflicts for a route of all methods.
const ANY: &str = "any";

/// The values of one path by method.
#[derive(Clone, Debug)]
pub(super) struct Methods<T> {
    named: Vec<(Method, T)>,
    any: Option<T>,
    /// Kept in step with `named`.
    allow: Bytes,
}

impl<T> Methods<T> {
    pub(super) fn new() -> Self {
        Self { named: Vec::new(), any: None, allow: allow([]) }
    }

    /// Adds the value of `method`, or of all methods; `new` and `old` are the patterns that a conflict names.
    pub(super) fn add(
        &mut self,
        method: Option<&Method>,
        value: T,
        new: &str,
        old: &str,
    ) -> Result<(), InsertError> {
        self.check_free(method, new, old)?;
        match method {
            None => self.any = Some(value),
            Some(method) => {
                self.named.push((*method, value));
                self.allow = allow(self.named.iter().map(|(method, _)| *method));
            }
        }
        Ok(())
    }

    pub(super) fn check_free(
        &self,
        method: Option<&Method>,
        new: &str,
        old: &str,
    ) -> Result<(), InsertError> {
        let taken = match method {
            None => self.any.is_some(),
            Some(method) => self.own(method).is_some(),
        };
        if !taken {
            return Ok(());
        }
        let name = method.map_or(ANY, Method::as_str);
        Err(InsertError::Conflict {
            new: format!("{name} {new}").into(),
            old: format!("{name} {old}").into(),
        })
    }

    /// Finds the value that answers `method`: its own, for HEAD that of GET, or that of all methods.
    pub(super) fn find(&self, method: &Method) -> Option<&T> {
        let own = self.own(method);
        let own = if own.is_none() && *method == Method::HEAD { self.own(&Method::GET) } else { own };
        own.or(self.any.as_ref())
    }

    pub(super) fn allow(&self) -> &Bytes {
        &self.allow
    }

    /// Returns methods and values in the order of insertion, that of all methods (`None`) last.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<&Method>, &T)> {
        let named = self.named.iter().map(|(method, value)| (Some(method), value));
        named.chain(self.any.iter().map(|value| (None, value)))
    }

    /// As [`iter`](Self::iter), by value.
    pub(super) fn into_values(self) -> impl Iterator<Item = (Option<Method>, T)> {
        let named = self.named.into_iter().map(|(method, value)| (Some(method), value));
        named.chain(self.any.into_iter().map(|value| (None, value)))
    }

    pub(super) fn map<U>(self, change: &mut impl FnMut(T) -> U) -> Methods<U> {
        Methods {
            named: self.named.into_iter().map(|(method, value)| (method, change(value))).collect(),
            any: self.any.map(change),
            allow: self.allow,
        }
    }

    fn own(&self, method: &Method) -> Option<&T> {
        self.named.iter().find(|(known, _)| known == method).map(|(_, value)| value)
    }
}

/// Writes the value of `Allow` (RFC 9110 §10.2.1) for these methods, with what they imply: HEAD where GET is, and
/// OPTIONS.
pub(super) fn allow(methods: impl IntoIterator<Item = Method>) -> Bytes {
    let mut all: Vec<_> = methods.into_iter().collect();
    if all.contains(&Method::GET) {
        all.push(Method::HEAD);
    }
    all.push(Method::OPTIONS);
    let rank = |method: &Method| STANDARD.iter().position(|known| known == method).unwrap_or(STANDARD.len());
    all.sort_unstable_by(|one, other| {
        rank(one).cmp(&rank(other)).then_with(|| one.as_str().cmp(other.as_str()))
    });
    all.dedup();
    let mut text = String::new();
    for method in &all {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(method.as_str());
    }
    text.into()
}
