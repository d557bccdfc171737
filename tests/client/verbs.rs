//! Requests and responses of every kind, against our own server.

use std::io::Read;
use std::sync::{Arc, Mutex};

use anyloop::client::{Cause, Client, MultipartForm, Part, Phase};
use anyloop::{
    Body, Method, Multipart, MultipartError, Request, Response, Router, Runtime, Server, SharedRuntime,
};
use anyloop_core::driver::{Spawn, Workers};
use anyloop_core::head::ResponseHead;
use anyloop_core::server::Connection;
use anyloop_smol::Smol;

use crate::script::{Scripted, ok};

async fn echo(request: Request) -> Response {
    let method = request.method().to_string();
    let query = request.query().unwrap_or("-").to_owned();
    let kind = request.header("content-type").unwrap_or("-").to_owned();
    let framing = match request.header("content-length") {
        Some(length) => length.to_owned(),
        None => request.header("transfer-encoding").unwrap_or("-").to_owned(),
    };
    let body = request.into_body().collect().await.expect("a body");
    let text = format!("{method} {query} {kind} {framing} {}", String::from_utf8_lossy(&body));
    Response::text(text.clone()).with_header("x-echo", text).expect("a value")
}

async fn form(request: Request) -> Result<String, MultipartError> {
    let mut form = Multipart::new(request)?;
    let mut text = String::new();
    while let Some(field) = form.next_field().await? {
        let (name, file) = (field.name().map(str::to_owned), field.file_name().map(str::to_owned));
        text.push_str(&format!(
            "{}/{}={};",
            name.unwrap_or_default(),
            file.unwrap_or_default(),
            field.text().await?
        ));
    }
    Ok(text)
}

fn app() -> Router {
    let mut app = Router::new();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        app = app.on(&Method::try_from(method).expect("a method"), "/echo", echo);
    }
    app.post("/form", form)
        .get("/", |_: Request| "hello")
        .get("/large", |_: Request| vec![b'x'; 3 << 20])
        .get("/streamed", |_: Request| {
            Body::produce(|mut sink| async move {
                for i in 0..100 {
                    sink.send(format!("{i} ")).await?;
                }
                Ok(())
            })
        })
        .get("/json", |_: Request| anyloop::Json([1, 2, 3]))
        .get("/latin", |_: Request| vec![0xe9])
        .get("/missing", |_: Request| Response::text("no").with_status(anyloop::Status::NOT_FOUND))
        .get("/empty", |_: Request| Response::empty(anyloop::Status::NO_CONTENT))
}

/// Starts our server; it ends with the test's process.
pub(crate) fn serve<W: Workers>(app: Router) -> String
where
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    let server = Server::builder().workers(2).bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", server.local_addr());
    std::mem::forget(server.serve::<W, _, _>(app).expect("it starts"));
    url
}

pub(crate) fn hello_server<W: Workers>() -> String
where
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    serve::<W>(app())
}

pub(crate) async fn each_verb_and_body_arrives<R: Runtime>(rt: R) {
    let base = serve::<Smol>(app());
    let url = format!("{base}/echo");
    let client = Client::new(rt);
    let stream = || Body::produce(|mut sink| async move { sink.send("streamed").await });
    for (request, expected) in [
        (client.get(&url), "GET - - - "),
        (client.get(&url).query("a", "b c").query("d", "&"), "GET a=b+c&d=%26 - - "),
        (client.post(&url), "POST - - 0 "),
        (client.post(&url).body("text"), "POST - - 4 text"),
        (client.put(&url).body(stream()), "PUT - - chunked streamed"),
        (client.patch(&url).json(&[1, 2]), "PATCH - application/json 5 [1,2]"),
        (
            client.post(&url).form([("a", "1"), ("b", "2 é")]),
            "POST - application/x-www-form-urlencoded 14 a=1&b=2+%C3%A9",
        ),
        (client.post(&url).header("Content-Type", "x/y").json(&1), "POST - x/y 1 1"),
        (client.delete(&url), "DELETE - - - "),
        (client.options(&url), "OPTIONS - - - "),
        (client.request(Method::try_from("PURGE").unwrap(), &url), "PURGE - - - "),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().code(), 200);
        assert_eq!(response.header("X-Echo"), Some(expected.trim()));
        assert_eq!(response.text().await.unwrap(), expected);
    }
    let head = client.head(format!("{base}/large")).send().await.unwrap();
    assert_eq!((head.header("content-length"), head.length()), (Some("3145728"), Some(0)));
    assert_eq!(head.bytes().await.unwrap(), "");
    let form = || {
        let file = Part::new("in a file").file_name("a \"b\".txt").media_type("text/plain").unwrap();
        MultipartForm::new().text("a", "1").part("f", file)
    };
    let streamed = form().part("s", Part::new(stream()));
    for (form, expected) in [
        (form(), "a/=1;f/a %22b%22.txt=in a file;"),
        (streamed, "a/=1;f/a %22b%22.txt=in a file;s/=streamed;"),
    ] {
        let response = client.post(format!("{base}/form")).multipart(form).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), expected);
    }
    assert_eq!(client.connections().total, 1, "{client:?}");
}

