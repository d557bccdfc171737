//! Gets a URL with a blocking socket: the client's codec alone, no event loop and no async.
//!
//! ```text
//! cargo run --example blocking_get -- http://127.0.0.1:8888/
//! ```

use std::env;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyloop::core::codec::{BodyKind, Codec, Event};
use anyloop::core::h1::Client;
use anyloop::core::head::{Method, RequestHead, Target};
use anyloop::core::link::Outbound;
use anyloop::core::protocol::Eof;
use bytes::BytesMut;

/// How long the server may say nothing.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    match get() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn get() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: blocking_get http://HOST[:PORT]/PATH")?;
    let url = Target::try_from(url)?;
    let (Some("http"), Some(authority)) = (url.scheme(), url.authority()) else {
        return Err("only http:// is spoken here".into());
    };
    let has_port = authority.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok());
    let socket = if has_port {
        TcpStream::connect(authority)?
    } else {
        TcpStream::connect((authority.trim_matches(['[', ']']), 80))?
    };
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;

    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut head = RequestHead::new(Method::GET, Target::try_from(path)?);
    head.headers.append("host", authority.to_owned())?.append("connection", "close")?;
    converse(&socket, &head)
}

/// Sends the request and prints what comes.
fn converse(mut socket: &TcpStream, request: &RequestHead) -> Result<(), Box<dyn Error>> {
    let (mut client, mut inbound, mut out) = (Client::default(), BytesMut::new(), Outbound::default());
    let stream = client.open().map_err(|_| "nothing was asked so far")?;
    client.send_head(stream, request, BodyKind::Empty, &mut out)?;
    while let Some(chunk) = out.pop_front() {
        socket.write_all(&chunk)?;
    }
    let (mut room, mut stdout) = ([0; 16 * 1024], io::stdout().lock());
    loop {
        match client.next_event(&mut inbound, &mut out)? {
            Some(Event::Interim { .. }) => {}
            Some(Event::Head { head, body, .. }) => {
                eprintln!("{}", head.status);
                for (name, value) in &head.headers {
                    eprintln!("{name}: {}", value.escape_ascii());
                }
                if body == BodyKind::Empty {
                    return Ok(());
                }
            }
            Some(Event::Data { stream, bytes }) => {
                stdout.write_all(&bytes)?;
                client.grant(stream, bytes.len(), &mut out);
            }
            Some(Event::End { .. }) => return Ok(stdout.flush()?),
            Some(Event::Reset { .. } | Event::Sendable { .. } | Event::GoAway { .. }) => {
                return Err("HTTP/1 has no such event".into());
            }
            None => match socket.read(&mut room)? {
                0 => client.eof(Eof::Clean),
                n => inbound.extend_from_slice(&room[..n]),
            },
        }
    }
}
