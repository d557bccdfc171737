//! Servers on threads of their own, by the shared accept loop and driver.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::pin::Pin;
use std::thread;

use anyloop_core::driver::{
    BindOptions, Driver, Duplex, Endpoints, ListenAddr, Model, Options, Peer, Serving, Spawn, Task, Workers,
    bind, start,
};
use anyloop_core::link::Link;
use anyloop_core::protocol::{Echo, Eof, Protocol, Work};

use crate::harness::HANG;

const WORKERS: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

/// Echoes; panics when it reads an exclamation mark.
#[derive(Default)]
pub(crate) struct Touchy(Echo);

impl Protocol for Touchy {
    type Error = Infallible;

    fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
        assert!(!link.inbound.contains(&b'!'), "as planned");
        self.0.data_received(link)
    }

    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), Infallible> {
        self.0.eof_received(link, how)
    }

    fn poll_work(&mut self, cx: &mut std::task::Context<'_>, link: &mut Link) -> Result<Work, Infallible> {
        self.0.poll_work(cx, link)
    }
}

fn serve<W, P>(address: &ListenAddr, model: Model, make: fn(Endpoints) -> P) -> (Peer, Serving)
where
    W: Workers,
    W::Local: Spawn<Driver<P, W>>,
    W::Shared: Spawn<Driver<P, W>>,
    P: Protocol + 'static,
{
    let bound = bind(address, BindOptions::default()).expect("bind");
    let local = bound.local_addr().clone();
    let serving = start::<W, P, _, _>(vec![bound], model, WORKERS, Options::default(), move |_: &W| make);
    (local, serving.expect("the server starts"))
}

fn serve_tcp<W, P>(model: Model, make: fn(Endpoints) -> P) -> (SocketAddr, Serving)
where
    W: Workers,
    W::Local: Spawn<Driver<P, W>>,
    W::Shared: Spawn<Driver<P, W>>,
    P: Protocol + 'static,
{
    let (local, serving) = serve::<W, P>(&"127.0.0.1:0".parse().unwrap(), model, make);
    let Peer::Tcp(address) = local else { unreachable!("bound to TCP") };
    (address, serving)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connect");
    stream.set_read_timeout(Some(HANG)).expect("a timeout");
    stream
}

fn echo(stream: &mut (impl Read + Write), bytes: &[u8]) {
    stream.write_all(bytes).expect("write");
    let mut got = vec![0; bytes.len()];
    stream.read_exact(&mut got).expect("read");
    assert_eq!(got, bytes);
}

fn finish(serving: Serving) {
    serving.shutdown().announce();
    serving.wait_closed().expect("the workers end well");
}

pub(crate) fn many_connections_are_echoed<W: Workers>(model: Model)
where
    W::Local: Spawn<Driver<Touchy, W>>,
    W::Shared: Spawn<Driver<Touchy, W>>,
{
    let (address, serving) = serve_tcp::<W, _>(model, |_| Touchy::default());
    let mut streams: Vec<_> = (0..200).map(|_| connect(address)).collect();
    for round in 0..3 {
        for (i, stream) in streams.iter_mut().enumerate() {
            echo(stream, format!("{round} of {i}").as_bytes());
        }
    }
    drop(streams);
    finish(serving);
}

pub(crate) fn what_came_before_the_end_is_echoed<W: Workers>(model: Model)
where
    W::Local: Spawn<Driver<Touchy, W>>,
    W::Shared: Spawn<Driver<Touchy, W>>,
{
    let (address, serving) = serve_tcp::<W, _>(model, |_| Touchy::default());
    let sent: Vec<u8> = (0..2_000_000_u32).map(|i| (i % 251) as u8).filter(|&byte| byte != b'!').collect();
    let mut reader = connect(address);
    let mut writer = reader.try_clone().expect("clone");
    let expected = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).expect("write");
        writer.shutdown(Shutdown::Write).expect("shutdown");
    });
    let mut got = Vec::new();
    reader.read_to_end(&mut got).expect("read");
    writing.join().expect("no panic");
    assert!(got == expected);
    finish(serving);
}

pub(crate) fn unix_connections_are_echoed<W: Workers>(model: Model)
where
    W::Local: Spawn<Driver<Touchy, W>>,
    W::Shared: Spawn<Driver<Touchy, W>>,
{
    let directory = tempfile::tempdir().expect("a directory");
    let path: PathBuf = directory.path().join("socket");
    let (_, serving) = serve::<W, _>(&ListenAddr::Unix(path.clone()), model, |_| Touchy::default());
    let mut streams: Vec<_> = (0..20).map(|_| UnixStream::connect(&path).expect("connect")).collect();
    for stream in &mut streams {
        stream.set_read_timeout(Some(HANG)).expect("a timeout");
        echo(stream, b"over unix");
    }
    drop(streams);
    finish(serving);
    assert!(!path.exists());
}

pub(crate) fn a_shutdown_ends_connections_and_listeners<W: Workers>(model: Model)
where
    W::Local: Spawn<Driver<Touchy, W>>,
    W::Shared: Spawn<Driver<Touchy, W>>,
{
    let (address, serving) = serve_tcp::<W, _>(model, |_| Touchy::default());
    let mut streams: Vec<_> = (0..50).map(|_| connect(address)).collect();
    for stream in &mut streams {
        echo(stream, b"alive");
    }
    serving.shutdown().announce();
    for stream in &mut streams {
        assert_eq!(stream.read(&mut [0; 8]).expect("an orderly end"), 0);
    }
    drop(streams);
    serving.wait_closed().expect("the workers end well");
    let refused = TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

type TaskEcho = Task<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>;

async fn echo_lines(mut stream: Duplex) -> io::Result<()> {
    while let Some(line) = stream.read_line(100).await? {
        stream.write_all(line).await?;
        stream.write_all("\n").await?;
    }
    stream.write_all("bye\n").await
}

pub(crate) fn an_async_function_echoes<W: Workers>(model: Model)
where
    W::Local: Spawn<Driver<TaskEcho, W>>,
    W::Shared: Spawn<Driver<TaskEcho, W>>,
{
    let make = |_| -> TaskEcho { Task::new(|stream| Box::pin(echo_lines(stream)) as Pin<Box<_>>) };
    let (address, serving) = serve_tcp::<W, TaskEcho>(model, make);
    let mut streams: Vec<_> = (0..50).map(|_| connect(address)).collect();
    for (i, stream) in streams.iter_mut().enumerate() {
        echo(stream, format!("one of {i}\ntwo\n").as_bytes());
    }
    for mut stream in streams {
        stream.shutdown(Shutdown::Write).expect("shutdown");
        let mut got = String::new();
        stream.read_to_string(&mut got).expect("read");
        assert_eq!(got, "bye\n");
    }
    finish(serving);
}

pub(crate) fn a_panic_ends_one_connection_only<W: Workers>(model: Model)
where
    W::Local: Spawn<Driver<Touchy, W>>,
    W::Shared: Spawn<Driver<Touchy, W>>,
{
    let (address, serving) = serve_tcp::<W, _>(model, |_| Touchy::default());
    let mut others: Vec<_> = (0..8).map(|_| connect(address)).collect();
    others.iter_mut().for_each(|stream| echo(stream, b"before"));
    for _ in 0..8 {
        let mut victim = connect(address);
        victim.write_all(b"!").expect("write");
        match victim.read(&mut [0; 8]) {
            Ok(n) => assert_eq!(n, 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    others.iter_mut().for_each(|stream| echo(stream, b"after"));
    echo(&mut connect(address), b"new");
    drop(others);
    finish(serving);
}
