//! A radix tree from path patterns to values.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::{fmt, mem};

use bytes::Bytes;
use memchr::memchr;

use super::params::{Names, Params, Span, Spans};
use super::path::{FindError, canonical};
use super::pattern::{InsertError, Part, Pattern, join};

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
/// let found = tree.find_str("/users/a%20b").unwrap().unwrap();
/// assert_eq!((*found.value, found.params.get("id")), ("one user", Some("a b")));
/// assert_eq!(*tree.find_str("/users/me").unwrap().unwrap().value, "myself");
/// # Ok::<(), anyloop_core::route::InsertError>(())
/// ```
#[derive(Clone)]
pub struct Tree<T> {
    /// The first one is the root; children stand behind their parents.
    nodes: Vec<Node>,
    /// In the order of insertion.
    routes: Vec<Route<T>>,
    /// From the shape of a pattern to its place in `routes`.
    shapes: BTreeMap<Box<str>, u32>,
}

/// What a look-up found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Match<'t, T> {
    /// The value of the route.
    pub value: &'t T,
    /// The pattern of the route, as it was inserted.
    pub pattern: &'t str,
    /// The parameters that the path gives.
    pub params: Params,
}

#[derive(Clone)]
struct Route<T> {
    pattern: Box<str>,
    names: Names,
    value: T,
}

#[derive(Clone)]
struct Node {
    /// What the path must continue with; empty for the root and below a parameter.
    text: Box<[u8]>,
    parent: u32,
    edge: Edge,
    /// The first byte of each static child, parallel to `children`.
    firsts: Vec<u8>,
    children: Vec<u32>,
    param: Option<u32>,
    /// The route that takes the remainder.
    rest: Option<u32>,
    /// The route that ends here.
    leaf: Option<u32>,
}

/// How a node hangs on its parent.
#[derive(Clone, Copy)]
enum Edge {
    Static,
    Param,
}

/// What a look-up does next at its node. `at` is where the node's text begins for `Enter` and `Leave`, and where it
/// ends for the others, of which the path then has at least one byte left.
enum Step {
    Enter,
    Param,
    Rest,
    Leave,
}

const ROOT: u32 = 0;

impl<T> Tree<T> {
    /// Creates an empty tree.
    pub fn new() -> Self {
        let root = Node::new(&[], ROOT, Edge::Static);
        Self { nodes: alloc::vec![root], routes: Vec::new(), shapes: BTreeMap::new() }
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

    /// Looks up a path without its query; the values share its bytes.
    ///
    /// # Errors
    ///
    /// A path that does not decode, whether or not a route would match it.
    pub fn find(&self, path: &Bytes) -> Result<Option<Match<'_, T>>, FindError> {
        self.find_with(path, || path.clone())
    }

