//! The demo application: what `anyloop serve` runs when it is given no directory.

mod bytes;
mod delay;
mod echo;
mod lines;
mod message;
mod number;
mod page;
mod params;

use anyloop::{Html, Json, Request, Response, Router, SharedRuntime, Status};

/// Makes the application.
pub(crate) fn app<R: SharedRuntime>(rt: R) -> Router {
    routes(rt).fallback("/", |_: Request| (Status::NOT_FOUND, Html("<!DOCTYPE html>Not found")))
}

/// Makes its routes, without an answer for other paths.
pub(crate) fn routes<R: SharedRuntime>(rt: R) -> Router {
    Router::new()
        .get("/", |_: Request| page::heading("Home page"))
        .get("/about", |_: Request| page::heading("About page"))
        .get("/index.html", |_: Request| Html(include_str!("index.html")))
        .post("/post-something", message::answer)
        .get("/hello", |_: Request| Json(Hello { hello: "world" }))
        .get("/params", params::from_query)
        .post("/params", params::from_query_and_form)
        .post("/echo", echo::answer)
        .get("/plaintext", |_: Request| Response::new("Hello, World!").with_type("text/plain"))
        .get("/json", |_: Request| Json(message::Message { message: "Hello, World!" }))
        .get("/bytes/{n}", bytes::answer)
        .get("/stream/{n}", lines::answer)
        .get("/delay/{ms}", move |request: Request| delay::answer(rt.clone(), request))
}

#[derive(serde::Serialize)]
struct Hello {
    hello: &'static str,
}

#[cfg(test)]
mod tests;
