//! `anyloop::files` through a router, with no socket: on the simulator, whose clock stands in 1994, and at the end on the
//! pools of the event loops.

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use anyloop::files::Files;
use anyloop_async_std::AsyncStd;
use anyloop_core::body::{Body, BodyError};
use anyloop_core::driver::{SharedRuntime, Spawn, Workers};
use anyloop_core::head::{Headers, Method};
use anyloop_core::service::{Request, Response, Router, Running, Service};
use anyloop_core::sim::Sim;
use anyloop_smol::Smol;
use anyloop_tokio::Tokio;
use bytes::Bytes;
use tempfile::TempDir;

/// 1994-11-06T08:49:37Z, when the simulator's clock starts.
const NOW: u64 = 784_111_777;
/// The modification time of the files, an hour before.
const MODIFIED: u64 = NOW - 3_600;
const LAST_MODIFIED: &str = "Sun, 06 Nov 1994 07:49:37 GMT";
const LIMIT: Duration = Duration::from_secs(60);
const BIG: usize = 1_000_003;

/// A root with files in it, and a secret beside it.
struct Site {
    outer: TempDir,
    sim: Sim,
}

impl Site {
    fn new() -> Self {
        let site = Self { outer: tempfile::tempdir().unwrap(), sim: Sim::new(1) };
        fs::create_dir(site.outer.path().join("secret")).unwrap();
        fs::write(site.outer.path().join("secret/key"), "secret").unwrap();
        fs::create_dir(site.root()).unwrap();
        site.write("index.html", b"<h1>home</h1>");
        site.write("digits.txt", b"0123456789");
        site.write("empty", b"");
        site.write("sub/index.html", b"<h1>sub</h1>");
        site.write("sub/caf\u{e9} 1.css", b"p{}");
        site.write("bare/a.json", b"{}");
        site.write(".env", b"secret");
        site.write(".git/config", b"secret");
        site.write("big.bin", &big());
        site
    }

    fn root(&self) -> PathBuf {
        self.outer.path().join("root")
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        touch(&path, Duration::from_secs(MODIFIED));
    }

    fn files(&self) -> Files<Sim> {
        Files::new(self.sim.clone(), self.root()).unwrap()
    }

    fn app(&self) -> Router {
        let files = self.files();
        Router::new().get("/", files.handler()).get("/{*path}", files.handler())
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.sim.run(LIMIT, future).unwrap()
    }

    fn call(&self, app: &Router, request: Request) -> Answer {
        self.run(async { Answer::of(respond(app, request).await).await })
    }

    fn get(&self, target: &str) -> Answer {
        self.call(&self.app(), Request::get(target))
    }

    fn get_with(&self, target: &str, fields: &[(&'static str, &str)]) -> Answer {
        self.call(&self.app(), with(Request::get(target), fields))
    }
}

fn touch(path: &Path, modified: Duration) {
    File::options().write(true).open(path).unwrap().set_modified(UNIX_EPOCH + modified).unwrap();
}

fn big() -> Vec<u8> {
    (0..BIG).map(|i| ((i * 31) >> 3) as u8).collect()
}

fn with(mut request: Request, fields: &[(&'static str, &str)]) -> Request {
    for &(name, value) in fields {
        request.headers_mut().append(name, value.to_owned()).unwrap();
    }
    request
}

async fn respond(app: &Router, request: Request) -> Response {
    let mut running = <Router as Service>::Running::default();
    match app.call(request, &mut running) {
        Some(response) => response,
        None => poll_fn(|cx| running.poll(cx)).await,
    }
}

/// A response that was read to its end.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Headers,
    length: Option<u64>,
    body: Result<Bytes, BodyError>,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().code(), response.headers().clone());
        let length = response.body().length();
        Self { status, headers, length, body: response.into_body().collect_up_to(usize::MAX).await }
    }

    fn field(&self, name: &str) -> &str {
        self.headers.get_str(name).unwrap_or("")
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }

    #[track_caller]
    fn expect(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.text()), (status, body));
        assert_eq!(self.length, Some(body.len() as u64));
    }

    #[track_caller]
    fn not_found(&self) {
        self.expect(404, "not found\n");
    }
}

