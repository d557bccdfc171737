//! may_minihttp, on coroutines.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};

use may_minihttp::{HttpServer, HttpService, Request, Response};

use crate::listen;
use crate::routes::{self, MESSAGE, PLAINTEXT};

/// It binds for itself and does not say where, so a free port is looked for first.
pub(crate) fn serve(addr: SocketAddr, threads: usize) -> io::Result<()> {
    ::may::config().set_workers(threads);
    let addr = TcpListener::bind(addr)?.local_addr()?;
    let server = HttpServer(App).start(addr)?;
    listen::announce(addr)?;
    server.join().map_err(|_| io::Error::other("the server panicked"))
}

#[derive(Clone)]
struct App;

impl HttpService for App {
    fn call(&mut self, request: Request, response: &mut Response) -> io::Result<()> {
        match request.path() {
            "/plaintext" => response.header("Content-Type: text/plain").body(PLAINTEXT),
            "/json" => {
                response.header("Content-Type: application/json").body_vec(serde_json::to_vec(&MESSAGE)?);
            }
            "/echo" => {
                let mut body = Vec::new();
                request.body().read_to_end(&mut body)?;
                response.body_vec(body);
            }
            path => {
                let length = path.strip_prefix("/bytes/").and_then(|length| length.parse().ok());
                match length.and_then(routes::whole) {
                    Some(bytes) => response.body_mut().extend_from_slice(&bytes),
                    None => {
                        response.status_code(404, "Not Found");
                    }
                }
            }
        }
        Ok(())
    }
}
