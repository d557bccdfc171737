//! A radix tree from path patterns to values.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use super::node::{Edge, Link, MAX_TEXT, Node, Texts};
use super::params::{Decoded, Names, Params, Places, decode};
use super::path::{FindError, rewrite};
use super::pattern::{InsertError, Part, Pattern, join};
use super::words::Words;

/// A radix tree over the bytes of paths.
///
/// The pattern language, the order of precedence and the treatment of escapes are those of the [module](super).
/// A look-up enters each node at most once, whatever the path, keeps no stack and allocates nothing while it searches;
/// its usual cost follows the length of the path and not the number of routes.
///
/// ```
/// use anyloop_core::route::Tree;
///
/// let mut tree = Tree::new();
/// tree.insert("/users/{id}", "one user")?;
/// tree.insert("/users/me", "myself")?;
/// let found = tree.find("/users/a%20b").unwrap().unwrap();
/// assert_eq!((*found.value, found.params().get("id")), ("one user", Some("a b")));
/// assert_eq!(*tree.find("/users/me").unwrap().unwrap().value, "myself");
/// # Ok::<(), anyloop_core::route::InsertError>(())
/// ```
#[derive(Clone)]
pub struct Tree<T> {
    /// The first one is the root; children stand behind their parents.
    nodes: Vec<Node>,
    texts: Texts,
    /// In the order of insertion.
    routes: Vec<Route<T>>,
    /// From the shape of a pattern to its place in `routes`.
    shapes: BTreeMap<Box<str>, u32>,
}

/// What a look-up found.
#[derive(Clone)]
#[non_exhaustive]
pub struct Match<'t, 'p, T> {
    /// The value of the route.
    pub value: &'t T,
    shape: &'t Shape,
    decoded: Decoded,
    path: &'p [u8],
}

#[derive(Clone)]
struct Route<T> {
    shape: Shape,
    value: T,
}

/// What a route is called and what it takes from a path.
#[derive(Clone)]
struct Shape {
    pattern: Box<str>,
    names: Names,
}

/// What a look-up does next at a node whose static text leads nowhere. `at` is where the node's text begins for `Leave`,
/// and where it ends for the others, of which the path then has at least one byte left.
enum Step {
    Param,
    Rest,
    Leave,
}

/// Where a path leads.
enum Located {
    /// To a route, as it stands.
    Plain(NonZeroU32),
    /// To a route, in its canonical form.
    Rewritten(NonZeroU32),
    Nowhere,
    Refused(FindError),
}

/// What a parameter took of a path.
enum Taken {
    /// A segment that ends there; the node comes next.
    Until(usize, NonZeroU32),
    /// The last segment, with which a route ends.
    All(NonZeroU32),
    Nothing,
}

const ROOT: u32 = 0;

impl<'t, 'p, T> Match<'t, 'p, T> {
    /// Returns the pattern of the route, as it was inserted.
    pub fn pattern(&self) -> &'t str {
        &self.shape.pattern
    }

    /// Returns the parameters that the path gives.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.shape.names, &self.decoded, self.path)
    }

    /// Returns the parameters without the path, in which most values lie.
    pub fn into_places(self) -> Places {
        Places::new(&self.shape.names, self.decoded)
    }

    /// Replaces the value.
    pub(super) fn with<U>(self, value: &'t U) -> Match<'t, 'p, U> {
        Match { value, shape: self.shape, decoded: self.decoded, path: self.path }
    }
}

impl<T: fmt::Debug> fmt::Debug for Match<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match")
            .field("value", &self.value)
            .field("pattern", &self.pattern())
            .field("params", &self.params())
            .finish()
    }
}

impl<T> Route<T> {
    fn found<'t, 'p>(&'t self, path: &'p [u8], decoded: Decoded) -> Match<'t, 'p, T> {
        Match { value: &self.value, shape: &self.shape, decoded, path }
    }
}

