//! The server that all clients ask: canned answers to whatever ends in an empty line.

use std::io;
use std::net::TcpListener;
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: raw\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
const END: &[u8] = b"\r\n\r\n";

/// Serves on some threads until it is killed; prints where it listens.
pub(crate) fn serve(threads: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let listener = listener.try_clone()?;
            Ok(thread::spawn(move || work(listener)))
        })
        .collect::<io::Result<_>>()?;
    workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
}

fn work(listener: TcpListener) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(answer(stream));
        }
    })
}

/// A request is whole with one read, as those of all clients are.
async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        if !buffer[..n].ends_with(END) {
            return Err(io::Error::other("half a request"));
        }
        stream.write_all(ANSWER).await?;
    }
}
