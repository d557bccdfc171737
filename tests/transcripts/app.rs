//! The application that the recorded clients talk to.

use core::time::Duration;

use anyloop::core::protocol::Echo;
use anyloop::{
    Body, BodyError, Headers, Html, Request, Response, Router, SharedRuntime, Status, escape_html,
};

/// Makes the application. Its answers are the same whenever, wherever and however often it is asked.
pub(crate) fn app<R: SharedRuntime>(rt: R) -> Router {
    Router::new()
        .get("/", |_: Request| "home\n")
        .get("/hello/{name}", greet)
        .get("/lines/{n}", lines)
        .get("/wait/{ms}", move |request: Request| wait(rt.clone(), request))
        .get("/hints", hints)
        .get("/none", |_: Request| Status::NO_CONTENT)
        .get("/same", |_: Request| Response::empty(Status::NOT_MODIFIED))
        .get("/panic", panics)
        .get("/chat", |_: Request| Response::upgrade("echo", Echo::default()))
        .post("/echo", |request: Request| Response::new(request.into_body()))
        .post("/collect", collect)
        .post("/ignore", |_: Request| "not read\n")
        .put("/hello/{name}", |_: Request| Status::CREATED)
}

fn greet(request: Request) -> Html<String> {
    Html(format!("<p>hello, {}</p>\n", escape_html(request.param("name").unwrap_or_default())))
}

fn lines(request: Request) -> Result<Response, Status> {
    let last: u32 = number(&request, "n")?;
    Ok(Response::text(Body::produce(move |mut sink| async move {
        for line in 1..=last {
            sink.send(format!("line {line}\n")).await?;
        }
        Ok(())
    })))
}

async fn wait<R: SharedRuntime>(rt: R, request: Request) -> Result<&'static str, Status> {
    let millis = number(&request, "ms")?;
    rt.sleep(Duration::from_millis(millis)).await;
    Ok("waited\n")
}

async fn hints(request: Request) -> Result<&'static str, Status> {
    let mut headers = Headers::new();
    headers.append("link", "</style.css>; rel=preload").map_err(|_| Status::INTERNAL_SERVER_ERROR)?;
    request.interim().send(Status::EARLY_HINTS, headers).map_err(|_| Status::INTERNAL_SERVER_ERROR)?;
    Ok("with hints\n")
}

async fn panics(_: Request) -> Status {
    panic!("as it should")
}

async fn collect(request: Request) -> Result<String, BodyError> {
    let body = request.into_body().collect().await?;
    Ok(format!("{} bytes: {}\n", body.len(), String::from_utf8_lossy(&body)))
}

fn number<N: core::str::FromStr>(request: &Request, name: &str) -> Result<N, Status> {
    request.param(name).and_then(|text| text.parse().ok()).ok_or(Status::BAD_REQUEST)
}
