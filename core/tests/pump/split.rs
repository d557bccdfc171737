//! L7 for a whole conversation: however the input is cut, the answers are the same.

use anyloop_core::limits::Limits;
use anyloop_core::parse::{Chunk, ChunkDecoder};
use anyloop_core::service::{Request, Response, Router};
use bytes::BytesMut;
use proptest::collection::vec as list;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::Wire;

fn app() -> Router {
    Router::new()
        .get("/", |_: Request| "home")
        .get("/users/{name}", |request: Request| request.param("name").unwrap_or("").to_owned())
        .post("/collect", |request: Request| async move { request.into_body().collect().await })
        .post("/echo", |request: Request| async move { Response::new(request.into_body()) })
}

fn request(with_echo: bool) -> impl Strategy<Value = String> {
    let paths = if with_echo { vec!["/echo"] } else { vec!["/collect"] };
    let body = "[a-z]{0,40}";
    let fields = select(vec!["", "X-Y: z\r\n", "Connection: close\r\n", "Accept: a, b\r\nAccept: c\r\n"]);
    let plain = (select(vec!["GET /", "HEAD /", "GET /users/ann", "OPTIONS *", "GET /none"]), fields.clone())
        .prop_map(|(line, fields)| format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    let sized = (select(paths.clone()), body, fields.clone()).prop_map(|(path, body, fields)| {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
    });
    let chunked = (select(paths), list("[a-z]{1,20}", 0..4), fields).prop_map(|(path, chunks, fields)| {
        let body: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Transfer-Encoding: chunked\r\n\r\n{body}0\r\nx-t: 1\r\n\r\n"
        )
    });
    prop_oneof![plain, sized, chunked]
}

/// Valid requests, of which one byte may be another.
fn conversation(with_echo: bool) -> impl Strategy<Value = String> {
    let mutation = proptest::option::of((any::<Index>(), select(b"\r\n :;0aZ\t,\"".to_vec())));
    (list(request(with_echo), 1..5), mutation).prop_map(|(requests, mutation)| {
        let mut bytes = requests.concat().into_bytes();
        if let Some((at, byte)) = mutation {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        String::from_utf8(bytes).unwrap()
    })
}

/// The answers, and whether the connection closes.
fn answers<'a>(pieces: impl IntoIterator<Item = &'a str>) -> (String, bool) {
    let mut wire = Wire::new(app());
    let mut all = String::new();
    for piece in pieces {
        if wire.link.is_closing() {
            break;
        }
        all += &wire.send(piece);
    }
    if !wire.link.is_closing() {
        all += &wire.eof();
    }
    (all, wire.link.is_closing())
}

fn cut<'a>(text: &'a str, cuts: &[Index]) -> Vec<&'a str> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// Takes chunked bodies apart, and leaves out how the body was framed and whether the close could be announced.
fn neutral(answers: &str) -> String {
    let mut left = BytesMut::from(answers);
    let mut neutral = String::new();
    while let Some(end) = left.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8(left.split_to(end + 4).to_vec()).unwrap();
        neutral += &head.replace("connection: close\r\n", "");
        if head.contains("transfer-encoding: chunked") {
            let mut chunks = ChunkDecoder::new();
            while let Ok(Some(piece)) = chunks.decode(&mut left, usize::MAX, &Limits::default()) {
                if let Chunk::Data(bytes) = piece {
                    neutral += std::str::from_utf8(&bytes).unwrap();
                }
            }
        }
    }
    neutral + std::str::from_utf8(&left).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn l7_gathered_answers_do_not_follow_the_reads(
        text in conversation(false),
        cuts in list(any::<Index>(), 0..12),
    ) {
        let (whole, closes) = answers([&*text]);
        let without_close = |answers: &str| answers.replace("connection: close\r\n", "");
        for pieces in [cut(&text, &cuts), text.split("").collect()] {
            let (parts, parts_close) = answers(pieces);
            let (parts, whole) = (without_close(&parts), without_close(&whole));
            // Whether an unread body is worth its end follows from how much of it was there.
            if ["404", "405", "501"].iter().any(|status| whole.contains(&format!("HTTP/1.1 {status} "))) {
                prop_assert!(parts.starts_with(&whole) || whole.starts_with(&parts), "{parts}\n{whole}");
            } else {
                prop_assert_eq!(parts, whole);
            }
            prop_assert_eq!(parts_close, closes);
        }
    }

    #[test]
    fn l7_echoed_answers_are_the_same_once_taken_apart(
        requests in list(request(true), 1..5),
        cuts in list(any::<Index>(), 0..12),
    ) {
        let text = requests.concat();
        let (whole, _) = answers([&*text]);
        for pieces in [cut(&text, &cuts), text.split("").collect()] {
            let (parts, _) = answers(pieces);
            // How a body is framed follows from how much of it was there when its echo began.
            let bodies = |answers: &str| {
                neutral(answers)
                    .replace("transfer-encoding: chunked\r\n", "")
                    .lines()
                    .filter(|line| !line.starts_with("content-length"))
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            prop_assert_eq!(bodies(&parts), bodies(&whole));
        }
    }
}
