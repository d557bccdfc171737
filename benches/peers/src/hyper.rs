//! hyper, on tokio and on smol.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::hyper::body::{Body, Frame, Incoming, SizeHint};
use ::hyper::header::CONTENT_TYPE;
use ::hyper::rt::{Read, Write};
use ::hyper::server::conn::http1;
use ::hyper::service::service_fn;
use ::hyper::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use smol_hyper::rt::FuturesIo;
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

use crate::listen;
use crate::routes::{self, MESSAGE, PLAINTEXT, Pieces};

/// One runtime, whose threads steal tasks from each other.
pub(crate) fn stealing(addr: SocketAddr, threads: usize, tls: Option<ServerConfig>) -> io::Result<()> {
    let listener = listen::bind(addr)?;
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async { tokio::spawn(accept(listener, acceptor(tls))).await })?
}

/// A runtime for each thread, each with a listener of its own.
pub(crate) fn per_core(addr: SocketAddr, threads: usize, tls: Option<ServerConfig>) -> io::Result<()> {
    let listeners = listen::bind_each(addr, threads)?;
    let tls = acceptor(tls);
    std::thread::scope(|scope| {
        for listener in listeners {
            let tls = tls.clone();
            scope.spawn(|| {
                Builder::new_current_thread().enable_all().build()?.block_on(accept(listener, tls))
            });
        }
    });
    Ok(())
}

fn acceptor(tls: Option<ServerConfig>) -> Option<TlsAcceptor> {
    tls.map(|config| TlsAcceptor::from(Arc::new(config)))
}

/// smol's executor, which all threads run.
pub(crate) fn smol(addr: SocketAddr, threads: usize) -> io::Result<()> {
    let listener = ::smol::net::TcpListener::from(::smol::Async::new(listen::bind(addr)?)?);
    // Tasks are spawned from tasks, so that it must outlive them all.
    let executor: &::smol::Executor<'static> = Box::leak(Box::default());
    let accepting = async move {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            executor.spawn(connection(FuturesIo::new(stream))).detach();
        }
    };
    let task = executor.spawn(accepting);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| ::smol::block_on(executor.run(std::future::pending::<()>())));
        }
        ::smol::block_on(executor.run(task))
    })
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match &tls {
            Some(tls) => {
                let handshake = tls.accept(stream);
                tokio::spawn(async move {
                    // As below.
                    if let Ok(stream) = handshake.await {
                        connection(TokioIo::new(stream)).await;
                    }
                });
            }
            None => _ = tokio::spawn(connection(TokioIo::new(stream))),
        }
    }
}

/// Answers to pipelined requests leave together, else each of them would cost a write.
async fn connection<I: Read + Write + Unpin>(io: I) {
    // A client that goes away is no matter.
    let _ = http1::Builder::new().pipeline_flush(true).serve_connection(io, service_fn(answer)).await;
}

fn answer(request: Request<Incoming>) -> impl Future<Output = Result<Response<Answer>, Infallible>> {
    async {
        let path = request.uri().path();
        Ok(if request.method() == Method::GET {
            if path == "/plaintext" {
                reply("text/plain", Answer::Whole(Some(Bytes::from_static(PLAINTEXT.as_bytes()))))
            } else if path == "/json" {
                reply("application/json", Answer::whole(serde_json::to_vec(&MESSAGE).unwrap_or_default()))
            } else if let Some(length) = number(path, "/bytes/") {
                let pieces = || Answer::Pieces(Pieces::sized(length));
                reply("application/octet-stream", routes::whole(length).map_or_else(pieces, Answer::whole))
            } else if let Some(length) = number(path, "/chunked/") {
                reply("application/octet-stream", Answer::Pieces(Pieces::chunked(length)))
            } else {
                not_found()
            }
        } else if path == "/echo" {
            reply("application/octet-stream", Answer::Echo(request.into_body()))
        } else if path == "/sink" {
            reply("text/plain", Answer::whole(sink(request.into_body()).await.to_string()))
        } else {
            not_found()
        })
    }
}

fn number(path: &str, prefix: &str) -> Option<u64> {
    path.strip_prefix(prefix)?.parse().ok()
}

fn not_found() -> Response<Answer> {
    let mut response = Response::new(Answer::Whole(None));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn reply(media_type: &'static str, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, ::hyper::header::HeaderValue::from_static(media_type));
    response
}

/// Counts the bytes of a body.
pub(crate) async fn sink<B: Body<Data = Bytes> + Unpin>(mut body: B) -> u64 {
    let mut count = 0;
    while let Some(Ok(frame)) = http_body_util::BodyExt::frame(&mut body).await {
        count += frame.data_ref().map_or(0, Bytes::len) as u64;
    }
    count
}

/// The bodies of answers.
enum Answer {
    Whole(Option<Bytes>),
    Pieces(Pieces),
    Echo(Incoming),
}

impl Answer {
    fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => Pin::new(pieces).poll_frame(cx),
            Self::Echo(body) => Pin::new(body).poll_frame(cx).map_err(io::Error::other),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Pieces(pieces) => pieces.is_end_stream(),
            Self::Echo(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Pieces(pieces) => Body::size_hint(pieces),
            Self::Echo(body) => body.size_hint(),
        }
    }
}