    /// Looks up a path without its query; where there are values, it is copied.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub fn find_str(&self, path: &str) -> Result<Option<Match<'_, T>>, FindError> {
        self.find_with(path.as_bytes(), || Bytes::copy_from_slice(path.as_bytes()))
    }

    /// Returns patterns and values in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.routes.iter().map(|route| (&*route.pattern, &route.value))
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
        let routes = self.routes.into_iter().map(|Route { pattern, names, value }| Route {
            pattern,
            names,
            value: change(value),
        });
        Tree { nodes: self.nodes, routes: routes.collect(), shapes: self.shapes }
    }

    pub(super) fn into_routes(self) -> impl Iterator<Item = (Box<str>, T)> {
        self.routes.into_iter().map(|route| (route.pattern, route.value))
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
        Ok((&mut route.value, &route.pattern))
    }

    /// Fails when a pattern of the same shape is there.
    pub(super) fn check_free(&self, pattern: &Pattern) -> Result<(), InsertError> {
        match self.shapes.get(&pattern.shape) {
            None => Ok(()),
            Some(index) => Err(pattern.conflict(&self.routes[*index as usize].pattern)),
        }
    }

    /// Finds the same pattern; one of the same shape with other names is a conflict.
    fn index_of(&self, pattern: &Pattern) -> Result<Option<u32>, InsertError> {
        let Some(index) = self.shapes.get(&pattern.shape) else { return Ok(None) };
        let route = &self.routes[*index as usize];
        if *route.names == *pattern.names { Ok(Some(*index)) } else { Err(pattern.conflict(&route.pattern)) }
    }

    /// As [`get`](Self::get), with the conflict told.
    pub(super) fn peek(&self, pattern: &Pattern) -> Result<Option<&T>, InsertError> {
        Ok(self.index_of(pattern)?.map(|index| &self.routes[index as usize].value))
    }

    /// Adds a route of which `check_free` is known to hold.
    fn place(&mut self, pattern: Pattern, value: T) -> u32 {
        let index = self.routes.len() as u32;
        let mut id = ROOT;
        let mut ends = true;
        for part in &pattern.parts {
            match part {
                Part::Static(text) => id = self.graft(id, text),
                Part::Param => id = self.param_of(id),
                Part::Rest => {
                    self.node_mut(id).rest = Some(index);
                    ends = false;
                }
            }
        }
        if ends {
            self.node_mut(id).leaf = Some(index);
        }
        self.shapes.insert(pattern.shape, index);
        self.routes.push(Route { pattern: pattern.text, names: pattern.names.into(), value });
        index
    }

    /// Returns the node that static `text` leads to from the end of node `id`.
    fn graft(&mut self, mut id: u32, mut text: &[u8]) -> u32 {
        while let Some(first) = text.first() {
            let Some(child) = self.node(id).child(*first) else {
                let child = self.add(Node::new(text, id, Edge::Static));
                let parent = self.node_mut(id);
                parent.firsts.push(*first);
                parent.children.push(child);
                return child;
            };
            let common = common_len(&self.node(child).text, text);
            if common < self.node(child).text.len() {
                self.split(child, common);
            }
            text = &text[common..];
            id = child;
        }
        id
    }

    /// Moves everything of node `id` but the first `at` bytes of its text into a new child.
    fn split(&mut self, id: u32, at: usize) {
        let text = self.node(id).text.clone();
        let (head, tail) = text.split_at(at);
        let parent = self.node(id).parent;
        let edge = self.node(id).edge;
        let mut upper = Node::new(head, parent, edge);
        upper.firsts.push(tail[0]);
        upper.children.push(self.nodes.len() as u32);
        let mut lower = mem::replace(self.node_mut(id), upper);
        lower.text = tail.into();
        lower.parent = id;
        lower.edge = Edge::Static;
        let moved = self.nodes.len() as u32;
        for child in lower.children.iter().chain(&lower.param) {
            self.node_mut(*child).parent = moved;
        }
        self.add(lower);
    }

    fn param_of(&mut self, id: u32) -> u32 {
        if let Some(child) = self.node(id).param {
            return child;
        }
        let child = self.add(Node::new(&[], id, Edge::Param));
        self.node_mut(id).param = Some(child);
        child
    }

    fn add(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: u32) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// As [`find`](Self::find), for a caller who shares the path only when there are values: `share` gives its bytes.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub fn find_with(
        &self,
        path: &[u8],
        share: impl FnOnce() -> Bytes,
    ) -> Result<Option<Match<'_, T>>, FindError> {
        let rewritten = canonical(path)?;
        let mut spans = Spans::new();
        let Some(index) = self.walk(rewritten.as_deref().unwrap_or(path), &mut spans, || ()) else {
            return Ok(None);
        };
        let Route { pattern, names, value } = &self.routes[index as usize];
        let params = match rewritten {
            _ if spans.is_empty() => Params::default(),
            Some(canonical) => Params::decoded(names.clone(), &canonical, spans),
            None => Params::shared(names.clone(), path, share, spans),
        };
        Ok(Some(Match { value, pattern, params }))
    }

    /// Finds the route of a canonical path and the places of its values; calls `visit` for each node entered.
    ///
    /// Each part of a pattern takes a fixed piece of the path, so a node is always reached at the same place: entering
    /// it a second time could tell nothing new, and going back needs only the way up, no stack.
    fn walk(&self, path: &[u8], spans: &mut Spans, mut visit: impl FnMut()) -> Option<u32> {
        let mut id = ROOT;
        let mut at = 0;
        let mut step = Step::Enter;
        loop {
            let node = self.node(id);
            step = match step {
                Step::Enter => {
                    visit();
                    let tail = &path[at..];
                    if !starts_with(tail, &node.text) {
                        Step::Leave
                    } else if let Some(next) = tail.get(node.text.len()) {
                        at += node.text.len();
                        match node.child(*next) {
                            Some(child) => {
                                id = child;
                                Step::Enter
                            }
                            None => Step::Param,
                        }
                    } else if node.leaf.is_some() {
                        return node.leaf;
                    } else {
                        Step::Leave
                    }
                }
                Step::Param => match (node.param, segment_end(path, at)) {
                    (Some(child), end) if end > at => {
                        spans.push(Span::new(at, end));
                        at = end;
                        id = child;
                        Step::Enter
                    }
                    _ => Step::Rest,
                },
                Step::Rest if node.rest.is_some() => {
                    spans.push(Span::new(at, path.len()));
                    return node.rest;
                }
                Step::Rest => {
                    at -= node.text.len();
                    Step::Leave
                }
                Step::Leave if id == ROOT => return None,
                Step::Leave => {
                    id = node.parent;
                    match node.edge {
                        Edge::Static => Step::Param,
                        Edge::Param => {
                            at = spans.pop()?.start();
                            Step::Rest
                        }
                    }
                }
            };
        }
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

impl Node {
    fn new(text: &[u8], parent: u32, edge: Edge) -> Self {
        Self {
            text: text.into(),
            parent,
            edge,
            firsts: Vec::new(),
            children: Vec::new(),
            param: None,
            rest: None,
            leaf: None,
        }
    }

    fn child(&self, first: u8) -> Option<u32> {
        // Few nodes have many children, and a call costs more than a look at a few bytes.
        let place = match self.firsts.len() {
            0..=16 => self.firsts.iter().position(|known| *known == first),
            _ => memchr(first, &self.firsts),
        };
        place.map(|place| self.children[place])
    }
}

/// Compares in place: texts are short, and calling `memcmp` for each triples the cost of a look-up.
fn starts_with(path: &[u8], text: &[u8]) -> bool {
    let Some(path) = path.get(..text.len()) else { return false };
    let (path, path_tail) = path.as_chunks::<8>();
    let (text, text_tail) = text.as_chunks::<8>();
    path.iter().zip(text).all(|(one, other)| u64::from_ne_bytes(*one) == u64::from_ne_bytes(*other))
        && path_tail.iter().zip(text_tail).all(|(one, other)| one == other)
}

fn segment_end(path: &[u8], at: usize) -> usize {
    memchr(b'/', &path[at..]).map_or(path.len(), |len| at + len)
}

fn common_len(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
