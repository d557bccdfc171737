//! Routes by method and path.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::methods::{Methods, STANDARD, allow};
use super::path::FindError;
use super::pattern::{InsertError, Pattern, join};
use super::tree::{Match, Tree};
use crate::head::Method;

/// Routes by method and path, with fallbacks.
///
/// The path decides first, then the method: with `GET /a/{x}` and `POST /a/b`, a `GET /a/b` is a method not allowed.
/// HEAD is answered by the route of GET where it has none of its own (RFC 9110 §9.3.2), OPTIONS by the table (§9.3.7).
///
/// ```
/// use anyloop_core::head::Method;
/// use anyloop_core::route::{Resolution, Table};
///
/// let mut table = Table::new();
/// table.add(&Method::GET, "/users/{id}", "show")?;
/// table.add(&Method::DELETE, "/users/{id}", "remove")?;
///
/// let Resolution::Found(found) = table.find(&Method::GET, "/users/7") else { panic!() };
/// assert_eq!((*found.value, found.params().get("id")), ("show", Some("7")));
/// table.add(&Method::PUT, "/settings", "change")?;
/// let Resolution::MethodNotAllowed { allow, .. } = table.find(&Method::PUT, "/users/7") else { panic!() };
/// assert_eq!(allow, "GET, HEAD, DELETE, OPTIONS");
/// # Ok::<(), anyloop_core::route::InsertError>(())
/// ```
#[derive(Clone)]
pub struct Table<T> {
    paths: Tree<Methods<T>>,
    /// Every method that has a route of its own.
    known: Vec<Method>,
    reach: Reach,
    /// What `OPTIONS *` is answered with.
    allow: Bytes,
    not_found: Fallbacks<T>,
    not_allowed: Fallbacks<T>,
}

/// What a table says about a request.
#[derive(Clone, Debug)]
pub enum Resolution<'t, 'p, T> {
    /// A route answers.
    Found(Match<'t, 'p, T>),
    /// The table answers an OPTIONS request itself.
    Options {
        /// The value of `Allow`.
        allow: &'t Bytes,
    },
    /// The path has routes, but none for this method: 405.
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: &'t Bytes,
        /// The nearest enclosing [`Table::method_fallback`].
        fallback: Option<&'t T>,
    },
    /// No route has this path: 404.
    NotFound {
        /// The nearest enclosing [`Table::fallback`].
        fallback: Option<&'t T>,
    },
    /// The method is no standard one, and no route of the whole table has it: 501 (RFC 9110 §9.1).
    NotImplemented,
    /// The path does not decode: 400.
    BadPath(FindError),
}

/// Which methods the routes of a table answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Those that were named.
    Named,
    /// All: some route takes any.
    Any,
}

impl<T> Table<T> {
    /// Creates an empty table.
    pub fn new() -> Self {
        Self {
            paths: Tree::new(),
            known: Vec::new(),
            reach: Reach::Named,
            allow: allow([]),
            not_found: Fallbacks::new(),
            not_allowed: Fallbacks::new(),
        }
    }

    /// Adds the route of one method.
    ///
    /// # Errors
    ///
    /// [`InsertError::Malformed`] when `pattern` is not one. [`InsertError::Conflict`] when the method has a route of
    /// the same pattern, or when another pattern matches the same paths. The table is then as it was.
    pub fn add(&mut self, method: &Method, pattern: &str, value: T) -> Result<(), InsertError> {
        self.insert(Some(method), pattern, value)
    }

