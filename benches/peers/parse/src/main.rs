//! Our parsers, httparse and picohttpparser on the same bytes, in turns within one process. Prints medians as ratios.
//!
//! A head stands alone at the end of its buffer, as when one arrives with one read; our side makes an owned head of it,
//! which is dropped within the time. A body is decoded to its end; picohttpparser moves its content together on the way.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::time::Instant;

use anyloop_core::limits::Limits;
use anyloop_core::parse::{Chunk, ChunkDecoder, RequestParser, ResponseParser};
use bytes::{Bytes, BytesMut};

#[path = "../../../inputs/heads.rs"]
mod heads;
mod pico;
#[path = "../../../inputs/responses.rs"]
mod responses;

/// Enough that the clock does not count, few enough that they stay in the nearest cache.
const BYTES: usize = 12 << 10;
const FIELDS: usize = 64;

/// The same input many times: apart, as ours takes it, and as the others take it.
struct Batch {
    text: BytesMut,
    len: usize,
    buffers: Vec<BytesMut>,
}

impl Batch {
    fn new(head: &[u8]) -> Self {
        let text = BytesMut::from(&head.repeat((BYTES / head.len()).max(1))[..]);
        Self { text, len: head.len(), buffers: Vec::new() }
    }

    fn count(&self) -> usize {
        self.text.len() / self.len
    }

    fn refill(&mut self) {
        let (mut text, len) = (BytesMut::from(&self.text[..]), self.len);
        self.buffers.clear();
        self.buffers.extend((0..self.count()).map(|_| text.split_to(len)));
    }
}

