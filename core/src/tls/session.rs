//! rustls on the buffers of two links: records come from the outer one's input and leave by its output, and nothing is
//! kept between.
//!
//! This is rustls's unbuffered interface. What it saves over the buffered one is a copy of all input, a read buffer of at
//! least 4 KiB that an idle connection would keep, and reads of 4 KiB at a time.

use alloc::string::String;
use alloc::sync::Arc;
use std::sync::OnceLock;

use bytes::{Buf, BytesMut};
use rustls::CommonState;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
    WriteTraffic,
};

use super::Error;
use super::establish::Negotiated;
use crate::driver::spares::{self, Fit};
use crate::link::{Link, Outbound};

/// The most plaintext of one record (RFC 8446 §5.1).
const RECORD: usize = 16 * 1024;
/// What protection adds to a record, with room to spare: 22 bytes in TLS 1.3, 29 and more in TLS 1.2.
const OVERHEAD: usize = 64;

/// One end of a TLS connection.
pub(super) enum Session {
    Server { tls: UnbufferedServerConnection, asked_for: Arc<OnceLock<String>> },
    Client(UnbufferedClientConnection),
}

/// Where plaintext goes to and comes from, and where records go.
pub(super) struct Ends<'a> {
    pub(super) inner: &'a mut Link,
    pub(super) fit: &'a mut Fit,
    pub(super) out: &'a mut Outbound,
    /// Whether our side ends behind the last byte of the inner output.
    pub(super) ends: bool,
}

impl Ends<'_> {
    /// Whether there is plaintext to be sent and room for it, or the end of it.
    pub(super) fn can_send(&self) -> bool {
        if self.inner.outbound.is_empty() { self.ends } else { self.out.has_room() }
    }
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be more to do.
    Again,
    /// Plaintext came.
    Plain,
    /// The peer said that it sends no more.
    PeerClosed,
    /// Nothing more can be done with this input; so many bytes of plaintext left.
    Waiting { sent: usize },
    /// As [`Step::Waiting`], and our side has ended.
    Ended,
}

impl Session {
    fn state(&self) -> &CommonState {
        match self {
            Self::Server { tls, .. } => tls,
            Self::Client(tls) => tls,
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.state().is_handshaking()
    }

    /// Whether rustls has something to say by itself.
    pub(super) fn wants_write(&self) -> bool {
        self.state().wants_write()
    }

    pub(super) fn negotiated(&self) -> Negotiated<'_> {
        let state = self.state();
        Negotiated {
            alpn: state.alpn_protocol(),
            server_name: match self {
                Self::Server { asked_for, .. } => asked_for.get().map(String::as_str),
                Self::Client(_) => None,
            },
            peer_certificates: state.peer_certificates().unwrap_or_default(),
            version: state.protocol_version(),
            cipher_suite: state.negotiated_cipher_suite(),
        }
    }

    /// Does one thing with the first `limit` bytes of the input, and drops what is used up. Returns how many of those
    /// bytes are left.
    pub(super) fn step(
        &mut self,
        input: &mut BytesMut,
        limit: usize,
        ends: &mut Ends<'_>,
    ) -> (usize, Result<Step, Error>) {
        let (used, step) = match self {
            Self::Server { tls, .. } => handle(tls.process_tls_records(&mut input[..limit]), ends),
            Self::Client(tls) => handle(tls.process_tls_records(&mut input[..limit]), ends),
        };
        if used == input.len() {
            // Unlike `advance`, this leaves the whole buffer for the next read.
            input.clear();
        } else {
            input.advance(used);
        }
        (limit - used, step)
    }

    /// Writes the alert that rustls prepared when a step failed (L4).
    pub(super) fn last_words(&mut self, input: &mut BytesMut, out: &mut Outbound) {
        // Asked again with nothing left to say, rustls would look at the faulty bytes again.
        while self.wants_write() {
            let written = match self {
                Self::Server { tls, .. } => last_word(tls.process_tls_records(input), out),
                Self::Client(tls) => last_word(tls.process_tls_records(input), out),
            };
            if !written {
                return;
            }
        }
    }
}

fn handle<D>(status: UnbufferedStatus<'_, '_, D>, ends: &mut Ends<'_>) -> (usize, Result<Step, Error>) {
    let UnbufferedStatus { mut discard, state } = status;
    let step = match state {
        Err(error) => Err(error.into()),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut step = Ok(Step::Plain);
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        spares::make_space(ends.inner, ends.fit, record.payload.len());
                        ends.inner.inbound.extend_from_slice(record.payload);
                    }
                    Err(error) => {
                        step = Err(error.into());
                        break;
                    }
                }
            }
            step
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, ends.out).map(|()| Step::Again),
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Step::Again)
        }
        Ok(ConnectionState::PeerClosed) => Ok(Step::PeerClosed),
        Ok(ConnectionState::WriteTraffic(mut traffic)) => write(&mut traffic, ends),
        Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Ok(Step::Waiting { sent: 0 }),
        // Early data is never asked for.
        Ok(_) => Err(rustls::Error::General("unexpected state".into()).into()),
    };
    (discard, step)
}

/// Returns whether there was a word.
fn last_word<D>(status: UnbufferedStatus<'_, '_, D>, out: &mut Outbound) -> bool {
    match status.state {
        Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, out).is_ok(),
        Ok(_) | Err(_) => false,
    }
}

/// Runs a writer on a slice at the end of the output, again with more room when it asks for that.
fn append<E>(
    out: &mut Outbound,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
    needs: impl Fn(E) -> Result<usize, Error>,
) -> Result<(), Error> {
    let tail = out.tail();
    let start = tail.len();
    loop {
        tail.resize(start + room, 0);
        match write(&mut tail[start..]) {
            Ok(written) => {
                tail.truncate(start + written);
                return Ok(());
            }
            Err(error) => {
                tail.truncate(start);
                room = needs(error)?;
            }
        }
    }
}

fn encode<D>(data: &mut EncodeTlsData<'_, D>, out: &mut Outbound) -> Result<(), Error> {
    append(
        out,
        0,
        |to| data.encode(to),
        |error| match error {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => Ok(required_size),
            EncodeError::AlreadyEncoded => Err(Error::Over),
        },
    )
}

fn room_for(error: EncryptError) -> Result<usize, Error> {
    match error {
        EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => Ok(required_size),
        EncryptError::EncryptExhausted => Err(Error::KeysExhausted),
    }
}

/// Moves plaintext outwards while there is room (L8), a record at a time.
fn write<D>(traffic: &mut WriteTraffic<'_, D>, ends: &mut Ends<'_>) -> Result<Step, Error> {
    let Ends { inner, out, .. } = ends;
    let mut sent = 0;
    if !inner.outbound.is_empty() && out.has_room() {
        let most = inner.outbound.len().min(out.room() + RECORD);
        out.tail().reserve(most + most.div_ceil(RECORD) * OVERHEAD);
    }
    while out.has_room() {
        let Some(chunk) = inner.outbound.slices().next() else { break };
        let n = chunk.len().min(RECORD);
        append(out, n + OVERHEAD, |to| traffic.encrypt(&chunk[..n], to), room_for)?;
        inner.outbound.advance(n);
        sent += n;
    }
    if ends.ends && inner.outbound.is_empty() {
        append(out, OVERHEAD, |to| traffic.queue_close_notify(to), room_for)?;
        return Ok(Step::Ended);
    }
    Ok(Step::Waiting { sent })
}