impl<T> Tree<T> {
    /// Creates an empty tree.
    pub fn new() -> Self {
        let mut texts = Texts::default();
        // Every pattern begins with a slash.
        let root = Node::new(ROOT, Edge::Static).with_text(b"/", &mut texts);
        Self { nodes: alloc::vec![root], texts, routes: Vec::new(), shapes: BTreeMap::new() }
    }

    /// Adds a route.
    ///
    /// # Errors
    ///
    /// [`InsertError::Malformed`] when `pattern` is not one, [`InsertError::Conflict`] when a pattern is there that
    /// matches the same paths. The tree is then as it was.
    pub fn insert(&mut self, pattern: &str, value: T) -> Result<(), InsertError> {
        self.insert_parsed(Pattern::parse(pattern)?, value)
    }

    /// Returns the value of `pattern`, which is inserted with the value of `make` when it is not there.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert), but the same pattern is no conflict; the same with other names is.
    pub fn get_or_insert_with(
        &mut self,
        pattern: &str,
        make: impl FnOnce() -> T,
    ) -> Result<&mut T, InsertError> {
        self.entry(Pattern::parse(pattern)?, make).map(|(value, _)| value)
    }

    /// Returns the value of a pattern that was inserted with the same names.
    pub fn get(&self, pattern: &str) -> Option<&T> {
        let index = self.index_of(&Pattern::parse(pattern).ok()?).ok()??;
        Some(&self.routes[index as usize].value)
    }

    /// Returns the value of a pattern that was inserted with the same names, to change it.
    pub fn get_mut(&mut self, pattern: &str) -> Option<&mut T> {
        let index = self.index_of(&Pattern::parse(pattern).ok()?).ok()??;
        Some(&mut self.routes[index as usize].value)
    }

    /// Adds all routes of another tree.
    ///
    /// # Errors
    ///
    /// [`InsertError::Conflict`]; the tree is then as it was.
    pub fn merge(&mut self, other: Self) -> Result<(), InsertError> {
        self.nest("/", other)
    }

    /// Adds all routes of another tree below `prefix`, a pattern without `{*rest}`.
    ///
    /// The inner `/` becomes `prefix` as it is written (`/api` or `/api/`); other routes are joined by one slash.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert); the tree is then as it was.
    pub fn nest(&mut self, prefix: &str, other: Self) -> Result<(), InsertError> {
        Pattern::parse_prefix(prefix)?;
        let mut nested = Vec::with_capacity(other.routes.len());
        for (inner, value) in other.into_routes() {
            let pattern = Pattern::parse(&join(prefix, &inner))?;
            self.check_free(&pattern)?;
            nested.push((pattern, value));
        }
        // Routes that differ still differ below the same prefix, so none of these fails.
        for (pattern, value) in nested {
            self.insert_parsed(pattern, value)?;
        }
        Ok(())
    }

    /// Looks up a path without its query.
    ///
    /// # Errors
    ///
    /// A path that does not decode, whether or not a route would match it.
    #[inline]
    pub fn find<'t, 'p>(
        &'t self,
        path: &'p (impl AsRef<[u8]> + ?Sized),
    ) -> Result<Option<Match<'t, 'p, T>>, FindError> {
        let path = path.as_ref();
        match self.locate(path) {
            Located::Plain(route) => Ok(Some(self.route(route).found(path, None))),
            Located::Rewritten(route) => {
                let route = self.route(route);
                Ok(Some(route.found(path, decode(&route.shape.names, path))))
            }
            Located::Nowhere => Ok(None),
            Located::Refused(error) => Err(error),
        }
    }