    /// Adds a route for all methods that have none of their own on this path, OPTIONS included.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn any(&mut self, pattern: &str, value: T) -> Result<(), InsertError> {
        self.insert(None, pattern, value)
    }

    /// Sets what answers when no route has the path, for `prefix` and everything below it.
    ///
    /// The nearest enclosing one answers, that is the one with the most specific prefix; prefixes end at segments, and
    /// a slash at their end means nothing. `/` encloses all.
    ///
    /// # Errors
    ///
    /// [`InsertError::Malformed`] when `prefix` is no pattern without `{*rest}`, [`InsertError::Conflict`] when it has
    /// a fallback. The table is then as it was.
    pub fn fallback(&mut self, prefix: &str, value: T) -> Result<(), InsertError> {
        self.not_found.add(prefix, value)
    }

    /// Sets what answers when the path has routes, but none for the method; otherwise as [`fallback`](Self::fallback).
    ///
    /// # Errors
    ///
    /// As [`fallback`](Self::fallback).
    pub fn method_fallback(&mut self, prefix: &str, value: T) -> Result<(), InsertError> {
        self.not_allowed.add(prefix, value)
    }

    /// Adds all routes and fallbacks of another table.
    ///
    /// # Errors
    ///
    /// [`InsertError::Conflict`]; the table is then as it was.
    pub fn merge(&mut self, other: Self) -> Result<(), InsertError> {
        self.nest("/", other)
    }

    /// Adds all routes and fallbacks of another table below `prefix`, a pattern without `{*rest}`.
    ///
    /// The inner `/` becomes `prefix` as it is written (`/api` or `/api/`); other routes are joined by one slash.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add); the table is then as it was.
    pub fn nest(&mut self, prefix: &str, other: Self) -> Result<(), InsertError> {
        Pattern::parse_prefix(prefix)?;
        for (inner, methods) in other.paths.iter() {
            let pattern = Pattern::parse(&join(prefix, inner))?;
            if let Some(known) = self.paths.peek(&pattern)? {
                for (method, _) in methods.iter() {
                    known.check_free(method, &pattern.text, &pattern.text)?;
                }
            }
        }
        self.not_found.check_nest(prefix, &other.not_found)?;
        self.not_allowed.check_nest(prefix, &other.not_allowed)?;

        for (inner, methods) in other.paths.into_routes() {
            let pattern = join(prefix, &inner);
            for (method, value) in methods.into_values() {
                self.insert(method.as_ref(), &pattern, value)?;
            }
        }
        self.not_found.nest(prefix, other.not_found)?;
        self.not_allowed.nest(prefix, other.not_allowed)
    }

    /// Finds what answers `method` on `path`, a path without its query, or `*` (RFC 9112 §3.2.4).
    ///
    /// Allocates nothing unless the path has escapes or more than 8 parameters.
    pub fn find<'t, 'p>(
        &'t self,
        method: &Method,
        path: &'p (impl AsRef<[u8]> + ?Sized),
    ) -> Resolution<'t, 'p, T> {
        let path = path.as_ref();
        if *path == *b"*" && *method == Method::OPTIONS {
            return Resolution::Options { allow: &self.allow };
        }
        match self.paths.find(path) {
            Err(error) => Resolution::BadPath(error),
            Ok(Some(found)) => match found.value.find(method) {
                Some(value) => Resolution::Found(found.with(value)),
                None if *method == Method::OPTIONS => Resolution::Options { allow: found.value.allow() },
                None if !self.knows(method) => Resolution::NotImplemented,
                None => Resolution::MethodNotAllowed {
                    allow: found.value.allow(),
                    fallback: self.not_allowed.find(path),
                },
            },
            Ok(None) if !self.knows(method) => Resolution::NotImplemented,
            Ok(None) => Resolution::NotFound { fallback: self.not_found.find(path) },
        }
    }

    /// Returns all routes: pattern, method (`None` for all methods) and value, patterns in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&Method>, &T)> {
        self.paths.iter().flat_map(|(pattern, methods)| {
            methods.iter().map(move |(method, value)| (pattern, method, value))
        })
    }

    /// Returns the value of `Allow` for the table as a whole, as `OPTIONS *` is answered.
    pub fn allow(&self) -> &Bytes {
        &self.allow
    }

    /// Tells whether there are no routes; fallbacks do not count.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Replaces each value, those of fallbacks too.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Table<U> {
        Table {
            paths: self.paths.map(|methods| methods.map(&mut change)),
            known: self.known,
            reach: self.reach,
            allow: self.allow,
            not_found: self.not_found.map(&mut change),
            not_allowed: self.not_allowed.map(&mut change),
        }
    }

    fn insert(&mut self, method: Option<&Method>, text: &str, value: T) -> Result<(), InsertError> {
        let pattern = Pattern::parse(text)?;
        let (methods, old) = self.paths.entry(pattern, Methods::new).map_err(|error| named(error, method))?;
        methods.add(method, value, text, old)?;
        match method {
            None => self.reach = Reach::Any,
            Some(method) if self.known.contains(method) => {}
            Some(method) => self.known.push(*method),
        }
        // A route of any method implies those that have a meaning everywhere.
        let implied: &[Method] = match self.reach {
            Reach::Named => &[],
            Reach::Any => {
                &[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]
            }
        };
        self.allow = allow(self.known.iter().chain(implied).copied());
        Ok(())
    }

    /// Tells whether the method is recognized: it is a standard one, or some route has it.
    fn knows(&self, method: &Method) -> bool {
        self.reach == Reach::Any || STANDARD.contains(method) || self.known.contains(method)
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(pattern, method, _)| (method, pattern))).finish()
    }
}

/// Adds the method to the new route of a conflict.
fn named(error: InsertError, method: Option<&Method>) -> InsertError {
    match (error, method) {
        (InsertError::Conflict { new, old }, Some(method)) => {
            InsertError::Conflict { new: alloc::format!("{method} {new}").into(), old }
        }
        (error, _) => error,
    }
}

/// Values by enclosing prefix.
#[derive(Clone, Debug)]
struct Fallbacks<T> {
    /// To places in `values`; each prefix has one entry for itself and two for what is below.
    tree: Tree<u32>,
    values: Vec<(Box<str>, T)>,
}

impl<T> Fallbacks<T> {
    fn new() -> Self {
        Self { tree: Tree::new(), values: Vec::new() }
    }

    fn add(&mut self, prefix: &str, value: T) -> Result<(), InsertError> {
        self.check(prefix)?;
        for pattern in Pattern::subtree(prefix)? {
            self.tree.insert_parsed(pattern, self.values.len() as u32)?;
        }
        self.values.push((prefix.into(), value));
        Ok(())
    }

    fn check(&self, prefix: &str) -> Result<(), InsertError> {
        Pattern::subtree(prefix)?.iter().try_for_each(|pattern| self.tree.check_free(pattern))
    }

    fn check_nest(&self, prefix: &str, other: &Self) -> Result<(), InsertError> {
        other.values.iter().try_for_each(|(inner, _)| self.check(&join(prefix, inner)))
    }

    fn nest(&mut self, prefix: &str, other: Self) -> Result<(), InsertError> {
        other.values.into_iter().try_for_each(|(inner, value)| self.add(&join(prefix, &inner), value))
    }

    fn find(&self, path: &[u8]) -> Option<&T> {
        let found = self.tree.find(path).ok()??;
        self.values.get(*found.value as usize).map(|(_, value)| value)
    }

    fn map<U>(self, change: &mut impl FnMut(T) -> U) -> Fallbacks<U> {
        let values = self.values.into_iter().map(|(prefix, value)| (prefix, change(value)));
        Fallbacks { values: values.collect(), tree: self.tree }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
