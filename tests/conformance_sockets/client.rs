//! A blocking client that writes bytes in pieces and counts answers.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

/// Turns a hang into a failure.
const HANG: Duration = Duration::from_secs(20);

/// How bytes are cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Whole,
    InTwo,
    Bytes,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) announces_close: bool,
    pub(crate) body: String,
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
    answers: Vec<Answer>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANG))?;
        stream.set_write_timeout(Some(HANG))?;
        Ok(Self { stream, unread: Vec::new(), answers: Vec::new() })
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.stream.local_addr()?.port())
    }

    /// Writes, each piece in a packet of its own where the system allows it.
    pub(crate) fn send(&mut self, bytes: &[u8], cut: Cut) -> io::Result<()> {
        match cut {
            Cut::Whole => self.stream.write_all(bytes),
            Cut::InTwo => {
                let (first, second) = bytes.split_at(bytes.len() / 2);
                self.stream.write_all(first)?;
                // Most servers read the first part alone; the verdict is the same when one does not.
                sleep(Duration::from_millis(1));
                self.stream.write_all(second)
            }
            Cut::Bytes => bytes.chunks(1).try_for_each(|byte| self.stream.write_all(byte)),
        }
    }

    /// Says that nothing more is to come.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Waits for this many final answers since the beginning, or the end of the stream.
    pub(crate) fn answers(&mut self, count: usize) -> io::Result<&[Answer]> {
        while self.answers.len() < count && self.read()? {}
        Ok(&self.answers)
    }

    /// Waits for the end of the stream.
    pub(crate) fn all_answers(&mut self) -> io::Result<&[Answer]> {
        while self.read()? {}
        if !self.unread.is_empty() {
            let text = format!("not an answer: {:?}", self.unread.escape_ascii().to_string());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(&self.answers)
    }

    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let n = self.stream.read(&mut buffer)?;
        self.unread.extend_from_slice(&buffer[..n]);
        while let Some((answer, length)) = answer(&self.unread) {
            self.unread.drain(..length);
            self.answers.extend(answer);
        }
        Ok(n > 0)
    }
}

/// Reads one answer, none when it is an interim one, and returns how many bytes it takes.
fn answer(bytes: &[u8]) -> Option<(Option<Answer>, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = text.strip_prefix("http/1.1 ")?.get(..3)?.parse().ok()?;
    if (100..200).contains(&status) {
        return Some((None, end));
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = end + length.map_or(Some(0), |digits| digits.parse::<usize>().ok())?;
    let announces_close = text.contains("\r\nconnection: close\r\n");
    let body = String::from_utf8_lossy(bytes.get(end..length)?).into_owned();
    Some((Some(Answer { status, announces_close, body }), length))
}