    /// Returns patterns and values in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.routes.iter().map(|route| (&*route.shape.pattern, &route.value))
    }

    /// Returns the number of routes.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Tells whether there are no routes.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Replaces each value.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Tree<U> {
        let routes =
            self.routes.into_iter().map(|route| Route { shape: route.shape, value: change(route.value) });
        Tree { nodes: self.nodes, texts: self.texts, routes: routes.collect(), shapes: self.shapes }
    }

    pub(super) fn into_routes(self) -> impl Iterator<Item = (Box<str>, T)> {
        self.routes.into_iter().map(|route| (route.shape.pattern, route.value))
    }

    pub(super) fn insert_parsed(&mut self, pattern: Pattern, value: T) -> Result<(), InsertError> {
        self.check_free(&pattern)?;
        self.place(pattern, value);
        Ok(())
    }

    /// Returns the value of `pattern`, inserted when it is not there, and the pattern as it was inserted.
    pub(super) fn entry(
        &mut self,
        pattern: Pattern,
        make: impl FnOnce() -> T,
    ) -> Result<(&mut T, &str), InsertError> {
        let index = match self.index_of(&pattern)? {
            Some(index) => index,
            None => self.place(pattern, make()),
        };
        let route = &mut self.routes[index as usize];
        Ok((&mut route.value, &route.shape.pattern))
    }

    /// Fails when a pattern of the same shape is there.
    pub(super) fn check_free(&self, pattern: &Pattern) -> Result<(), InsertError> {
        match self.shapes.get(&pattern.shape) {
            None => Ok(()),
            Some(index) => Err(pattern.conflict(&self.routes[*index as usize].shape.pattern)),
        }
    }

    /// Finds the same pattern; one of the same shape with other names is a conflict.
    fn index_of(&self, pattern: &Pattern) -> Result<Option<u32>, InsertError> {
        let Some(index) = self.shapes.get(&pattern.shape) else { return Ok(None) };
        let route = &self.routes[*index as usize];
        if route.shape.names == Names::of(pattern) {
            Ok(Some(*index))
        } else {
            Err(pattern.conflict(&route.shape.pattern))
        }
    }

    /// As [`get`](Self::get), with the conflict told.
    pub(super) fn peek(&self, pattern: &Pattern) -> Result<Option<&T>, InsertError> {
        Ok(self.index_of(pattern)?.map(|index| &self.routes[index as usize].value))
    }

    /// Adds a route of which `check_free` is known to hold.
    fn place(&mut self, pattern: Pattern, value: T) -> u32 {
        let index = self.routes.len() as u32;
        let route = NonZeroU32::new(index + 1);
        let mut id = ROOT;
        for part in &pattern.parts {
            match part {
                Part::Static(text) => id = self.graft(id, text),
                Part::Param => id = self.param_of(id),
                Part::Rest => {}
            }
        }
        let node = self.node_mut(id);
        match pattern.parts.last() {
            Some(Part::Rest) => node.rest = route,
            Some(Part::Param) => node.before = route,
            Some(Part::Static(_)) | None => node.leaf = route,
        }
        let names = Names::of(&pattern);
        self.shapes.insert(pattern.shape, index);
        self.routes.push(Route { shape: Shape { pattern: pattern.text, names }, value });
        index
    }

    /// Returns the node whose text `text` ends with when it is laid along that of node `id` and then those below.
    fn graft(&mut self, mut id: u32, mut text: &[u8]) -> u32 {
        loop {
            let node = self.node(id);
            if node.len() == 0 {
                self.set_text(id, &text[..text.len().min(MAX_TEXT)]);
                continue;
            }
            let known = node.text(&self.texts);
            let common = common_len(&known, text);
            if common < known.len() {
                self.split(id, &known, common);
            }
            text = &text[common..];
            let Some(first) = text.first() else { return id };
            id = match self.node(id).child(*first) {
                Some(child) => child.get(),
                None => {
                    let child = self.add(Node::new(id, Edge::Static));
                    self.node_mut(id).adopt(*first, child);
                    child.get()
                }
            };
        }
    }

    /// Moves everything of node `id`, whose text is `text`, but its first `at` bytes into a new child.
    fn split(&mut self, id: u32, text: &[u8], at: usize) {
        let (upper, lower) = self.node(id).clone().halves(id);
        *self.node_mut(id) = upper;
        let lower = self.add(lower);
        self.set_text(id, &text[..at]);
        self.set_text(lower.get(), &text[at..]);
        self.node_mut(id).adopt(text[at], lower);
    }

    fn set_text(&mut self, id: u32, text: &[u8]) {
        let node = self.nodes[id as usize].clone();
        self.nodes[id as usize] = node.with_text(text, &mut self.texts);
    }

    fn param_of(&mut self, id: u32) -> u32 {
        if let Some(child) = self.node(id).param {
            return child.get();
        }
        let child = self.add(Node::new(id, Edge::Param));
        self.node_mut(id).param = Some(child);
        child.get()
    }

    /// Adds a node below another one.
    fn add(&mut self, node: Node) -> NonZeroU32 {
        let id = NonZeroU32::MIN.saturating_add(self.nodes.len() as u32 - 1);
        for child in node.below() {
            self.node_mut(child.get()).parent = id.get();
        }
        self.nodes.push(node);
        id
    }

    fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: u32) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    fn route(&self, link: NonZeroU32) -> &Route<T> {
        &self.routes[link.get() as usize - 1]
    }

    /// Finds the route of a path. Apart from `find`, because this answer takes no way through memory.
    #[inline(never)]
    fn locate(&self, path: &[u8]) -> Located {
        let words = Words::new(path);
        if words.is_plain() {
            return self.walk(&words, || ()).map_or(Located::Nowhere, Located::Plain);
        }
        self.locate_rewritten(path)
    }

    /// Apart from the usual case, which needs no room for another path.
    #[cold]
    fn locate_rewritten(&self, path: &[u8]) -> Located {
        match rewrite(path) {
            Ok(path) => self.walk(&Words::new(&path), || ()).map_or(Located::Nowhere, Located::Rewritten),
            Err(error) => Located::Refused(error),
        }
    }

    /// Finds the route of a canonical path; calls `visit` for each node entered.
    ///
    /// Each part of a pattern takes a fixed piece of the path, so a node is always reached at the same place: entering
    /// it a second time could tell nothing new, and going back needs only the way up, no stack.
    fn walk(&self, path: &Words<'_>, mut visit: impl FnMut()) -> Link {
        let (mut id, mut at) = (ROOT, 0);
        loop {
            let mut step = loop {
                visit();
                let node = self.node(id);
                if !node.fits(path, at, &self.texts) {
                    break Step::Leave;
                }
                let Some(next) = path.byte(at + node.len()) else {
                    match node.leaf {
                        Some(route) => return Some(route),
                        None => break Step::Leave,
                    }
                };
                at += node.len();
                match node.child(next) {
                    Some(child) => id = child.get(),
                    None => break Step::Param,
                }
            };
            id = loop {
                let node = self.node(id);
                step = match step {
                    Step::Param => match self.take_segment(node, path, at) {
                        Taken::All(route) => return Some(route),
                        Taken::Until(end, child) => {
                            at = end;
                            break child.get();
                        }
                        Taken::Nothing => Step::Rest,
                    },
                    Step::Rest if node.rest.is_some() => return node.rest,
                    Step::Rest => {
                        at -= node.len();
                        Step::Leave
                    }
                    Step::Leave if id == ROOT => return None,
                    Step::Leave => {
                        id = node.parent;
                        match node.edge {
                            Edge::Static => Step::Param,
                            Edge::Param => {
                                at = path.segment_start(at);
                                Step::Rest
                            }
                        }
                    }
                };
            };
        }
    }

    /// Lets the parameter of a node take a segment that begins at `at`.
    fn take_segment(&self, node: &Node, path: &Words<'_>, at: usize) -> Taken {
        let Some(child) = node.param else { return Taken::Nothing };
        let end = path.segment_end(at);
        if end == at {
            return Taken::Nothing;
        }
        if end < path.len() {
            return Taken::Until(end, child);
        }
        self.node(child.get()).before.map_or(Taken::Nothing, Taken::All)
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Tree<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(pattern, _)| pattern)).finish()
    }
}

fn common_len(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
