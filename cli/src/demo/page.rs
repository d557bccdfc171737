//! Pages that are one heading.

use anyloop::{Html, escape_html};

/// Returns a page with a heading, whose text may come from outside.
pub(super) fn heading(text: &str) -> Html<String> {
    Html(format!("<!DOCTYPE html><h3>{}</h3>", escape_html(text)))
}