#[test]
fn files_and_their_fields() {
    let site = Site::new();
    let answer = site.get("/digits.txt");
    answer.expect(200, "0123456789");
    assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.field("accept-ranges"), "bytes");
    assert_eq!(answer.field("last-modified"), LAST_MODIFIED);
    assert_eq!(answer.field("etag"), format!("\"a-{:x}\"", u128::from(MODIFIED) * 1_000_000_000));
    assert!(!answer.headers.contains("content-range"));
    site.get("/empty").expect(200, "");
    assert_eq!(site.get("/empty").field("content-type"), "application/octet-stream");
    assert_eq!(site.get("/bare/a.json").field("content-type"), "application/json");
    let css = site.get("/sub/caf%C3%A9%201.css?v=2");
    css.expect(200, "p{}");
    assert_eq!(css.field("content-type"), "text/css; charset=utf-8");
    site.get("http://example.com/digits.txt").expect(200, "0123456789");
}

#[test]
fn a_change_changes_the_tag() {
    let site = Site::new();
    let before = site.get("/digits.txt");
    touch(&site.root().join("digits.txt"), Duration::new(MODIFIED, 1_000));
    let after = site.get("/digits.txt");
    assert_ne!(before.field("etag"), after.field("etag"));
    assert_eq!(before.field("last-modified"), after.field("last-modified"));
    touch(&site.root().join("digits.txt"), Duration::from_secs(NOW + 86_400));
    let future = site.get("/digits.txt");
    assert_eq!(future.field("last-modified"), "Sun, 06 Nov 1994 08:49:37 GMT", "never after Date");
    touch(&site.root().join("digits.txt"), Duration::from_secs(1));
    let stand_in = site.get_with("/digits.txt", &[("if-none-match", after.field("etag"))]);
    stand_in.expect(200, "0123456789");
    assert!(!stand_in.headers.contains("etag") && !stand_in.headers.contains("last-modified"));
}

#[test]
fn directories() {
    let site = Site::new();
    for (target, body) in [("/", "<h1>home</h1>"), ("/?a=b", "<h1>home</h1>"), ("/sub/", "<h1>sub</h1>")] {
        let answer = site.get(target);
        answer.expect(200, body);
        assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
    }
    site.get("/sub/index.html").expect(200, "<h1>sub</h1>");
    for (target, location) in [
        ("/sub", "/sub/"),
        ("/sub?", "/sub/?"),
        ("/sub?a=b&c=//d", "/sub/?a=b&c=//d"),
        ("/s%75b", "/s%75b/"),
        ("/bare", "/bare/"),
        ("http://example.com/sub?a", "/sub/?a"),
    ] {
        let answer = site.get(target);
        answer.expect(308, "");
        assert_eq!(answer.field("location"), location);
    }
    site.get("/bare/").not_found();
    site.get("/digits.txt/").not_found();
    site.get("/digits.txt/x").not_found();
    fs::create_dir_all(site.root().join("odd/index.html")).unwrap();
    site.get("/odd/").not_found();
}

#[test]
fn no_redirect_to_another_host() {
    let site = Site::new();
    fs::create_dir(site.root().join("evil")).unwrap();
    for target in ["//evil", "//evil/", "//evil/..", "///evil", "/sub//", "//", "/%2Fevil", "/%2F/evil"] {
        let answer = site.get(target);
        answer.not_found();
        assert!(!answer.headers.contains("location"), "{target}");
    }
    assert_eq!(site.get("/evil").field("location"), "/evil/");
}

#[test]
fn nothing_outside_and_nothing_hidden() {
    let site = Site::new();
    for target in [
        "/nothing",
        "/sub/nothing",
        "/nothing/nothing",
        "/../secret/key",
        "/%2e%2e/secret/key",
        "/..%2fsecret%2fkey",
        "/sub/../../secret/key",
        "/sub/../digits.txt",
        "/./digits.txt",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/sub/.git",
        "/digits.txt%5c",
        "/sub%2findex.html",
    ] {
        site.get(target).not_found();
    }
    site.get(&format!("/{}", "x".repeat(300))).not_found();
    site.get(&format!("/{}", "sub/".repeat(3_000))).not_found();
    for target in ["/%", "/%zz", "/%ff", "/a%00b"] {
        assert_eq!(site.get(target).status, 400, "{target}");
    }
    // The handler refuses by itself what the router refused before it here.
    let handler = site.files().handler();
    for (target, status) in [("/%", 400), ("/%ff", 400), ("/digits.txt%00", 404), ("/../secret/key", 404)] {
        let response = site.run(handler(Request::get(target)));
        assert_eq!(response.status().code(), status, "{target}");
    }
}

