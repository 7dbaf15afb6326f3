//! Content encodings: one at most, of the four that browsers and their tools send.

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use http::{HeaderMap, header};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::ApiError;

/// 2^23 bytes: what RFC 8878 tells decoders to support at least, and all that one body may cost in memory.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Encoding {
    /// The encoding that the headers name.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let (value, further) = (values.next(), values.next());
        let Some(value) = value else { return Ok(Self::Identity) };
        let name = value.to_str().map_err(|_| ApiError::UnsupportedEncoding)?.trim().to_ascii_lowercase();
        match (name.as_str(), further) {
            ("" | "identity", None) => Ok(Self::Identity),
            ("gzip" | "x-gzip", None) => Ok(Self::Gzip),
            ("deflate", None) => Ok(Self::Deflate),
            ("br", None) => Ok(Self::Brotli),
            ("zstd", None) => Ok(Self::Zstd),
            _ => Err(ApiError::UnsupportedEncoding),
        }
    }

    /// Unpacks `packed` to at most `limit` bytes, and stops there.
    pub(crate) async fn unpack(self, packed: Bytes, limit: usize) -> Result<Bytes, ApiError> {
        let input = &packed[..];
        match self {
            Self::Identity => Ok(packed),
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(input);
                decoder.multiple_members(true);
                self.drain(decoder, limit).await
            }
            // HTTP's "deflate" is zlib's format; some clients send the bare algorithm all the same.
            Self::Deflate if is_zlib(input) => self.drain(ZlibDecoder::new(input), limit).await,
            Self::Deflate => self.drain(DeflateDecoder::new(input), limit).await,
            Self::Brotli => self.drain(BrotliDecoder::new(input), limit).await,
            Self::Zstd => {
                let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG)];
                let mut decoder = ZstdDecoder::with_params(input, &window);
                decoder.multiple_members(true);
                self.drain(decoder, limit).await
            }
        }
    }

    async fn drain(self, decoder: impl AsyncRead + Unpin, limit: usize) -> Result<Bytes, ApiError> {
        let mut unpacked = Vec::new();
        // One byte more than allowed tells a body that just fits from one that does not.
        let mut bounded = decoder.take(limit as u64 + 1);
        bounded.read_to_end(&mut unpacked).await.map_err(|_| ApiError::NotUnpackable(self.name()))?;
        if unpacked.len() > limit {
            return Err(ApiError::UnpackedTooLarge { limit });
        }
        Ok(unpacked.into())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Whether the two bytes of a zlib header (RFC 1950) stand in front.
fn is_zlib(input: &[u8]) -> bool {
    matches!(input, [method, flags, ..]
        if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31))
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::bufread::{
        BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
    };
    use bytes::Bytes;
    use tokio::io::{AsyncRead, AsyncReadExt};

    use super::Encoding;
    use crate::error::ApiError;

    async fn packed(mut encoder: impl AsyncRead + Unpin) -> Bytes {
        let mut bytes = Vec::new();
        encoder.read_to_end(&mut bytes).await.unwrap();
        bytes.into()
    }

    async fn every_encoding_of(text: &[u8]) -> Vec<(Encoding, Bytes)> {
        vec![
            (Encoding::Identity, Bytes::copy_from_slice(text)),
            (Encoding::Gzip, packed(GzipEncoder::new(text)).await),
            (Encoding::Deflate, packed(ZlibEncoder::new(text)).await),
            (Encoding::Deflate, packed(DeflateEncoder::new(text)).await),
            (Encoding::Brotli, packed(BrotliEncoder::new(text)).await),
            (Encoding::Zstd, packed(ZstdEncoder::new(text)).await),
        ]
    }

    #[tokio::test]
    async fn every_encoding_unpacks_to_what_was_packed_and_not_a_byte_beyond_the_limit() {
        let text = "{\"events\":[]}".repeat(1_000).into_bytes();
        for (encoding, bytes) in every_encoding_of(&text).await {
            let unpacked = encoding.unpack(bytes.clone(), text.len()).await.unwrap();
            assert_eq!(unpacked, text, "{encoding:?}");
            if encoding != Encoding::Identity {
                let refused = encoding.unpack(bytes, text.len() - 1).await;
                assert!(matches!(refused, Err(ApiError::UnpackedTooLarge { .. })), "{encoding:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_cut_off_or_no_such_data_at_all_does_not_unpack() {
        let text = "{\"events\":[]}".repeat(1_000).into_bytes();
        for (encoding, bytes) in every_encoding_of(&text).await {
            if encoding != Encoding::Identity {
                for broken in [bytes.slice(..bytes.len() / 2), Bytes::from_static(b"{\"events\":[]}")] {
                    let refused = encoding.unpack(broken, 1 << 20).await;
                    assert!(matches!(refused, Err(ApiError::NotUnpackable(_))), "{encoding:?}");
                }
            }
        }
    }
}
