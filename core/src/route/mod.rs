//! Which handler a request belongs to.
//!
//! A pattern is a path that begins with `/` and whose segments are static text, `{name}` for one non-empty segment, or,
//! as the last one, `{*rest}` for the non-empty remainder of the path, slashes included. `{{` and `}}` stand for plain
//! braces. A parameter is always a whole segment. `/a` and `/a/` are different paths.
//!
//! Where several patterns match a path, the first segment in which they differ decides: static text goes before
//! `{name}`, and that before `{*rest}`. A more specific branch that leads nowhere is left again: with `/a/{x}/c` and
//! `/a/b/d`, the path `/a/b/c` belongs to the first.
//!
//! Paths are matched before they are decoded, so `%2F` never splits a segment. Escapes of characters that are not
//! reserved are equal to the character itself (RFC 3986 §6.2.2.2), in the path and in the pattern; `/caf%C3%A9` is
//! matched by `/café`. A path with a malformed escape, that does not decode to UTF-8, or that holds a NUL is refused as
//! a whole.
//!
//! Dot segments (`.` and `..`, also as `%2e`) are segments like any other and reach handlers as values: who turns a
//! value into a file name has to refuse them.

mod methods;
mod node;
mod params;
mod path;
mod pattern;
mod table;
mod tree;
mod words;

pub use params::{Params, Places};
pub use path::FindError;
pub use pattern::{InsertError, PatternFault};
pub use table::{Resolution, Table};
pub use tree::{Match, Tree};
