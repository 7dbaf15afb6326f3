//! Reads the body of a request: content type, size on the wire, time; then unpacking and the check for UTF-8.
//!
//! Knows nothing of JSON. A body that comes in one piece is not copied. The wire's bytes come first, all of them; then
//! unpacking runs to its end or its limit without a pause, so that no more unpacked bodies exist at once than threads.

use std::time::Duration;

use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::body::unpack::Encoding;
use crate::config::LimitArgs;
use crate::error::ApiError;

mod unpack;

/// A complete body as it came over the wire.
pub struct Received {
    bytes: Bytes,
    encoding: Encoding,
}

/// Reads the body whole.
///
/// # Errors
/// The content type or encoding is not ours; the body is too large, too slow, or breaks off.
pub async fn read(request: Request, limits: &LimitArgs) -> Result<Received, ApiError> {
    let headers = request.headers();
    check_content_type(headers)?;
    let encoding = Encoding::of(headers)?;
    let limit = limits.max_body_bytes as usize;
    let announced = content_length(headers);
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let patience = Duration::from_millis(limits.body_timeout_ms);
    let bytes = tokio::time::timeout(patience, collect(request, announced, limit))
        .await
        .map_err(|_| ApiError::BodyTimeout(patience))??;
    Ok(Received { bytes, encoding })
}

impl Received {
    /// The body without its encoding. It does not wait for anything.
    ///
    /// # Errors
    /// It does not unpack, or to more than `limit` bytes.
    pub async fn unpack(self, limit: usize) -> Result<Bytes, ApiError> {
        self.encoding.unpack(self.bytes, limit).await
    }
}

/// The body's text.
///
/// # Errors
/// It is not UTF-8, or starts with a byte order mark, which JSON may not have.
pub fn text(bytes: &[u8]) -> Result<&str, ApiError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::NotUtf8)?;
    if text.starts_with('\u{feff}') {
        return Err(ApiError::Malformed(
            "the body starts with a byte order mark; send JSON without one".to_owned(),
        ));
    }
    Ok(text)
}

async fn collect(request: Request, announced: Option<u64>, limit: usize) -> Result<Bytes, ApiError> {
    let mut body = request.into_body();
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // hyper's reasons: the connection broke, or the chunks are no chunks. Nobody may be left to read the answer.
        let Ok(data) = frame.map_err(|_| ApiError::Incomplete)?.into_data() else {
            continue; // trailers
        };
        if first.len() + whole.len() + data.len() > limit {
            return Err(ApiError::BodyTooLarge { limit });
        }
        if whole.is_empty() && first.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(announced.map_or(4 * first.len(), |length| length as usize));
            whole.extend_from_slice(&first);
            first = Bytes::new();
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// JSON, or plain text, which a page may send across origins without asking first; in UTF-8.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = value.ok_or(ApiError::UnsupportedMediaType)?.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let ours = ["application/json", "text/plain"].iter().any(|ours| essence.eq_ignore_ascii_case(ours));
    let foreign_charset = parts.filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        let charset = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "utf8", "us-ascii"].iter().any(|ours| charset.eq_ignore_ascii_case(ours))
    });
    if ours && !foreign_charset { Ok(()) } else { Err(ApiError::UnsupportedMediaType) }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{check_content_type, text};

    fn is_taken(content_type: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        check_content_type(&headers).is_ok()
    }

    #[test]
    fn json_and_plain_text_in_utf_8_are_taken_and_nothing_else() {
        for taken in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "text/plain;charset=\"utf-8\"",
            "text/plain; x=y",
        ] {
            assert!(is_taken(taken), "{taken}");
        }
        for refused in [
            "",
            "application/jsonp",
            "application/json; charset=utf-16",
            "text/html",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!is_taken(refused), "{refused}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }

    #[test]
    fn text_is_utf_8_without_a_byte_order_mark() {
        assert_eq!(text("{\"é\":1}".as_bytes()).unwrap(), "{\"é\":1}");
        assert!(text(b"\"\xff\"").is_err());
        assert!(text("\u{feff}{}".as_bytes()).is_err());
    }
}
