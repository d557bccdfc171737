//! Credentials (RFC 7617, RFC 6750).

use anyloop_core::head::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use super::error::Error;

/// A user name can't have a colon (RFC 7617 §2).
pub(crate) fn basic(user: &str, password: &str) -> Result<HeaderValue, Error> {
    if user.contains(':') {
        return Err(Error::invalid("a user name for basic authentication has no colon"));
    }
    Ok(encoded(&[user.as_bytes(), b":", password.as_bytes()].concat()))
}

fn encoded(credentials: &[u8]) -> HeaderValue {
    let mut value = String::from("Basic ");
    STANDARD.encode_string(credentials, &mut value);
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("Basic"))
}

pub(crate) fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_token) {
        return Err(Error::invalid("a bearer token has letters, digits and -._~+/= only"));
    }
    HeaderValue::try_from(format!("Bearer {token}")).map_err(Error::invalid)
}

/// Takes the credentials out of a URL.
pub(crate) fn take(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let (user, password) = (decode(url.username()), decode(url.password().unwrap_or_default()));
    // Neither fails for a URL with a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(encoded(&[&user[..], b":", &password].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_written_as_the_rfcs_say() {
        let value = basic("Aladdin", "open sesame").unwrap();
        assert_eq!(value.to_str(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert_eq!(basic("", "").unwrap().to_str(), Some("Basic Og=="));
        assert!(basic("a:b", "c").is_err());
        assert_eq!(bearer("mF_9.B5f-4.1JqM").unwrap().to_str(), Some("Bearer mF_9.B5f-4.1JqM"));
        for bad in ["", "a b", "a\r\nb", "é"] {
            assert!(bearer(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn credentials_leave_the_url() {
        let mut url = Url::parse("http://us%40er:p%3Aw@a.example/x").unwrap();
        assert_eq!(take(&mut url), Some(encoded(b"us@er:p:w")));
        assert_eq!(url.as_str(), "http://a.example/x");
        assert_eq!(take(&mut url), None);
        let mut url = Url::parse("http://user@a.example/").unwrap();
        assert_eq!(take(&mut url), Some(encoded(b"user:")));
    }
}
