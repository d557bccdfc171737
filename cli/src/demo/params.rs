//! What came with a request: the pairs of its query and of its form.
//!
//! Each pair is a line `key: value`, in the order in which they came, lines parted by `<br>`. A file stands as its name
//! and size.

use std::borrow::Cow;

use anyloop::{
    BodyError, FormError, Html, IntoResponse, Known, Multipart, MultipartError, Request, Response,
    escape_html, form_pairs, query_pairs,
};

/// What a pair of a form counts for, beside its text, in the bound on all of them.
const PAIR: usize = 64;

pub(super) fn from_query(request: Request) -> Html<String> {
    Html(query_page(&request))
}

/// A body of another type than a form's is no concern of this page.
pub(super) async fn from_query_and_form(request: Request) -> Result<Html<String>, FormFault> {
    let mut page = query_page(&request);
    match form_kind(&request) {
        FormKind::Urlencoded => section(&mut page, "Post params", form_pairs(request).await?.iter()),
        FormKind::Multipart => {
            let pairs = multipart_pairs(request).await?;
            let pairs = pairs.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into()));
            section(&mut page, "Post params", pairs);
        }
        FormKind::Other => {}
    }
    Ok(Html(page))
}

fn query_page(request: &Request) -> String {
    let mut page = String::from("<h1>It Works!</h1>");
    section(&mut page, "Get params", query_pairs(request));
    page
}

fn section<'a>(page: &mut String, title: &str, pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) {
    let mut pairs = pairs.peekable();
    if pairs.peek().is_none() {
        return;
    }
    page.extend(["<h2>", title, "</h2><p>"]);
    let mut between = "";
    for (key, value) in pairs {
        page.extend([between, &escape_html(&key), ": ", &escape_html(&value)]);
        between = "<br>";
    }
    page.push_str("</p>");
}

enum FormKind {
    Urlencoded,
    Multipart,
    Other,
}

fn form_kind(request: &Request) -> FormKind {
    let value = request.headers().known(Known::ContentType).unwrap_or_default();
    let essence = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        FormKind::Urlencoded
    } else if essence.eq_ignore_ascii_case(b"multipart/form-data") {
        FormKind::Multipart
    } else {
        FormKind::Other
    }
}

/// Gathers the fields, all of them together within the bound on a body that is gathered whole.
async fn multipart_pairs(request: Request) -> Result<Vec<(String, String)>, MultipartError> {
    let limit = request.body().max_collect();
    let mut left = limit;
    let mut form = Multipart::new(request)?;
    let mut pairs = Vec::new();
    while let Some(mut field) = form.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        let value = match field.file_name().map(str::to_owned) {
            Some(file) => {
                let mut size = 0_u64;
                while let Some(chunk) = field.chunk().await? {
                    size += chunk.len() as u64;
                }
                format!("{file} ({size} bytes)")
            }
            None => String::from_utf8_lossy(&field.collect_up_to(left).await?).into_owned(),
        };
        let too_large = MultipartError::Body(BodyError::TooLarge { limit: limit as u64 });
        left = left.checked_sub(name.len() + value.len() + PAIR).ok_or(too_large)?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// Why there is no such form.
pub(super) enum FormFault {
    Urlencoded(FormError),
    Multipart(MultipartError),
}

impl From<FormError> for FormFault {
    fn from(error: FormError) -> Self {
        Self::Urlencoded(error)
    }
}

impl From<MultipartError> for FormFault {
    fn from(error: MultipartError) -> Self {
        Self::Multipart(error)
    }
}

impl IntoResponse for FormFault {
    fn into_response(self) -> Response {
        match self {
            Self::Urlencoded(error) => error.into_response(),
            Self::Multipart(error) => error.into_response(),
        }
    }
}
