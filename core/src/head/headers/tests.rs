use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;

use super::*;

fn list(headers: &Headers) -> Vec<(&str, &[u8])> {
    headers.iter().collect()
}

fn sample() -> Headers {
    let mut headers = Headers::new();
    headers.append("Host", "a").unwrap();
    headers.append("X-One", "1").unwrap();
    headers.append("accept", "text/html").unwrap();
    headers.append("x-one", "").unwrap();
    headers.append("Accept", "*/*").unwrap();
    headers
}

#[test]
fn order_and_case_are_kept_but_known_names_are_lower_case() {
    let expected: [(&str, &[u8]); 5] =
        [("host", b"a"), ("X-One", b"1"), ("accept", b"text/html"), ("x-one", b""), ("accept", b"*/*")];
    assert_eq!(list(&sample()), expected);
    assert_eq!(sample().iter().len(), 5);
}

#[test]
fn looking_up_ignores_case_and_finds_all() {
    let headers = sample();
    assert_eq!(headers.get("HOST"), Some(&b"a"[..]));
    assert_eq!(headers.get_str("x-ONE"), Some("1"));
    assert_eq!(headers.get_all("x-one").collect::<Vec<_>>(), [&b"1"[..], b""]);
    assert_eq!(headers.all_known(Known::Accept).collect::<Vec<_>>(), [&b"text/html"[..], b"*/*"]);
    assert_eq!(headers.known(Known::Host), Some(&b"a"[..]));
    assert!(headers.contains("accept") && !headers.contains("x-two") && !headers.contains("te"));
}

#[test]
fn insert_takes_the_first_place_and_leaves_one() {
    let mut headers = sample();
    headers.insert("ACCEPT", 7_u64).unwrap().insert("X-ONE", "2").unwrap().insert("new", "n").unwrap();
    let expected: [(&str, &[u8]); 4] = [("host", b"a"), ("X-ONE", b"2"), ("accept", b"7"), ("new", b"n")];
    assert_eq!(list(&headers), expected);
}

#[test]
fn remove_keeps_the_order_of_the_others() {
    let mut headers = sample();
    assert_eq!(
        (headers.remove("X-one"), headers.remove("x-one"), headers.remove_known(Known::Host)),
        (2, 0, 1)
    );
    assert_eq!(headers.get_all("accept").count(), headers.len());
    headers.clear();
    assert!(headers.is_empty());
}

#[test]
fn nothing_is_added_when_name_or_value_is_not_one() {
    let mut headers = sample();
    for (name, value, error) in [
        ("", "v", InvalidHeader::Name),
        ("a b", "v", InvalidHeader::Name),
        ("a", "v\r\nb: c", InvalidHeader::Value),
        ("host", "v\0", InvalidHeader::Value),
        ("host", "v\n", InvalidHeader::Value),
    ] {
        assert_eq!(headers.append(name, value).map(|_| ()), Err(error));
        assert_eq!(headers.insert(name, value).map(|_| ()), Err(error));
    }
    assert_eq!(headers, sample());
}

#[test]
fn tokens_stand_in_lists_over_all_values() {
    let mut headers = Headers::new();
    headers
        .append(Known::Connection, " keep-alive,\tTE ,,")
        .unwrap()
        .append("connection", "Upgrade")
        .unwrap();
    for token in ["te", "TE", "upgrade", "Keep-Alive"] {
        assert!(headers.has_token(Known::Connection, token), "{token}");
    }
    for token in ["", "keep", "alive", "close", "te,"] {
        assert!(!headers.has_token(Known::Connection, token), "{token}");
    }
    assert!(!headers.has_token(Known::Te, "te"));
}