#[test]
#[cfg(unix)]
fn links_inside_but_not_outside() {
    use std::os::unix::fs::symlink;

    let site = Site::new();
    let root = site.root();
    symlink("digits.txt", root.join("relative")).unwrap();
    symlink(root.join("digits.txt"), root.join("absolute")).unwrap();
    symlink("sub", root.join("directory")).unwrap();
    symlink("directory/index.html", root.join("chain")).unwrap();
    symlink("../root/sub/../digits.txt", root.join("out-and-back")).unwrap();
    symlink("../secret/key", root.join("out")).unwrap();
    symlink(site.outer.path().join("secret"), root.join("out-directory")).unwrap();
    symlink("..", root.join("parent")).unwrap();
    symlink("/", root.join("slash")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("nothing", root.join("dangling")).unwrap();
    fs::create_dir(root.join("out-index")).unwrap();
    symlink("../../secret/key", root.join("out-index/index.html")).unwrap();
    // A sibling whose name begins like the root's.
    fs::create_dir(site.outer.path().join("root-2")).unwrap();
    fs::write(site.outer.path().join("root-2/key"), "secret").unwrap();
    symlink("../root-2/key", root.join("sibling")).unwrap();

    for target in ["/relative", "/absolute", "/out-and-back"] {
        site.get(target).expect(200, "0123456789");
    }
    for target in ["/directory/", "/directory/index.html", "/chain"] {
        site.get(target).expect(200, "<h1>sub</h1>");
    }
    assert_eq!(site.get("/directory").field("location"), "/directory/");
    for target in [
        "/out",
        "/out/",
        "/out-directory",
        "/out-directory/",
        "/out-directory/key",
        "/parent",
        "/parent/secret/key",
        "/slash",
        "/slash/etc/passwd",
        "/loop",
        "/loop/x",
        "/dangling",
        "/out-index/",
        "/out-index/index.html",
        "/sibling",
    ] {
        site.get(target).not_found();
    }
    assert_eq!(site.get("/parent/root/digits.txt").status, 200, "where it ends is what counts");
}

#[test]
#[cfg(unix)]
fn the_root_may_be_a_link() {
    let site = Site::new();
    let link = site.outer.path().join("link");
    std::os::unix::fs::symlink("root", &link).unwrap();
    let files = Files::new(site.sim.clone(), &link).unwrap();
    let app = Router::new().get("/{*path}", files.handler());
    site.call(&app, Request::get("/digits.txt")).expect(200, "0123456789");
}

#[test]
#[cfg(target_os = "linux")]
fn special_files_are_not_opened() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let site = Site::new();
    mknodat(CWD, site.root().join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(site.root().join("socket")).unwrap();
    std::os::unix::fs::symlink("fifo", site.root().join("to-fifo")).unwrap();
    for target in ["/fifo", "/fifo/", "/socket", "/to-fifo"] {
        site.get(target).not_found();
    }
}

#[test]
#[cfg(unix)]
fn without_permission() {
    use std::os::unix::fs::PermissionsExt;

    let site = Site::new();
    let path = site.root().join("digits.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    // The superuser may read it nevertheless.
    let expected = if File::open(&path).is_ok() { 200 } else { 403 };
    assert_eq!(site.get("/digits.txt").status, expected);
}

#[test]
fn conditional_requests() {
    let site = Site::new();
    let etag = site.get("/digits.txt").field("etag").to_owned();
    let weak = format!("W/{etag}");
    let cases: &[(&[(&'static str, &str)], u16)] = &[
        (&[("if-none-match", &etag)], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", "\"x\"")], 200),
        (&[("if-modified-since", LAST_MODIFIED)], 304),
        (&[("if-modified-since", "Sun, 06 Nov 1994 07:49:36 GMT")], 200),
        (&[("if-none-match", "\"x\""), ("if-modified-since", LAST_MODIFIED)], 200),
        (&[("if-match", &etag)], 200),
        (&[("if-match", &weak)], 412),
        (&[("if-unmodified-since", LAST_MODIFIED)], 200),
        (&[("if-unmodified-since", "Sun, 06 Nov 1994 07:49:36 GMT")], 412),
        (&[("if-match", &etag), ("if-none-match", &etag)], 304),
        // A precondition goes before a range.
        (&[("if-none-match", &etag), ("range", "bytes=0-1")], 304),
        (&[("if-match", "\"x\""), ("range", "bytes=90-")], 412),
        (&[("if-match", &etag), ("range", "bytes=0-1")], 206),
    ];
    for &(fields, expected) in cases {
        for method in [Method::GET, Method::HEAD] {
            let request = with(Request::with_method(method, "/digits.txt", Bytes::new()), fields);
            let answer = site.call(&site.app(), request);
            let expected = if method == Method::HEAD && expected == 206 { 200 } else { expected };
            assert_eq!(answer.status, expected, "{method} {fields:?}");
            if expected == 304 {
                assert_eq!(answer.text(), "");
                assert_eq!((answer.field("etag"), answer.field("last-modified")), (&*etag, LAST_MODIFIED));
            }
        }
    }
}

#[test]
fn ranges() {
    let site = Site::new();
    let cases: &[(&str, u16, &str, &str)] = &[
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=7-", 206, "bytes 7-9/10", "789"),
        ("bytes=-3", 206, "bytes 7-9/10", "789"),
        ("bytes=-99", 206, "bytes 0-9/10", "0123456789"),
        ("bytes=0-99", 206, "bytes 0-9/10", "0123456789"),
        ("bytes=10-", 416, "bytes */10", "range not satisfiable\n"),
        ("bytes=-0", 416, "bytes */10", "range not satisfiable\n"),
        ("bytes=0-1,3-4", 200, "", "0123456789"),
        ("bytes=4-2", 200, "", "0123456789"),
        ("lines=1-2", 200, "", "0123456789"),
    ];
    for &(range, status, content_range, body) in cases {
        let answer = site.get_with("/digits.txt", &[("range", range)]);
        answer.expect(status, body);
        assert_eq!(answer.field("content-range"), content_range, "{range}");
        if status == 206 {
            assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
            assert_eq!(answer.field("last-modified"), LAST_MODIFIED);
            assert!(!answer.field("etag").is_empty());
        }
    }
    site.get_with("/empty", &[("range", "bytes=0-")]).expect(416, "range not satisfiable\n");
    site.get_with("/empty", &[("range", "bytes=-1")]).expect(200, "");
}

#[test]
fn ranges_of_another_state() {
    let site = Site::new();
    let etag = site.get("/digits.txt").field("etag").to_owned();
    let weak = format!("W/{etag}");
    for (if_range, status) in [
        (&*etag, 206),
        (LAST_MODIFIED, 206),
        (&*weak, 200),
        ("\"x\"", 200),
        ("Sun, 06 Nov 1994 07:49:38 GMT", 200),
        ("nonsense", 200),
    ] {
        let fields = [("range", "bytes=1-2"), ("if-range", if_range)];
        assert_eq!(site.get_with("/digits.txt", &fields).status, status, "{if_range}");
    }
    let fields = [("range", "bytes=90-"), ("if-range", "\"x\"")];
    site.get_with("/digits.txt", &fields).expect(200, "0123456789");
}

#[test]
fn head_has_the_length_and_reads_nothing() {
    let site = Site::new();
    for (target, length) in [("/digits.txt", 10), ("/big.bin", BIG as u64), ("/empty", 0)] {
        let got = site.get(target);
        let request =
            with(Request::with_method(Method::HEAD, target, Bytes::new()), &[("range", "bytes=0-1")]);
        let answer = site.call(&site.app(), request);
        assert_eq!((answer.status, answer.length), (200, Some(length)));
        assert_eq!(answer.headers, got.headers);
        assert_eq!(answer.body.is_err(), length > 0, "whoever reads a body that is not sent is told so");
    }
}

#[test]
fn other_methods() {
    let site = Site::new();
    let routed = site.app().post("/form", |_: Request| "form");
    let fallback = Router::new()
        .get("/here", |_: Request| "here")
        .post("/here", |_: Request| "here")
        .fallback("/", site.files().handler());
    for app in [&routed, &fallback] {
        let call = |method| site.call(app, Request::with_method(method, "/digits.txt", Bytes::new()));
        call(Method::GET).expect(200, "0123456789");
        let head = call(Method::HEAD);
        assert_eq!((head.status, head.length), (200, Some(10)));
        let options = call(Method::OPTIONS);
        assert_eq!((options.status, options.field("allow")), (204, "GET, HEAD, OPTIONS"));
        let post = call(Method::POST);
        post.expect(405, "method not allowed\n");
        assert_eq!(post.field("allow"), "GET, HEAD, OPTIONS");
    }
}

#[test]
fn below_another_place() {
    let site = Site::new();
    let files = site.files().at("/static/v1");
    let app = Router::new()
        .get("/static/v1", files.handler())
        .get("/static/v1/", files.handler())
        .get("/static/v1/{*path}", files.handler())
        .get("/other/{*path}", files.handler());
    site.call(&app, Request::get("/static/v1/digits.txt")).expect(200, "0123456789");
    site.call(&app, Request::get("/stati%63/v1/digits.txt")).expect(200, "0123456789");
    site.call(&app, Request::get("/static/v1/")).expect(200, "<h1>home</h1>");
    site.call(&app, Request::get("/static/v1/..")).not_found();
    site.call(&app, Request::get("/other/digits.txt")).not_found();
    let redirect = site.call(&app, Request::get("/static/v1?q"));
    assert_eq!((redirect.status, redirect.field("location")), (308, "/static/v1/?q"));
}

#[test]
#[should_panic = "is no place for files"]
fn a_place_that_no_request_can_have() {
    let _ = Site::new().files().at("static");
}

#[test]
fn roots_that_are_none() {
    let site = Site::new();
    let open = |path| Files::new(site.sim.clone(), path).unwrap_err().kind();
    assert_eq!(open(site.root().join("digits.txt")), ErrorKind::NotADirectory);
    assert_eq!(open(site.root().join("nothing")), ErrorKind::NotFound);
}

#[test]
fn a_large_file_comes_in_chunks() {
    let site = Site::new();
    let content = big();
    for (range, expected) in
        [(None, 0..BIG), (Some("bytes=70000-"), 70_000..BIG), (Some("bytes=5-300004"), 5..300_005)]
    {
        site.run(async {
            let fields: Vec<_> = range.map(|range| ("range", range)).into_iter().collect();
            let mut body = respond(&site.app(), with(Request::get("/big.bin"), &fields)).await.into_body();
            let mut at = expected.start;
            while at < expected.end {
                assert_eq!(body.length(), Some((expected.end - at) as u64));
                let chunk = body.chunk().await.unwrap().unwrap();
                assert!(!chunk.is_empty() && chunk.len() <= 256 * 1024);
                assert_eq!(chunk, content[at..at + chunk.len()]);
                at += chunk.len();
            }
            assert!(body.chunk().await.is_none());
        });
    }
}

#[test]
fn sizes_around_what_is_read_at_once() {
    let site = Site::new();
    let content = big();
    for size in [65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 524_288, 524_289] {
        site.write("sized", &content[..size]);
        let answer = site.get("/sized");
        assert_eq!((answer.status, answer.length), (200, Some(size as u64)));
        assert!(answer.body.unwrap() == content[..size], "{size}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_served_cuts_the_message_short() {
    let site = Site::new();
    site.run(async {
        let mut body = respond(&site.app(), Request::get("/big.bin")).await.into_body();
        let first = body.chunk().await.unwrap().unwrap();
        let file = File::options().write(true).open(site.root().join("big.bin")).unwrap();
        file.set_len(first.len() as u64 + 10).unwrap();
        assert!(matches!(body.chunk().await, Some(Err(BodyError::Source(_)))));
    });
}

#[test]
fn a_file_that_grows_while_it_is_served_ends_where_it_was_to_end() {
    let site = Site::new();
    site.run(async {
        let mut body = respond(&site.app(), Request::get("/big.bin")).await.into_body();
        let first = body.chunk().await.unwrap().unwrap();
        let file = File::options().write(true).open(site.root().join("big.bin")).unwrap();
        file.set_len(2 * BIG as u64).unwrap();
        let rest = body.collect_up_to(usize::MAX).await.unwrap();
        assert_eq!(first.len() + rest.len(), BIG);
    });
}

#[test]
fn files_that_are_replaced_while_they_are_served_stay_whole() {
    let site = Site::new();
    site.run(async {
        let mut body = respond(&site.app(), Request::get("/big.bin")).await.into_body();
        let first = body.chunk().await.unwrap().unwrap();
        site.write("new", &[0; 10]);
        fs::rename(site.root().join("new"), site.root().join("big.bin")).unwrap();
        let rest = body.collect_up_to(usize::MAX).await.unwrap();
        assert!([first, rest].concat() == big());
    });
}

#[test]
fn open_files_are_bounded_and_small_ones_pass() {
    let site = Site::new();
    let app = Router::new().get("/{*path}", site.files().with_max_open(2).handler());
    site.run(async {
        let first = respond(&app, Request::get("/big.bin")).await;
        let second = respond(&app, with(Request::get("/big.bin"), &[("range", "bytes=0-99999")])).await;
        assert_eq!((first.status().code(), second.status().code()), (200, 206));
        let third = Arc::new(AtomicUsize::new(0));
        let (waiting, done) = (app.clone(), Arc::clone(&third));
        site.sim.spawn(async move {
            let answer = Answer::of(respond(&waiting, Request::get("/big.bin")).await).await;
            assert!(answer.body.unwrap() == big());
            done.store(1, Ordering::Relaxed);
        });
        site.sim.sleep(Duration::from_secs(1)).await;
        assert_eq!(third.load(Ordering::Relaxed), 0, "there are two already");
        let small = Answer::of(respond(&app, Request::get("/digits.txt")).await).await;
        small.expect(200, "0123456789");
        let head = respond(&app, Request::with_method(Method::HEAD, "/big.bin", Bytes::new())).await;
        assert_eq!(head.status().code(), 200);
        drop(second);
        reaches(&site.sim, &third, 1).await;
        drop(first);
    });
}

#[test]
fn everybody_gets_a_turn() {
    let site = Site::new();
    for seed in 0..40 {
        let sim = Sim::new(seed);
        let files = Files::new(sim.clone(), site.root()).unwrap();
        let files = files.with_max_open(1).with_max_jobs(1 + seed as usize % 2);
        let app = Router::new().get("/{*path}", files.handler());
        let served = Arc::new(AtomicUsize::new(0));
        let result = sim.run(LIMIT, async {
            for i in 0..9 {
                let (app, served) = (app.clone(), Arc::clone(&served));
                sim.spawn(async move {
                    let (target, length) = [("/big.bin", BIG), ("/digits.txt", 10), ("/sub/", 12)][i % 3];
                    let answer = Answer::of(respond(&app, Request::get(target)).await).await;
                    assert_eq!(answer.body.unwrap().len(), length);
                    served.fetch_add(1, Ordering::Relaxed);
                });
            }
            reaches(&sim, &served, 9).await;
        });
        assert_eq!(result, Ok(()));
    }
}

/// Waits in virtual time; the run ends with a verdict when it takes too long.
async fn reaches(sim: &Sim, counter: &AtomicUsize, count: usize) {
    while counter.load(Ordering::Relaxed) < count {
        sim.sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn work_that_is_given_up_lets_others_in() {
    let site = Site::new();
    let app = Router::new().get("/{*path}", site.files().with_max_open(1).with_max_jobs(1).handler());
    site.run(async {
        for polls in 0..12 {
            // Dropped after so many polls: while it waits for a job, for the file, or with the answer in hand.
            let mut call = Box::pin(async {
                let first = respond(&app, Request::get("/big.bin")).await;
                let second = respond(&app, Request::get("/big.bin")).await;
                drop((first, second));
            });
            for _ in 0..polls {
                let pending = poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
                assert!(pending, "the second waits for the first");
                site.sim.sleep(Duration::from_millis(1)).await;
            }
            drop(call);
            let answer = Answer::of(respond(&app, Request::get("/big.bin")).await).await;
            assert_eq!(answer.body.unwrap().len(), BIG);
        }
    });
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Many at once, on threads, through narrow gates.
fn on_the_pool_of<R>()
where
    R: Workers<Shared: Spawn<Task>> + SharedRuntime,
{
    let site = Site::new();
    let root = site.root();
    R::block_on_shared(2, |rt, spawner| async move {
        let files = Files::new(rt, root).unwrap().with_max_open(3).with_max_jobs(2);
        let app = Router::new().get("/{*path}", files.handler());
        let outcomes: Vec<Body> = (0..24)
            .map(|i| {
                let (mut sink, outcome) = Body::channel();
                let app = app.clone();
                spawner.spawn(Box::pin(async move {
                    let target = ["/big.bin", "/digits.txt", "/nothing"][i % 3];
                    let answer = Answer::of(respond(&app, Request::get(target)).await).await;
                    sink.send(answer.body.unwrap()).await.unwrap();
                    sink.finish(None);
                }));
                outcome
            })
            .collect();
        let big = big();
        for (i, outcome) in outcomes.into_iter().enumerate() {
            let body = outcome.collect_up_to(BIG).await.unwrap();
            let expected: &[u8] = [&big[..], b"0123456789", b"not found\n"][i % 3];
            assert!(body == expected, "{i}");
        }
    })
    .unwrap();
}

#[test]
fn on_the_pool_of_tokio() {
    on_the_pool_of::<Tokio>();
}

#[test]
fn on_the_pool_of_smol() {
    on_the_pool_of::<Smol>();
}

#[test]
fn on_the_pool_of_async_std() {
    on_the_pool_of::<AsyncStd>();
}
