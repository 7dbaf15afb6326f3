//! Reads the body of a request: content type, size on the wire, time, memory; then unpacking and the check for UTF-8.
//!
//! Knows nothing of JSON. A body that comes in one piece is not copied. The wire's bytes come first, all of them; then
//! unpacking runs to its end or its limit without a pause, so that no more unpacked bodies exist at once than threads.

use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::body::unpack::Encoding;
use crate::config::LimitArgs;
use crate::error::ApiError;
use crate::memory::{BodyMemory, Share};

mod unpack;

/// A complete body as it came over the wire.
pub struct Received<'a> {
    bytes: Bytes,
    encoding: Encoding,
    share: Share<'a>,
    memory: &'a BodyMemory,
}

/// A body without its encoding. It holds its memory until it is dropped.
pub struct Unpacked<'a> {
    bytes: Bytes,
    _share: Share<'a>,
}

/// Reads the body whole.
///
/// # Errors
/// The content type or encoding is not ours; the body is too large, too slow, or breaks off; there is no memory for it.
pub async fn read<'a>(
    request: Request,
    limits: &LimitArgs,
    memory: &'a BodyMemory,
) -> Result<Received<'a>, ApiError> {
    let headers = request.headers();
    check_content_type(headers)?;
    let encoding = Encoding::of(headers)?;
    let limit = limits.max_body_bytes as usize;
    let announced = content_length(headers);
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let announced = announced.unwrap_or(0) as usize;
    let share = memory.share(announced)?;
    let patience = Duration::from_millis(limits.body_timeout_ms);
    let whole = Whole { first: Bytes::new(), rest: Vec::new(), announced, limit, share };
    let (bytes, share) = tokio::time::timeout(patience, whole.collect(request))
        .await
        .map_err(|_| ApiError::BodyTimeout(patience))??;
    Ok(Received { bytes, encoding, share, memory })
}

impl<'a> Received<'a> {
    /// The body without its encoding. It does not wait for anything.
    ///
    /// # Errors
    /// It does not unpack, or to more than `limit` bytes; there is no memory for it.
    pub async fn unpack(self, limit: usize) -> Result<Unpacked<'a>, ApiError> {
        if self.encoding == Encoding::Identity {
            return Ok(Unpacked { bytes: self.bytes, _share: self.share });
        }
        let mut share = self.memory.share(0)?;
        let bytes = self.encoding.unpack(&self.bytes, limit, |bytes| share.grow_to(bytes)).await?;
        Ok(Unpacked { bytes: bytes.into(), _share: share })
    }
}

impl Unpacked<'_> {
    /// Returns the text without a byte order mark in front, which some languages write by default (RFC 8259 §8.1 lets a
    /// reader skip it).
    ///
    /// # Errors
    /// [`ApiError::NotUtf8`].
    pub fn text(&self) -> Result<&str, ApiError> {
        text(&self.bytes)
    }
}

fn text(bytes: &[u8]) -> Result<&str, ApiError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::NotUtf8)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A body while it comes: its first piece, or a copy of all pieces so far.
struct Whole<'a> {
    first: Bytes,
    rest: Vec<u8>,
    /// What the client says that will come; 0 when it does not say.
    announced: usize,
    limit: usize,
    share: Share<'a>,
}

impl<'a> Whole<'a> {
    async fn collect(mut self, request: Request) -> Result<(Bytes, Share<'a>), ApiError> {
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            // hyper's reasons: the connection broke, or the chunks are no chunks. Nobody may be left to read the answer.
            if let Ok(data) = frame.map_err(|_| ApiError::Incomplete)?.into_data() {
                self.add(data)?;
            } // else trailers
        }
        Ok((if self.rest.is_empty() { self.first } else { self.rest.into() }, self.share))
    }

    fn add(&mut self, data: Bytes) -> Result<(), ApiError> {
        let length = self.first.len() + self.rest.len() + data.len();
        if length > self.limit {
            return Err(ApiError::BodyTooLarge { limit: self.limit });
        }
        if self.rest.is_empty() && self.first.is_empty() {
            self.share.grow_to(length)?;
            self.first = data;
            return Ok(());
        }
        self.make_room(length)?;
        self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        self.rest.extend_from_slice(&data);
        Ok(())
    }

    /// Doubles the room, up to what was announced, so that memory follows what has come.
    fn make_room(&mut self, length: usize) -> Result<(), ApiError> {
        if length > self.rest.capacity() {
            let most = if self.announced > 0 { self.announced } else { self.limit };
            let capacity = (2 * length).min(most).max(length);
            self.share.grow_to(capacity)?;
            self.rest.reserve_exact(capacity - self.rest.len());
        }
        Ok(())
    }
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
    fn text_is_utf_8_and_one_byte_order_mark_in_front_of_it_is_skipped() {
        assert_eq!(text("{\"é\":1}".as_bytes()).unwrap(), "{\"é\":1}");
        assert!(text(b"\"\xff\"").is_err());
        assert_eq!(text("\u{feff}{}".as_bytes()).unwrap(), "{}");
        assert_eq!(text("\u{feff}\u{feff}{}\u{feff}".as_bytes()).unwrap(), "\u{feff}{}\u{feff}");
        assert_eq!(text("\u{feff}".as_bytes()).unwrap(), "");
    }
}
