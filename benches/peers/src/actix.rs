//! actix-web, with the files of actix-files.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::web::{self, Bytes, Json, Path, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use futures_lite::StreamExt;
use rustls::ServerConfig;

use crate::listen;
use crate::routes::{self, MESSAGE, PLAINTEXT, Pieces};

/// As long as most servers keep an idle connection; its own 5 s would end them during the measurement of memory.
const IDLE: Duration = Duration::from_secs(75);

pub(crate) fn serve(
    addr: SocketAddr,
    threads: usize,
    root: Option<PathBuf>,
    tls: Option<ServerConfig>,
) -> io::Result<()> {
    let listener = listen::bind(addr)?;
    let app = move || {
        let app = App::new()
            .route(
                "/plaintext",
                web::get().to(async || HttpResponse::Ok().content_type("text/plain").body(PLAINTEXT)),
            )
            .route("/json", web::get().to(async || Json(MESSAGE)))
            .route("/echo", web::post().to(async |body: Bytes| body))
            .route("/sink", web::post().to(sink))
            .route("/bytes/{n}", web::get().to(bytes))
            .route("/chunked/{n}", web::get().to(chunked));
        match &root {
            Some(root) => app.service(actix_files::Files::new("/", root)),
            None => app,
        }
    };
    let server = HttpServer::new(app).workers(threads).keep_alive(IDLE).tcp_nodelay(true);
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    actix_web::rt::System::new().block_on(server.run())
}

async fn bytes(length: Path<u64>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    match routes::whole(*length) {
        Some(bytes) => answer.body(bytes),
        None => answer.body(SizedStream::new(*length, pieces(Pieces::sized(*length)))),
    }
}

async fn chunked(length: Path<u64>) -> HttpResponse {
    HttpResponse::Ok().streaming(pieces(Pieces::chunked(*length)))
}

fn pieces(pieces: Pieces) -> impl futures_lite::Stream<Item = Result<Bytes, io::Error>> + Unpin {
    routes::stream(pieces, Bytes::from_static)
}

async fn sink(_: HttpRequest, mut body: Payload) -> String {
    let mut count = 0;
    while let Some(Ok(piece)) = body.next().await {
        count += piece.len();
    }
    count.to_string()
}
