//! ntex on its own event loop, over epoll.

use std::io;
use std::net::SocketAddr;

use ::ntex::SharedCfg;
use ::ntex::http::body::{BodyStream, SizedStream};
use ::ntex::http::{HttpServiceConfig, KeepAlive};
use ::ntex::time::Seconds;
use ::ntex::util::Bytes;
use ::ntex::web::types::{Path, Payload};
use ::ntex::web::{self, App, HttpResponse, HttpServer};

use crate::listen;
use crate::routes::{self, MESSAGE, PLAINTEXT, Pieces};

/// As long as most servers keep an idle connection; its own 5 s would end them during the measurement of memory.
const IDLE: Seconds = Seconds(75);

#[::ntex::main]
pub(crate) async fn serve(addr: SocketAddr, threads: usize) -> io::Result<()> {
    let listener = listen::bind(addr)?;
    let config = HttpServiceConfig::new().set_keepalive(KeepAlive::Timeout(IDLE));
    HttpServer::new(async |_| {
        App::new().service((
            web::resource("/plaintext")
                .route(web::get().to(async || HttpResponse::Ok().content_type("text/plain").body(PLAINTEXT))),
            web::resource("/json").route(web::get().to(async || HttpResponse::Ok().json(&MESSAGE))),
            web::resource("/echo").route(web::post().to(async |body: Bytes| HttpResponse::Ok().body(body))),
            web::resource("/sink").route(web::post().to(sink)),
            web::resource("/bytes/{n}").route(web::get().to(bytes)),
            web::resource("/chunked/{n}").route(web::get().to(chunked)),
        ))
    })
    .workers(threads)
    .listen(listener, SharedCfg::new("peers").add(config))?
    .run()
    .await
}

async fn bytes(length: Path<u64>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    match routes::whole(*length) {
        Some(bytes) => answer.body(Bytes::from_static(&routes::PATTERN[..bytes.len()])),
        None => {
            let pieces = routes::stream(Pieces::sized(*length), Bytes::from_static);
            answer.body(SizedStream::new(*length, pieces))
        }
    }
}

async fn chunked(length: Path<u64>) -> HttpResponse {
    let pieces = routes::stream::<_, io::Error>(Pieces::chunked(*length), Bytes::from_static);
    HttpResponse::Ok().body(BodyStream::new(pieces))
}

async fn sink(mut body: Payload) -> String {
    let mut count = 0;
    while let Some(Ok(piece)) = body.recv().await {
        count += piece.len();
    }
    count.to_string()
}
