//! The clients: each asks again and again on so many tasks of one thread.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyloop::client::{Client, Proxies};
use anyloop::core::driver::{Runtime, Spawn, Workers};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::serve::ANSWER;
use crate::window::{Failure, Sample, Window};

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a client for a window of time.
pub(crate) type Run = fn(SocketAddr, usize, Duration) -> Result<Sample, Failure>;

pub(crate) const ALL: [(&str, Run); 7] = [
    ("raw tokio", |addr, tasks, time| on_tokio(tasks, time, || raw(addr))),
    ("hyper conn", |addr, tasks, time| on_tokio(tasks, time, || conn(addr))),
    ("hyper-util", hyper_util),
    ("reqwest", reqwest),
    ("anyloop tokio", ours::<anyloop::tokio::Tokio>),
    ("anyloop smol", ours::<anyloop::smol::Smol>),
    ("anyloop async-std", ours::<anyloop::async_std::AsyncStd>),
];

/// What one task does between requests: whether it goes on.
trait Ask: Send + 'static {
    fn ask(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

async fn ask_again_and_again(window: Arc<Window>, mut ask: impl Ask) {
    let mut result = Ok(());
    while result.is_ok() && window.goes_on() {
        result = ask.ask().await;
        window.count();
    }
    window.leave(result);
}

fn on_tokio<A: Ask, F: Future<Output = Result<A, Failure>>>(
    tasks: usize,
    time: Duration,
    make: impl Fn() -> F,
) -> Result<Sample, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let window = Window::new(tasks);
        for _ in 0..tasks {
            tokio::spawn(ask_again_and_again(Arc::clone(&window), make().await?));
        }
        window.measure(time, tokio::time::sleep).await
    })
}

struct Raw {
    stream: TcpStream,
    request: Vec<u8>,
}

async fn raw(addr: SocketAddr) -> Result<Raw, Failure> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let request = format!("GET / HTTP/1.1\r\nhost: {addr}\r\naccept: */*\r\n\r\n").into_bytes();
    Ok(Raw { stream, request })
}

impl Ask for Raw {
    async fn ask(&mut self) -> Result<(), Failure> {
        let mut buffer = [0; 4096];
        self.stream.write_all(&self.request).await?;
        let mut read = 0;
        while read < ANSWER.len() {
            match self.stream.read(&mut buffer[read..]).await? {
                0 => return Err("the server is gone".into()),
                n => read += n,
            }
        }
        Ok(())
    }
}

struct Conn {
    sender: hyper::client::conn::http1::SendRequest<Empty<Bytes>>,
    addr: String,
}

async fn conn(addr: SocketAddr) -> Result<Conn, Failure> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(Conn { sender, addr: addr.to_string() })
}

impl Ask for Conn {
    async fn ask(&mut self) -> Result<(), Failure> {
        let request = hyper::Request::get("/").header("host", &self.addr).header("accept", "*/*");
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(Empty::new())?).await?;
        check(&response.into_body().collect().await?.to_bytes())
    }
}

#[derive(Clone)]
struct Legacy {
    client: legacy::Client<legacy::connect::HttpConnector, Empty<Bytes>>,
    url: String,
}

fn hyper_util(addr: SocketAddr, tasks: usize, time: Duration) -> Result<Sample, Failure> {
    let mut connector = legacy::connect::HttpConnector::new();
    connector.set_nodelay(true);
    let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
    let legacy = Legacy { client, url: format!("http://{addr}/") };
    on_tokio(tasks, time, || core::future::ready(Ok(legacy.clone())))
}

impl Ask for Legacy {
    async fn ask(&mut self) -> Result<(), Failure> {
        let request = hyper::Request::get(&self.url).header("accept", "*/*").body(Empty::new())?;
        let response = self.client.request(request).await?;
        check(&response.into_body().collect().await?.to_bytes())
    }
}

#[derive(Clone)]
struct Reqwest {
    client: reqwest::Client,
    url: String,
}

fn reqwest(addr: SocketAddr, tasks: usize, time: Duration) -> Result<Sample, Failure> {
    let reqwest =
        Reqwest { client: reqwest::Client::builder().no_proxy().build()?, url: format!("http://{addr}/") };
    on_tokio(tasks, time, || core::future::ready(Ok(reqwest.clone())))
}

impl Ask for Reqwest {
    async fn ask(&mut self) -> Result<(), Failure> {
        check(&self.client.get(&self.url).send().await?.bytes().await?)
    }
}

struct Ours<R: Runtime> {
    client: Client<R>,
    url: String,
}

impl<R: anyloop::SharedRuntime> Ask for Ours<R> {
    async fn ask(&mut self) -> Result<(), Failure> {
        check(&self.client.get(&self.url).send().await?.bytes().await?)
    }
}

fn ours<W>(addr: SocketAddr, tasks: usize, time: Duration) -> Result<Sample, Failure>
where
    W: Workers + anyloop::SharedRuntime,
    W::Local: Spawn<BoxFuture>,
{
    let (tell, told) = std::sync::mpsc::channel();
    W::block_on_local(|rt, spawner| async move {
        let client = Client::builder(rt.clone())
            .proxies(Proxies::none())
            .pool(|pool| (pool.per_host, pool.idle_per_host, pool.total) = (tasks, tasks, tasks))
            .build();
        let window = Window::new(tasks);
        for _ in 0..tasks {
            let ours = Ours { client: client.clone(), url: format!("http://{addr}/") };
            spawner.spawn(Box::pin(ask_again_and_again(Arc::clone(&window), ours)));
        }
        // The receiver waits for the end of this.
        let _ = tell.send(window.measure(time, |time| rt.sleep(time)).await);
    })?;
    told.recv()?
}

fn check(body: &Bytes) -> Result<(), Failure> {
    if ANSWER.ends_with(body) && body.len() == 13 { Ok(()) } else { Err("another body".into()) }
}
