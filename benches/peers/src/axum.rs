//! axum, with the files of tower-http.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use ::axum::body::Body;
use ::axum::extract::Path;
use ::axum::http::header::CONTENT_TYPE;
use ::axum::response::IntoResponse;
use ::axum::routing::{get, post};
use ::axum::serve::ListenerExt;
use ::axum::{Json, Router};

use crate::hyper::sink;
use crate::listen;
use crate::routes::{self, MESSAGE, PLAINTEXT, Pieces};

pub(crate) fn serve(addr: SocketAddr, threads: usize, root: Option<PathBuf>) -> io::Result<()> {
    let listener = listen::bind(addr)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
            // A socket that can't be set is one that its client has left.
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(::axum::serve(listener, app(root)).into_future()).await?
    })
}

fn app(root: Option<PathBuf>) -> Router {
    let app = Router::new()
        .route("/plaintext", get(async || ([(CONTENT_TYPE, "text/plain")], PLAINTEXT)))
        .route("/json", get(async || Json(MESSAGE)))
        .route("/echo", post(async |body: Body| body))
        .route("/sink", post(async |body: Body| sink(body).await.to_string()))
        .route("/bytes/{n}", get(bytes))
        .route("/chunked/{n}", get(chunked));
    match root {
        Some(root) => app.fallback_service(tower_http::services::ServeDir::new(root)),
        None => app,
    }
}

async fn bytes(Path(length): Path<u64>) -> impl IntoResponse {
    let body = routes::whole(length).map_or_else(|| Body::new(Pieces::sized(length)), Body::from);
    ([(CONTENT_TYPE, "application/octet-stream")], body)
}

async fn chunked(Path(length): Path<u64>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/octet-stream")], Body::new(Pieces::chunked(length)))
}
