//! A client that speaks HTTP in the clear to a port of TLS.

use crate::encode::{self, date::ImfFixdate};
use crate::head::{HeaderValue, Known, Status, Version};
use crate::link::Outbound;

/// The longest method that is recognized, in bytes.
const LONGEST_METHOD: usize = 20;
const TEXT: &str = "a plain HTTP request was sent to an HTTPS port\n";

/// What the first bytes of a connection look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// It may be a request; more bytes will tell.
    Undecided,
    /// A method in capitals and a space. No record of TLS begins with a letter.
    LikeHttp,
    /// For TLS to judge.
    Otherwise,
}

pub(super) fn look(bytes: &[u8]) -> Looks {
    let method = bytes.iter().take_while(|byte| byte.is_ascii_uppercase() || **byte == b'-').count();
    match (method, bytes.get(method)) {
        (0, None) => Looks::Undecided,
        (0, Some(_)) | (LONGEST_METHOD.., _) => Looks::Otherwise,
        (_, None) => Looks::Undecided,
        (_, Some(b' ')) => Looks::LikeHttp,
        (_, Some(_)) => Looks::Otherwise,
    }
}

/// Writes the answer, in the clear, for that is the only language that the client has shown to speak.
pub(super) fn answer(out: &mut Outbound, server: Option<&HeaderValue>, unix_secs: u64) {
    encode::status_line(out, Version::Http11, Status::BAD_REQUEST);
    if let Some(server) = server {
        encode::field(out, &Known::Server.into(), server);
    }
    out.write_slice(b"date: ");
    out.write_slice(ImfFixdate::new(unix_secs).as_bytes());
    out.write_slice(b"\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n");
    encode::number(out, Known::ContentLength, TEXT.len() as u64);
    encode::end_of_head(out);
    out.write_slice(TEXT.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    #[test]
    fn what_begins_like_a_request_is_one() {
        for (bytes, expected) in [
            (&b""[..], Looks::Undecided),
            (b"G", Looks::Undecided),
            (b"GET", Looks::Undecided),
            (b"GET ", Looks::LikeHttp),
            (b"GET / HTTP/1.1\r\n\r\n", Looks::LikeHttp),
            (b"PRI * HTTP/2.0", Looks::LikeHttp),
            (b"M-SEARCH * ", Looks::LikeHttp),
            (b"GET\r\n", Looks::Otherwise),
            (b"get / ", Looks::Otherwise),
            (b" GET / ", Looks::Otherwise),
            (b"ABCDEFGHIJKLMNOPQRS", Looks::Undecided),
            (b"ABCDEFGHIJKLMNOPQRS ", Looks::LikeHttp),
            (b"ABCDEFGHIJKLMNOPQRST", Looks::Otherwise),
            (b"\x16\x03\x01", Looks::Otherwise),
            (b"\x80\x2e\x01", Looks::Otherwise),
        ] {
            assert_eq!(look(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_answer_is_a_whole_response() {
        let mut out = Outbound::default();
        answer(&mut out, Some(&HeaderValue::from_static("here")), 784_111_777);
        let bytes: Vec<u8> = out.slices().flatten().copied().collect();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "HTTP/1.1 400 Bad Request\r\n\
             server: here\r\n\
             date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             content-type: text/plain; charset=utf-8\r\n\
             connection: close\r\n\
             content-length: 47\r\n\r\n\
             a plain HTTP request was sent to an HTTPS port\n"
        );
    }
}
