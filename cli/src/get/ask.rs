//! What is sent to a URL.

use core::time::Duration;

use anyloop::client::{Client, ClientTls, RequestBuilder, Url};
use anyloop::{Headers, Known, Method, Runtime};

use super::args::GetArgs;
use super::items::{Content, Words};

/// The fields that make the answer depend on what one has already.
const CONDITIONAL: [&str; 6] =
    ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

/// What is sent to a URL.
#[derive(Debug)]
pub(super) struct Ask {
    method: Method,
    fields: Headers,
    content: Option<Content>,
    credentials: Option<Credentials>,
}

#[derive(Debug)]
enum Credentials {
    Basic { user: String, password: String },
    Bearer(String),
}

impl Ask {
    pub(super) fn new(args: &GetArgs, words: &Words) -> Result<Self, String> {
        let content = words.content(args.form)?;
        let standard = if content.is_some() { Method::POST } else { Method::GET };
        let credentials = match (&args.user, &args.bearer) {
            (Some(pair), _) => {
                let (user, password) = pair.split_once(':').ok_or("--user is USER:PASSWORD")?;
                Some(Credentials::Basic { user: user.into(), password: password.into() })
            }
            (None, Some(token)) => Some(Credentials::Bearer(token.clone())),
            (None, None) => None,
        };
        let fields = words.fields.clone();
        Ok(Self { method: args.method.unwrap_or(standard), fields, content, credentials })
    }

    /// Whether the answer is a file that may be had in parts.
    pub(super) fn is_plain(&self) -> bool {
        let conditional = CONDITIONAL.iter().any(|name| self.fields.contains(name));
        self.method == Method::GET && self.content.is_none() && !conditional
    }

    /// Makes the request for a file. Encoded, it would have another length and other ranges.
    pub(super) fn file<R: Runtime>(&self, client: &Client<R>, url: &Url) -> RequestBuilder<R> {
        let request = self.request(client, url);
        if self.fields.contains("accept-encoding") {
            return request;
        }
        request.header("Accept-Encoding", "identity")
    }

    /// Makes the request.
    pub(super) fn request<R: Runtime>(&self, client: &Client<R>, url: &Url) -> RequestBuilder<R> {
        let mut request = client.request(self.method, url).headers(&self.fields);
        request = match &self.content {
            None => request,
            Some(Content::Form(pairs)) => request.form(pairs.iter().map(|(name, value)| (name, value))),
            Some(Content::Json(text)) if self.fields.has(Known::ContentType) => request.body(text.clone()),
            Some(Content::Json(text)) => {
                request.header("Content-Type", "application/json").body(text.clone())
            }
        };
        match &self.credentials {
            None => request,
            Some(Credentials::Basic { user, password }) => request.basic_auth(user, password),
            Some(Credentials::Bearer(token)) => request.bearer_auth(token),
        }
    }
}

/// Makes the client.
pub(super) fn client<R: Runtime>(rt: R, args: &GetArgs, tls: ClientTls, at_once: usize) -> Client<R> {
    Client::builder(rt)
        .tls(tls)
        .timeouts(|timeouts| {
            timeouts.total = args.timeout.map(Duration::from);
            if let Some(time) = args.connect_timeout {
                timeouts.connect = Some(time.into());
            }
        })
        .pool(|pool| (pool.per_host, pool.total) = (at_once, at_once))
        .build()
}
