//! Content encodings: one at most, of the four that browsers and their tools send.

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use http::{HeaderMap, header};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::ApiError;

/// 2^23 bytes: what RFC 8878 tells decoders to support at least, and all that one body may cost in memory.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The room for what is unpacked at first, in bytes. It doubles as it fills.
const FIRST_ROOM: usize = 4 * 1024;

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

    /// Unpacks `packed` to at most `limit` bytes, and stops there. `room` is asked before the result takes that many bytes.
    pub(crate) async fn unpack(
        self,
        packed: &[u8],
        limit: usize,
        room: impl FnMut(usize) -> Result<(), ApiError>,
    ) -> Result<Vec<u8>, ApiError> {
        match self {
            Self::Identity => self.drain(packed, limit, room).await,
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(packed);
                decoder.multiple_members(true);
                self.drain(decoder, limit, room).await
            }
            // HTTP's "deflate" is zlib's format; some clients send the bare algorithm all the same.
            Self::Deflate if is_zlib(packed) => self.drain(ZlibDecoder::new(packed), limit, room).await,
            Self::Deflate => self.drain(DeflateDecoder::new(packed), limit, room).await,
            Self::Brotli => self.drain(BrotliDecoder::new(packed), limit, room).await,
            Self::Zstd => {
                let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG)];
                let mut decoder = ZstdDecoder::with_params(packed, &window);
                decoder.multiple_members(true);
                self.drain(decoder, limit, room).await
            }
        }
    }

    async fn drain(
        self,
        mut decoder: impl AsyncRead + Unpin,
        limit: usize,
        mut room: impl FnMut(usize) -> Result<(), ApiError>,
    ) -> Result<Vec<u8>, ApiError> {
        let mut unpacked = Vec::new();
        loop {
            if unpacked.len() == unpacked.capacity() {
                // One byte more than allowed tells a body that just fits from one that does not.
                let capacity = (2 * unpacked.len()).max(FIRST_ROOM).min(limit + 1);
                room(capacity.min(limit))?;
                unpacked.reserve_exact(capacity - unpacked.len());
            }
            let read = decoder.read_buf(&mut unpacked).await;
            if read.map_err(|_| ApiError::NotUnpackable(self.name()))? == 0 {
                return Ok(unpacked);
            }
            if unpacked.len() > limit {
                return Err(ApiError::UnpackedTooLarge { limit });
            }
        }
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
    use tokio::io::{AsyncRead, AsyncReadExt};

    use super::Encoding;
    use crate::error::ApiError;

    async fn packed(mut encoder: impl AsyncRead + Unpin) -> Vec<u8> {
        let mut bytes = Vec::new();
        encoder.read_to_end(&mut bytes).await.unwrap();
        bytes
    }

    async fn every_encoding_of(text: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
        vec![
            (Encoding::Identity, text.to_vec()),
            (Encoding::Gzip, packed(GzipEncoder::new(text)).await),
            (Encoding::Deflate, packed(ZlibEncoder::new(text)).await),
            (Encoding::Deflate, packed(DeflateEncoder::new(text)).await),
            (Encoding::Brotli, packed(BrotliEncoder::new(text)).await),
            (Encoding::Zstd, packed(ZstdEncoder::new(text)).await),
        ]
    }

    /// Unpacks where there is memory for everything.
    async fn unpack(encoding: Encoding, packed: &[u8], limit: usize) -> Result<Vec<u8>, ApiError> {
        encoding.unpack(packed, limit, |_| Ok(())).await
    }

    #[tokio::test]
    async fn every_encoding_unpacks_to_what_was_packed_and_not_a_byte_beyond_the_limit() {
        let text = "{\"events\":[]}".repeat(1_000).into_bytes();
        for (encoding, bytes) in every_encoding_of(&text).await {
            assert_eq!(unpack(encoding, &bytes, text.len()).await.unwrap(), text, "{encoding:?}");
            let refused = unpack(encoding, &bytes, text.len() - 1).await;
            assert!(matches!(refused, Err(ApiError::UnpackedTooLarge { .. })), "{encoding:?}");
        }
    }

    #[tokio::test]
    async fn memory_is_asked_for_before_it_is_taken_and_never_beyond_the_limit() {
        let text = vec![b' '; 1 << 20];
        for (encoding, bytes) in every_encoding_of(&text).await {
            let mut most = 0;
            let room = |bytes| {
                most = bytes;
                Ok(())
            };
            encoding.unpack(&bytes, 1 << 20, room).await.unwrap();
            assert_eq!(most, 1 << 20, "{encoding:?}");
            let none = |bytes| if bytes > 100_000 { Err(ApiError::BodyMemory) } else { Ok(()) };
            let refused = encoding.unpack(&bytes, 1 << 20, none).await;
            assert!(matches!(refused, Err(ApiError::BodyMemory)), "{encoding:?}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_off_or_no_such_data_at_all_does_not_unpack() {
        let text = "{\"events\":[]}".repeat(1_000).into_bytes();
        for (encoding, bytes) in every_encoding_of(&text).await {
            if encoding != Encoding::Identity {
                for broken in [&bytes[..bytes.len() / 2], b"{\"events\":[]}"] {
                    let refused = unpack(encoding, broken, 1 << 20).await;
                    assert!(matches!(refused, Err(ApiError::NotUnpackable(_))), "{encoding:?}");
                }
            }
        }
    }
}
