//! The client's side: what it asks, what it must get, and how it reads that back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyloop_core::framing::{self, Framing, Role};
use anyloop_core::head::{Known, Method};
use anyloop_core::limits::Limits;
use anyloop_core::parse::{Chunk, ChunkDecoder, ResponseParser};
use anyloop_core::sim::{Sim, SimReader, SimWriter};
use bytes::BytesMut;

use crate::index;

/// One request, and what its answer must be.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// Whether the client sends the body only after `100 (Continue)` or the answer.
    pub(crate) waits: bool,
    pub(crate) status: u16,
    pub(crate) answer: Vec<u8>,
    /// The interim responses that must come before the answer, 100 left out.
    pub(crate) interim: usize,
}

pub(crate) fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

fn chunked(sim: &Sim, mut bytes: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    while !bytes.is_empty() {
        let (chunk, rest) = bytes.split_at(1 + index(sim.draw(bytes.len() as u64)));
        coded.extend(format!("{:x}\r\n", chunk.len()).bytes());
        coded.extend(chunk);
        coded.extend(b"\r\n");
        bytes = rest;
    }
    coded.extend(b"0\r\n\r\n");
    coded
}

impl Ask {
    pub(crate) fn get(target: &str, answer: Vec<u8>) -> Self {
        let head = format!("GET {target} HTTP/1.1\r\nHost: sim\r\n\r\n").into_bytes();
        Self { method: Method::GET, head, body: Vec::new(), waits: false, status: 200, answer, interim: 0 }
    }

    fn post(sim: &Sim, target: &str, body: &[u8], answer: Vec<u8>) -> Self {
        let (field, body) = if sim.draw(2) == 0 {
            (format!("Content-Length: {}", body.len()), body.to_vec())
        } else {
            ("Transfer-Encoding: chunked".to_owned(), chunked(sim, body))
        };
        let waits = sim.draw(4) == 0;
        let expect = if waits { "Expect: 100-continue\r\n" } else { "" };
        let head = format!("POST {target} HTTP/1.1\r\nHost: sim\r\n{expect}{field}\r\n\r\n").into_bytes();
        Self { method: Method::POST, head, body, waits, status: 200, answer, interim: 0 }
    }

    /// Any request that the application of these tests knows.
    pub(crate) fn any(sim: &Sim, most: u64) -> Self {
        let n = index(sim.draw(most));
        let bytes = pattern(n);
        match sim.draw(13) {
            0 => Self::get("/", b"home".to_vec()),
            1 => Self::get(&format!("/bytes/{n}"), bytes),
            2 => Self::get(&format!("/stream/{n}"), bytes),
            3 => Self::get(&format!("/sleep/{n}"), b"slept".to_vec()),
            4 => Self { interim: 2, ..Self::get("/hints", b"hinted".to_vec()) },
            5 => Self { status: 404, ..Self::get("/nowhere", b"not found\n".to_vec()) },
            6 => Self { status: 500, ..Self::get("/panic", b"the handler failed\n".to_vec()) },
            7 => {
                let head = format!("HEAD /bytes/{n} HTTP/1.1\r\nHost: sim\r\n\r\n").into_bytes();
                Self { method: Method::HEAD, head, ..Self::get("/", Vec::new()) }
            }
            8 => Self::post(sim, "/echo", &bytes, bytes.clone()),
            9 => Self::post(sim, "/collect", &bytes, bytes.clone()),
            10 => Self::post(sim, "/relay", &bytes, bytes.clone()),
            11 => Self::post(sim, "/elsewhere", &bytes, n.to_string().into_bytes()),
            _ => Self::post(sim, "/ignore", &bytes, b"ignored".to_vec()),
        }
    }
}

/// What came back for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) interim: usize,
    pub(crate) closes: bool,
}

/// What the reading half has seen, for the writing half.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Mutex<(usize, usize)>>);

impl Progress {
    fn set(&self, answered: usize, continues: usize) {
        *self.0.lock().expect("whole") = (answered, continues);
    }

    /// Answers, and `100 (Continue)`s since the last of them.
    pub(crate) fn get(&self) -> (usize, usize) {
        *self.0.lock().expect("whole")
    }
}

/// How the client behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// Sends a request only after the answer to the one before.
    pub(crate) ping_pong: bool,
    /// Ends its side as soon as all is sent.
    pub(crate) half_closes: bool,
    /// Rests between reads, and between writes.
    pub(crate) pause: Duration,
}

impl Manners {
    pub(crate) fn draw(sim: &Sim) -> Self {
        Self {
            ping_pong: sim.draw(3) == 0,
            half_closes: sim.draw(2) == 0,
            pause: Duration::from_micros([0, 0, 300, 2_000][index(sim.draw(4))]),
        }
    }
}