#[test]
fn sections_are_joined_in_order() {
    let mut headers = sample();
    let mut other = Headers::new();
    other.append("Accept", "image/png").unwrap().append("x-two", "2").unwrap();
    headers.append_all(&other).unwrap();
    let expected: Vec<_> = sample().iter().chain(&other).map(|(n, v)| (n.to_string(), v.to_vec())).collect();
    assert_eq!(headers.iter().map(|(n, v)| (n.to_string(), v.to_vec())).collect::<Vec<_>>(), expected);
    assert!(headers.has(Known::Accept) && headers.repeats(Known::Accept) && !headers.repeats(Known::Host));
    assert!(!other.repeats(Known::Accept));
    let mut empty = Headers::new();
    empty.append_all(&headers).unwrap().append_all(&Headers::new()).unwrap();
    assert_eq!(empty, headers);
}

#[test]
fn a_section_takes_no_more_room_than_a_pointer() {
    assert_eq!(size_of::<Headers>(), size_of::<usize>());
}

#[test]
fn equality_compares_names_with_case() {
    let mut a = Headers::new();
    a.append("X-A", "1").unwrap();
    let mut b = Headers::new();
    b.append("x-a", "1").unwrap();
    assert_ne!(a, b);
    b.clear();
    b.append(String::from("X-A"), "1".to_string()).unwrap();
    assert_eq!(a, b);
}

#[test]
fn many_fields_stay_apart_until_they_are_too_many() {
    let mut headers = Headers::new();
    let mut added = 0_usize;
    while headers.append(format!("x-{added}"), added).is_ok() {
        added += 1;
        assert!(added < 70_000);
    }
    assert!(added >= 65_000, "{added}");
    assert_eq!(headers.get_str("x-0"), Some("0"));
    assert_eq!(headers.get_str(&format!("x-{}", added - 1)), Some((added - 1).to_string().as_str()));
    assert_eq!(headers.len(), added);
}

#[derive(Clone, Debug)]
enum Step {
    Append(String, String),
    Insert(String, String),
    Remove(String),
    Copy,
}

fn step() -> impl Strategy<Value = Step> {
    let name = prop_oneof!["[aA][bB]?", "[hH]ost|[tT]e|etag"];
    let value = "[a-z]{0,3}";
    prop_oneof![
        (name, value).prop_map(|(n, v)| Step::Append(n, v)),
        ("[aA][bB]?|[hH]ost|[tT]e", value).prop_map(|(n, v)| Step::Insert(n, v)),
        "[aA][bB]?|[hH]ost|[tT]e".prop_map(Step::Remove),
        Just(Step::Copy),
    ]
}

proptest! {
    #[test]
    fn behaves_like_a_list_of_pairs(steps in prop::collection::vec(step(), 0..60)) {
        let mut headers = Headers::new();
        let mut model: Vec<(String, String)> = Vec::new();
        let sent = |name: &str| HeaderName::copy_from(name.as_bytes()).unwrap().as_str().to_string();
        for step in steps {
            match step {
                Step::Append(name, value) => {
                    headers.append(&name, &value).unwrap();
                    model.push((sent(&name), value));
                }
                Step::Insert(name, value) => {
                    headers.insert(&name, &value).unwrap();
                    let at = model.iter().position(|(n, _)| n.eq_ignore_ascii_case(&name));
                    match at {
                        Some(at) => {
                            model[at] = (sent(&name), value);
                            let tail: Vec<_> = model.drain(at + 1..).filter(|(n, _)| !n.eq_ignore_ascii_case(&name)).collect();
                            model.extend(tail);
                        }
                        None => model.push((sent(&name), value)),
                    }
                }
                Step::Remove(name) => {
                    let before = model.len();
                    model.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
                    prop_assert_eq!(headers.remove(&name), before - model.len());
                }
                Step::Copy => headers = headers.clone(),
            }
            let expected: Vec<_> = model.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
            prop_assert_eq!(list(&headers), expected);
            let known = |name: &str| model.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
            prop_assert_eq!(headers.has(Known::Host), known("host") > 0);
            prop_assert_eq!(headers.repeats(Known::Te), known("te") > 1);
            let lines: String = model.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
            prop_assert_eq!(headers.lines(KnownSet::NONE), Some(lines.as_bytes()));
        }
    }
}