type Side = (&'static str, fn(&mut Batch) -> f64);

/// Time of one run in nanoseconds for each input.
fn timed(batch: &mut Batch, mut run: impl FnMut(&mut BytesMut)) -> f64 {
    batch.refill();
    let start = Instant::now();
    for buffer in &mut batch.buffers {
        run(buffer);
    }
    start.elapsed().as_nanos() as f64 / batch.buffers.len() as f64
}

const REQUESTS: [Side; 4] = [
    ("anyloop", |batch| {
        let (mut parser, limits) = (RequestParser::new(), Limits::default());
        timed(batch, |buffer| {
            let head = parser.parse(buffer, &limits);
            assert!(matches!(head, Ok(Some(_))));
            black_box(&head);
        })
    }),
    ("pico", |batch| {
        timed(batch, |buffer| {
            black_box(pico::request(buffer).expect("a valid head"));
        })
    }),
    ("httparse", |batch| {
        timed(batch, |buffer| {
            let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
            let mut request = httparse::Request::new(&mut []);
            let status = request.parse_with_uninit_headers(buffer, &mut fields);
            assert!(status.expect("a valid head").is_complete());
            black_box(&request);
        })
    }),
    ("httparse, plain", |batch| {
        timed(batch, |buffer| {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut request = httparse::Request::new(&mut fields);
            assert!(request.parse(buffer).expect("a valid head").is_complete());
            black_box(&request);
        })
    }),
];

const RESPONSES: [Side; 4] = [
    ("anyloop", |batch| {
        let (mut parser, limits) = (ResponseParser::new(), Limits::default());
        timed(batch, |buffer| {
            let head = parser.parse(buffer, &limits);
            assert!(matches!(head, Ok(Some(_))));
            black_box(&head);
        })
    }),
    ("pico", |batch| {
        timed(batch, |buffer| {
            black_box(pico::response(buffer).expect("a valid head"));
        })
    }),
    ("httparse", |batch| {
        let config = httparse::ParserConfig::default();
        timed(batch, |buffer| {
            let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
            let mut response = httparse::Response::new(&mut []);
            let status = config.parse_response_with_uninit_headers(&mut response, buffer, &mut fields);
            assert!(status.expect("a valid head").is_complete());
            black_box(&response);
        })
    }),
    ("httparse, plain", |batch| {
        timed(batch, |buffer| {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            assert!(response.parse(buffer).expect("a valid head").is_complete());
            black_box(&response);
        })
    }),
];

const BODIES: [Side; 3] = [
    ("anyloop", |batch| {
        let limits = Limits::default();
        timed(batch, |buffer| {
            let (mut decoder, mut content) = (ChunkDecoder::new(), 0);
            while let Some(Chunk::Data(data)) =
                decoder.decode(buffer, usize::MAX, &limits).expect("a valid body")
            {
                content += black_box(data).len();
            }
            assert!(decoder.is_done() && content > 0);
        })
    }),
    ("pico", |batch| {
        timed(batch, |buffer| {
            black_box(pico::chunked(buffer).expect("a valid body"));
        })
    }),
    // httparse knows sizes only: the rest is ours to do, with one shared piece for each chunk as our decoder gives.
    ("httparse", |batch| {
        timed(batch, |buffer| {
            let mut content = 0;
            loop {
                let size = httparse::parse_chunk_size(buffer).expect("a valid size");
                let httparse::Status::Complete((start, size)) = size else { panic!("a whole size") };
                let size = size as usize;
                bytes::Buf::advance(buffer, start);
                if size == 0 {
                    break;
                }
                let data: Bytes = buffer.split_to(size).freeze();
                content += black_box(data).len();
                assert_eq!(&buffer[..2], b"\r\n");
                bytes::Buf::advance(buffer, 2);
            }
            assert_eq!(&buffer[..], b"\r\n");
            assert!(content > 0);
        })
    }),
];

/// Prints one line: the median time of ours, and the median of its ratio to each of the others in the same round.
fn compare(name: &str, input: &[u8], sides: &[Side], rounds: usize) {
    let mut batch = Batch::new(input);
    let mut times = vec![Vec::with_capacity(rounds); sides.len()];
    for round in 0..rounds + rounds / 10 {
        for turn in 0..sides.len() {
            // Each side begins as often as each other.
            let side = (turn + round) % sides.len();
            let time = (sides[side].1)(&mut batch);
            if round >= rounds / 10 {
                times[side].push(time);
            }
        }
    }
    print!("{name:<22} {:>6} B {:>8.1} ns", input.len(), median(times[0].clone()));
    for (side, others) in sides.iter().zip(&times).skip(1) {
        let ratios = times[0].iter().zip(others).map(|(ours, theirs)| ours / theirs).collect();
        print!("   {:>5.2} of {} ({:.1})", median(ratios), side.0, median(others.clone()));
    }
    println!();
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// A body in chunks of these sizes.
fn chunked(sizes: &[usize]) -> Vec<u8> {
    let mut body = Vec::new();
    for &size in sizes {
        body.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        body.extend(std::iter::repeat_n(b'x', size));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let rounds = std::env::args().nth(2).map_or(2_000, |rounds| rounds.parse().expect("a number of rounds"));
    let requests = [("tiny", heads::TINY), ("browser", heads::BROWSER)].into_iter().chain(heads::VARIED);
    let requests = requests.map(|(name, head)| (format!("request {name}"), head.as_bytes().to_vec(), &REQUESTS[..]));
    let responses = responses::RESPONSES
        .into_iter()
        .map(|(name, head)| (format!("response {name}"), head.as_bytes().to_vec(), &RESPONSES[..]));
    let bodies = [
        ("of 16 bytes", vec![16; 32]),
        ("of 100 bytes", vec![100; 32]),
        ("of 1 to 100 bytes", (0..32).map(|i| i * 37 % 100 + 1).collect()),
        ("of 4 KiB", vec![4096; 4]),
    ];
    let bodies =
        bodies.into_iter().map(|(name, sizes)| (format!("chunks {name}"), chunked(&sizes), &BODIES[..]));
    for (name, input, sides) in requests.chain(responses).chain(bodies) {
        if name.contains(&wanted) {
            compare(&name, &input, sides, rounds);
        }
    }
}