/// Writes all requests. Errors mean that the server closed.
pub(crate) async fn write(
    sim: &Sim,
    writer: &mut SimWriter,
    asks: &[Ask],
    manners: Manners,
    progress: &Progress,
) -> std::io::Result<()> {
    for (n, ask) in asks.iter().enumerate() {
        while manners.ping_pong && progress.get().0 < n {
            sim.sleep(Duration::from_millis(20)).await;
        }
        writer.write_all(&ask.head).await?;
        while ask.waits && !(progress.get().0 > n || progress.get() == (n, 1)) {
            sim.sleep(Duration::from_millis(20)).await;
        }
        for piece in ask.body.chunks(400) {
            writer.write_all(piece).await?;
            sim.sleep(manners.pause).await;
        }
    }
    if manners.half_closes {
        writer.close().await?;
    }
    Ok(())
}

/// Reads answers until all are there or the stream ends. `Err` names what a server must never send.
pub(crate) async fn read(
    sim: &Sim,
    reader: &mut SimReader,
    asks: &[Ask],
    manners: Manners,
    progress: &Progress,
) -> Result<Vec<Got>, String> {
    let mut wire = Wire { sim, reader, pause: manners.pause, inbound: BytesMut::new() };
    let mut all = Vec::new();
    for ask in asks {
        let Some(got) = wire.answer(ask, |continues| progress.set(all.len(), continues)).await? else {
            break;
        };
        let closes = got.closes;
        all.push(got);
        progress.set(all.len(), 0);
        if closes {
            break;
        }
    }
    // What was cut before its method was whole is answered like any other method.
    let was_cut = all.last().is_some_and(|got| got.status == 400);
    if !wire.inbound.is_empty() && !was_cut {
        return Err(format!("{:?} came after the last answer", wire.inbound));
    }
    Ok(all)
}

struct Wire<'a> {
    sim: &'a Sim,
    reader: &'a mut SimReader,
    pause: Duration,
    inbound: BytesMut,
}

impl Wire<'_> {
    /// Whether more came.
    async fn more(&mut self) -> bool {
        self.sim.sleep(self.pause).await;
        let limit = 1 + index(self.sim.draw(4_000));
        self.reader.read(&mut self.inbound, limit).await.is_ok_and(|n| n > 0)
    }

    /// The next answer; `None` where the stream ends before it.
    async fn answer(&mut self, ask: &Ask, continues: impl Fn(usize)) -> Result<Option<Got>, String> {
        let limits = Limits::default();
        let (mut interim, mut continued) = (0, 0);
        let head = loop {
            let mut parser = ResponseParser::new();
            let head = loop {
                match parser.parse(&mut self.inbound, &limits) {
                    Ok(Some(head)) => break head,
                    Ok(None) if self.more().await => {}
                    Ok(None) if self.inbound.is_empty() => return Ok(None),
                    Ok(None) => return Err(format!("cut in a head: {:?}", self.inbound)),
                    Err(error) => return Err(format!("{error}: {:?}", self.inbound)),
                }
            };
            match head.status.code() {
                100 => {
                    continued += 1;
                    continues(continued);
                }
                101 => break head,
                status if status < 200 => interim += 1,
                _ => break head,
            }
        };
        let role = Role::Response { method: &ask.method, status: head.status };
        let framing =
            framing::decide(role, head.version, &head.headers).map_err(|error| error.to_string())?;
        let closes = head.headers.has_token(Known::Connection, "close");
        let body = self.body(framing, &limits).await?;
        Ok(Some(Got { status: head.status.code(), body, interim, closes }))
    }

    async fn body(&mut self, framing: Framing, limits: &Limits) -> Result<Vec<u8>, String> {
        let cut = |body: &Vec<u8>| Err(format!("cut in a body after {} bytes", body.len()));
        let mut body = Vec::new();
        match framing {
            Framing::Empty | Framing::Tunnel => {}
            Framing::Length(length) => {
                let length = usize::try_from(length).expect("small");
                while self.inbound.len() < length {
                    if !self.more().await {
                        return cut(&body);
                    }
                }
                body = self.inbound.split_to(length).to_vec();
            }
            Framing::Chunked => {
                let mut chunks = ChunkDecoder::new();
                loop {
                    match chunks.decode(&mut self.inbound, usize::MAX, limits) {
                        Ok(Some(Chunk::Data(bytes))) => body.extend(bytes),
                        Ok(Some(Chunk::End(_))) => break,
                        Ok(None) if self.more().await => {}
                        Ok(None) => return cut(&body),
                        Err(error) => return Err(error.to_string()),
                    }
                }
            }
            Framing::UntilClose => {
                while self.more().await {}
                body = self.inbound.split().to_vec();
            }
        }
        Ok(body)
    }
}