pub(crate) async fn bodies_are_gathered_within_limits<R: Runtime>(rt: R) {
    let base = serve::<Smol>(app());
    let client = Client::new(rt);
    let get = |path: &str| client.get(format!("{base}{path}")).send();
    let error = get("/large").await.unwrap().bytes().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::TooLarge { limit: 2_097_152 }), "{error}");
    assert_eq!(error.phase(), Phase::Body);
    assert_eq!(get("/large").await.unwrap().bytes_up_to(3 << 20).await.unwrap().len(), 3 << 20);
    let text = get("/streamed").await.unwrap().text().await.unwrap();
    assert_eq!(text, (0..100).map(|i| format!("{i} ")).collect::<String>());
    assert_eq!(get("/json").await.unwrap().json::<Vec<u8>>().await.unwrap(), [1, 2, 3]);
    let error = get("/json").await.unwrap().json::<String>().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Content(_)), "{error}");
    let error = get("/latin").await.unwrap().text().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Content(_)), "{error}");
    let error = get("/missing").await.unwrap().error_for_status().unwrap_err();
    assert_eq!((error.status().map(|status| status.code()), error.phase()), (Some(404), Phase::Status));
    assert_eq!(error.to_string().split(" (").next(), Some(&*format!("{base}/missing: the server refused")));
    let response = get("/empty").await.unwrap().error_for_status().unwrap();
    assert_eq!(response.length(), Some(0));
    assert_eq!(client.connections().idle, client.connections().total, "{response:?} owes nothing");
}

pub(crate) async fn a_body_is_handed_on_as_it_comes<R: SharedRuntime>(rt: R) {
    let origin = serve::<Smol>(app());
    let client = Client::new(rt.clone());
    let handler = {
        let client = client.clone();
        move |request: Request| {
            let request = client.get(format!("{origin}{}", request.path()));
            async move {
                match request.send().await {
                    Ok(response) => Response::new(response.into_body()),
                    Err(error) => Response::text(error.to_string()).with_status(anyloop::Status::BAD_GATEWAY),
                }
            }
        }
    };
    let proxy = Router::new().get("/large", handler.clone()).get("/streamed", handler);
    let (large, streamed) = (Request::get("/large"), Request::get("/streamed"));
    assert_eq!(anyloop::test::exchange(&proxy, large).await.body, vec![b'x'; 3 << 20]);
    assert!(anyloop::test::exchange(&proxy, streamed).await.text().ends_with("98 99 "));
    assert_eq!(client.connections().idle, 1);
}

pub(crate) async fn interim_responses_and_tunnels_are_given_out<R: Runtime>(rt: R) {
    let server = Scripted::start(|_, line| {
        while let Some(request) = line.request() {
            line.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
            if !request.to_ascii_lowercase().contains("upgrade: shout") {
                line.send(ok("plain").as_bytes());
                continue;
            }
            line.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n");
            let mut word = [0; 5];
            line.stream().read_exact(&mut word).expect("a word");
            line.send(word.to_ascii_uppercase().as_slice());
            return;
        }
    });
    let client = Client::new(rt);
    let hints = Arc::new(Mutex::new(Vec::new()));
    let see = {
        let hints = Arc::clone(&hints);
        move |head: ResponseHead| {
            hints.lock().unwrap().push((head.status.code(), head.headers.get_str("link").map(str::to_owned)))
        }
    };
    let plain = client.get(server.url("/")).on_interim(see).send().await.unwrap();
    assert_eq!(*hints.lock().unwrap(), [(103, Some("</a.css>".to_owned()))]);
    let plain = plain.into_tunnel().unwrap_err();
    assert_eq!(plain.text().await.unwrap(), "plain");
    let response = client.get(server.url("/")).header("Upgrade", "shout").send().await.unwrap();
    assert_eq!(response.status().code(), 101);
    let mut tunnel = response.into_tunnel().unwrap();
    assert_eq!(client.connections().total, 0);
    tunnel.write("hello").await.unwrap();
    let mut answer = Vec::new();
    while let Some(bytes) = tunnel.read().await {
        answer.extend_from_slice(&bytes.unwrap());
    }
    assert_eq!(answer, b"HELLO");
}
