//! The chunked coding (RFC 9112 §7.1).

use bytes::{BufMut, Bytes};

use super::end_of_head;
use crate::head::Headers;
use crate::link::Outbound;
use crate::parse::is_trailer;

/// Writes one chunk; its data travels by reference when it is large. Empty data writes nothing, for an empty chunk
/// would end the body.
pub fn chunk(out: &mut Outbound, data: Bytes) {
    if data.is_empty() {
        return;
    }
    let mut digits = [0; 16];
    out.write_slice(hex(data.len() as u64, &mut digits));
    out.tail().put_slice(b"\r\n");
    out.write(data);
    out.tail().put_slice(b"\r\n");
}

/// Writes the last chunk and the trailer section. Fields that may not be trailers (RFC 9110 §6.5.1) are left out.
pub fn last_chunk(out: &mut Outbound, trailers: Option<&Headers>) {
    out.write_slice(b"0\r\n");
    for (_, name, value) in trailers.into_iter().flat_map(Headers::raw) {
        if is_trailer(name) {
            super::head::line(out.tail(), name, value);
        }
    }
    end_of_head(out);
}

/// Writes a number in hex to the end of `digits`.
fn hex(mut number: u64, digits: &mut [u8; 16]) -> &[u8] {
    let mut start = digits.len();
    while number > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
    &digits[start..]
}
