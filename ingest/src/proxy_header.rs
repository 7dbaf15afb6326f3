//! The header of the PROXY protocol, versions 1 and 2, with which a load balancer that does not speak HTTP says who its
//! client is.
//!
//! Whether a connection has one is decided by who opened it, never by its bytes, so that no client can pass for another.
//! Knows nothing of HTTP.

use std::io;
use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use ppp::{HeaderResult, PartialResult, v1, v2};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most bytes that a header may have. Version 1 has 107 at most; the extras of version 2 are seldom more than some
/// hundred.
const MOST_BYTES: usize = 4 * 1024;
/// As many bytes as [`begins_one`] looks at.
pub const SIGNATURE_BYTES: usize = v2::PROTOCOL_PREFIX.len();
const VERSION_1: &[u8] = b"PROXY ";
const VERSION_2: &[u8] = v2::PROTOCOL_PREFIX;

/// A header that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The client's address. None for a connection of the proxy itself, such as a health check.
    pub client: Option<IpAddr>,
    /// The bytes behind the header that came with it.
    pub rest: Bytes,
}

/// Why there is no header.
#[derive(Debug, Error)]
pub enum ProxyHeaderError {
    /// The bytes are no header.
    #[error("the connection begins with something else, or its header is broken or too long")]
    Malformed,
    /// The connection ended before the header did.
    #[error("the connection ended within its header: {0}")]
    Ended(#[from] io::Error),
}

/// Whether a connection that begins with these bytes begins with a header.
#[must_use]
pub fn begins_one(bytes: &[u8]) -> bool {
    bytes.starts_with(VERSION_1) || bytes.starts_with(VERSION_2)
}

/// Reads the header. It waits for the client without a limit of time.
///
/// # Errors
/// See [`ProxyHeaderError`].
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<ProxyHeader, ProxyHeaderError> {
    let mut bytes = BytesMut::with_capacity(MOST_BYTES);
    loop {
        if bytes.len() == MOST_BYTES {
            return Err(ProxyHeaderError::Malformed);
        }
        if (&mut *stream).take((MOST_BYTES - bytes.len()) as u64).read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if let Some((client, length)) = parse(&bytes)? {
            return Ok(ProxyHeader { client, rest: bytes.split_off(length).freeze() });
        }
    }
}

/// The client and the header's length; none when more bytes are needed.
fn parse(bytes: &[u8]) -> Result<Option<(Option<IpAddr>, usize)>, ProxyHeaderError> {
    let may_begin = |prefix: &[u8]| prefix.starts_with(bytes) || bytes.starts_with(prefix);
    if !may_begin(VERSION_1) && !may_begin(VERSION_2) {
        return Err(ProxyHeaderError::Malformed);
    }
    // The parser cannot tell every line that is still coming from a wrong one, so it gets whole lines only.
    let is_text = bytes.starts_with(VERSION_1);
    if is_text && bytes.len() < 107 && !bytes.windows(2).any(|pair| pair == b"\r\n") {
        return Ok(None);
    }
    let header = HeaderResult::parse(bytes);
    match header {
        HeaderResult::V2(Err(error)) if error.is_incomplete() => Ok(None),
        HeaderResult::V1(Err(error)) if error.is_incomplete() && !is_text => Ok(None),
        HeaderResult::V1(Ok(header)) => Ok(Some((text_client(header.addresses), header.header.len()))),
        HeaderResult::V2(Ok(header)) => Ok(Some((binary_client(&header), header.len()))),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(ProxyHeaderError::Malformed),
    }
}

fn text_client(addresses: v1::Addresses) -> Option<IpAddr> {
    match addresses {
        v1::Addresses::Tcp4(pair) => Some(pair.source_address.into()),
        v1::Addresses::Tcp6(pair) => Some(pair.source_address.into()),
        v1::Addresses::Unknown => None,
    }
}

fn binary_client(header: &v2::Header<'_>) -> Option<IpAddr> {
    match (header.command, header.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(pair)) => Some(pair.source_address.into()),
        (v2::Command::Proxy, v2::Addresses::IPv6(pair)) => Some(pair.source_address.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{MOST_BYTES, ProxyHeaderError, VERSION_2, begins_one, parse, read};

    const SIGNED: [u8; 28] =
        *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x09\xca\x6c\x1f\x90";

    fn binary(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u16).to_be_bytes();
        [VERSION_2, &[command, family], &length, payload].concat()
    }

    async fn read_all(bytes: &[u8]) -> Result<(Option<String>, Vec<u8>), ProxyHeaderError> {
        let header = read(&mut &bytes[..]).await?;
        Ok((header.client.map(|client| client.to_string()), header.rest.to_vec()))
    }

    #[tokio::test]
    async fn both_versions_say_who_the_client_is_and_leave_what_follows() {
        let six = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0; 16], &[0, 1, 0, 2]].concat();
        let with_extras = [&SIGNED[16..], &[4, 0, 3, 1, 2, 3]].concat();
        for (header, client) in [
            (b"PROXY TCP4 192.0.2.7 198.51.100.9 51820 8080\r\n".to_vec(), Some("192.0.2.7")),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n".to_vec(), Some("2001:db8::1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN whatever it says\r\n".to_vec(), None),
            (SIGNED.to_vec(), Some("192.0.2.7")),
            (binary(0x21, 0x21, &six), Some("2001:db8::1")),
            (binary(0x21, 0x11, &with_extras), Some("192.0.2.7")),
            (binary(0x20, 0x11, &SIGNED[16..]), None), // LOCAL
            (binary(0x20, 0x00, &[]), None),
            (binary(0x21, 0x00, &[]), None),
            (binary(0x21, 0x31, &[0; 216]), None), // a socket of Unix
        ] {
            let bytes = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            let (found, rest) = read_all(&bytes).await.unwrap();
            assert_eq!((found.as_deref(), &rest[..]), (client, b"GET / HTTP/1.1\r\n" as &[u8]), "{header:?}");
            // However the bytes come, no beginning of them is a fault, and none is a header.
            for length in 1..header.len() {
                assert!(parse(&header[..length]).unwrap().is_none(), "{:?}", &header[..length]);
            }
            assert!(begins_one(&header));
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused_without_waiting_for_more() {
        let endless = [b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat();
        for wrong in [
            b"GET / HTTP/1.1\r\n" as &[u8],
            b"G",
            b"PROXX",
            b"proxy TCP4 192.0.2.7 198.51.100.9 1 2\r\n",
            b"PROXY TCP4 192.0.2.7\r\n",
            b"PROXY TCP4 192.0.2.777 198.51.100.9 1 2\r\n",
            b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.9 1 65536\r\n",
            b"PROXY UDP4 192.0.2.7 198.51.100.9 1 2\r\n",
            b"PROXY \xff\r\n",
            b"\r\n\r\n\0\r\nQUIT!",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x0c", // version 3
            &binary(0x22, 0x11, &[0; 12]),
            &binary(0x21, 0x11, &[0; 11]),
            &binary(0x21, 0x41, &[0; 12]),
            &endless,
            &binary(0x21, 0x11, &[0; 2 * MOST_BYTES]),
        ] {
            let refused = read_all(wrong).await;
            assert!(matches!(refused, Err(ProxyHeaderError::Malformed)), "{wrong:?}: {refused:?}");
        }
        assert!(matches!(read_all(&SIGNED[..20]).await, Err(ProxyHeaderError::Ended(_))));
        assert!(!begins_one(b"GET /") && !begins_one(b"PROXYfind"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), signed in any::<bool>()) {
            let bytes = if signed { [&SIGNED[..12], &bytes].concat() } else { bytes };
            let _verdict = parse(&bytes);
        }
    }
}
