//! W3C trace context: the header that ties an event's way through the system to the request that brought it.

use uuid::Uuid;

/// A valid `traceparent`, version 00: 55 characters of lowercase hex and dashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent([u8; 55]);

impl Traceparent {
    /// The sender's trace context, or a fresh one when there is none that is valid.
    #[must_use]
    pub fn from_header(header: Option<&[u8]>) -> Self {
        header.and_then(Self::parse).unwrap_or_else(Self::fresh)
    }

    /// The header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII was let in")
    }

    fn parse(header: &[u8]) -> Option<Self> {
        let bytes: [u8; 55] = header.try_into().ok()?;
        let hex = |range: std::ops::Range<usize>| {
            bytes[range].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let zero = |range: std::ops::Range<usize>| bytes[range].iter().all(|byte| *byte == b'0');
        let dashes = bytes[2] == b'-' && bytes[35] == b'-' && bytes[52] == b'-';
        let valid = dashes && &bytes[..2] == b"00" && hex(3..35) && hex(36..52) && hex(53..55);
        (valid && !zero(3..35) && !zero(36..52)).then_some(Self(bytes))
    }

    /// A new trace whose sampling is not decided (flags 00).
    fn fresh() -> Self {
        let mut bytes = *b"00-00000000000000000000000000000000-0000000000000000-00";
        Uuid::new_v4().simple().encode_lower(&mut bytes[3..35]);
        let mut span = [0; 32];
        Uuid::new_v4().simple().encode_lower(&mut span);
        bytes[36..52].copy_from_slice(&span[..16]);
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Traceparent;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_header_is_passed_on_as_it_is() {
        assert_eq!(Traceparent::from_header(Some(VALID.as_bytes())).as_str(), VALID);
    }

    #[test]
    fn a_missing_or_invalid_header_is_replaced_by_a_fresh_valid_one() {
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for header in
            [None, Some(""), Some("01-x"), Some(zeros), Some(&VALID.to_uppercase()), Some(&VALID[1..])]
        {
            let fresh = Traceparent::from_header(header.map(str::as_bytes));
            assert_ne!(Some(fresh.as_str()), header);
            assert_eq!(Traceparent::parse(fresh.as_str().as_bytes()), Some(fresh));
        }
    }
}
