//! A client and a server that says what a test tells it to, over a simulated network.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyloop_core::client::{Config, Connection, Error, Incoming};
use anyloop_core::driver::{Peer, Runtime, Spawn};
use anyloop_core::head::{Method, RequestHead, Target};
use anyloop_core::sim::{Sim, SimConfig, SimStream};
use bytes::BytesMut;

/// Long enough for whatever a test waits for.
pub(crate) const LONG: Duration = Duration::from_secs(600);

pub(crate) fn peer() -> Peer {
    Peer::Tcp("127.0.0.1:80".parse().unwrap())
}

pub(crate) fn request(method: Method, target: &str) -> RequestHead {
    let mut head = RequestHead::new(method, Target::try_from(target).unwrap());
    head.headers.append("host", "example.com").unwrap();
    head
}

pub(crate) fn get() -> RequestHead {
    request(Method::GET, "/")
}

/// Reads the body to its end.
pub(crate) async fn body(response: &mut Incoming<Sim>) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    while let Some(chunk) = response.chunk().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

/// The server's side of one connection.
pub(crate) struct Wire {
    pub(crate) stream: SimStream,
}

impl Wire {
    /// Reads a head up to its empty line, and what came with it.
    pub(crate) async fn read_head(&mut self) -> Vec<u8> {
        self.read_until(|bytes| bytes.windows(4).any(|window| window == b"\r\n\r\n")).await
    }

    /// Reads until there is enough, or nothing more comes.
    pub(crate) async fn read_until(&mut self, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut all = BytesMut::new();
        while !enough(&all) {
            match self.stream.read(&mut all, 4096).await {
                Ok(n) if n > 0 => {}
                Ok(_) | Err(_) => break,
            }
        }
        all.to_vec()
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _gone = self.stream.write_all(bytes.as_ref()).await;
    }
}

/// Runs a client against a server of one connection, with this seed.
pub(crate) fn play_with<T, S, C>(
    sim: &Sim,
    config: Config,
    server: impl FnOnce(Wire) -> S + 'static,
    client: impl FnOnce(Sim, Connection<Sim>) -> C + 'static,
) -> T
where
    T: 'static,
    S: Future<Output = ()> + Send + 'static,
    C: Future<Output = T> + 'static,
{
    let mut listener = sim.bind("127.0.0.1:80".parse().unwrap()).unwrap();
    let (near, far) = (sim.clone(), sim.clone());
    let config = Arc::new(config);
    sim.run(LONG, async move {
        let stream = near.connect(&peer()).await.unwrap();
        let connection = Connection::new(near.clone(), stream, peer(), &config);
        let stream = listener.accept().await.unwrap().stream;
        far.spawn(server(Wire { stream }));
        client(near, connection).await
    })
    .unwrap()
}

/// The same with default settings.
pub(crate) fn play<T, S, C>(
    seed: u64,
    server: impl FnOnce(Wire) -> S + 'static,
    client: impl FnOnce(Sim, Connection<Sim>) -> C + 'static,
) -> T
where
    T: 'static,
    S: Future<Output = ()> + Send + 'static,
    C: Future<Output = T> + 'static,
{
    play_with(&Sim::with_config(SimConfig::new(seed)), Config::default(), server, client)
}
