//! picohttpparser, an early version of it, behind functions that are safe to call. The only file with `unsafe`.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr;

use pico_sys::ffi;

const FIELDS: usize = 64;

/// Parses a request head; returns its length and the number of its fields.
#[inline]
pub fn request(bytes: &[u8]) -> Option<(usize, usize)> {
    let (mut method, mut path) = (ptr::null(), ptr::null());
    let (mut method_len, mut path_len, mut minor, mut count) = (0, 0, 0, FIELDS);
    let mut fields = [const { MaybeUninit::<ffi::phr_header>::uninit() }; FIELDS];
    // SAFETY: the pointer and the length are those of `bytes`, `count` is the room in `fields`, and the others point to
    // locals that live until the call returns.
    let length = unsafe {
        ffi::phr_parse_request(
            bytes.as_ptr().cast::<c_char>(),
            bytes.len(),
            &mut method,
            &mut method_len,
            &mut path,
            &mut path_len,
            &mut minor,
            fields.as_mut_ptr().cast(),
            &mut count,
            0,
        )
    };
    std::hint::black_box((&fields, method, path));
    Some((usize::try_from(length).ok()?, count))
}

/// Parses a response head; returns its length and the number of its fields.
#[inline]
pub fn response(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut message = ptr::null();
    let (mut minor, mut status, mut message_len, mut count) = (0, 0, 0, FIELDS);
    let mut fields = [const { MaybeUninit::<ffi::phr_header>::uninit() }; FIELDS];
    // SAFETY: as above.
    let length = unsafe {
        ffi::phr_parse_response(
            bytes.as_ptr().cast::<c_char>(),
            bytes.len(),
            &mut minor,
            &mut status,
            &mut message,
            &mut message_len,
            fields.as_mut_ptr().cast(),
            &mut count,
            0,
        )
    };
    std::hint::black_box((&fields, message));
    Some((usize::try_from(length).ok()?, count))
}

/// Decodes a whole chunked body in place, without trailers; returns the length of its content.
#[inline]
pub fn chunked(body: &mut [u8]) -> Option<usize> {
    let mut length = body.len();
    let mut decoder = MaybeUninit::<ffi::phr_chunked_decoder>::zeroed();
    // SAFETY: all zeros are a decoder at its start, and the pointer and the length are those of `body`.
    let left = unsafe {
        ffi::phr_decode_chunked(decoder.as_mut_ptr(), body.as_mut_ptr().cast::<c_char>(), &mut length)
    };
    (left >= 0).then_some(length)
}
