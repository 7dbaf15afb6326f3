//! Kafka records kept whole while their events wait to be stored, in case the database refuses one.
//!
//! Keeping costs one copy into a common buffer and no allocation per record; a record is only put together again
//! to become a dead letter. Knows nothing of what the bytes mean.

use rdkafka::Timestamp;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders, OwnedMessage};

/// What a header takes in memory beside its name and value: librdkafka's own record of it.
pub(crate) const HEADER_BYTES: usize = 64;

/// Many records in one buffer, each as partition, offset, key, value and headers.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
}

/// Memory that a record's headers take, in bytes. Their names must be text (see [`crate::decode`]).
pub(crate) fn header_bytes(headers: Option<&impl Headers>) -> usize {
    let header =
        |header: Header<'_, &[u8]>| HEADER_BYTES + header.key.len() + header.value.map_or(0, <[u8]>::len);
    headers.into_iter().flat_map(Headers::iter).map(header).sum()
}

/// Where in its [`Archive`] a record begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept(usize);

impl Archive {
    /// Copies the record. Its header names must be text (see [`crate::decode`]).
    pub(crate) fn keep(&mut self, message: &BorrowedMessage<'_>) -> Kept {
        let kept = Kept(self.bytes.len());
        self.bytes.extend_from_slice(&message.partition().to_le_bytes());
        self.bytes.extend_from_slice(&message.offset().to_le_bytes());
        self.write(message.key());
        self.write(message.payload());
        let headers = message.headers();
        self.bytes.extend_from_slice(&headers.map_or(0, Headers::count).to_le_bytes());
        for header in headers.into_iter().flat_map(Headers::iter) {
            self.write(Some(header.key.as_bytes()));
            self.write(header.value);
        }
        kept
    }

    /// The record as it was, less its time.
    pub(crate) fn restore(&self, kept: Kept, topic: &str) -> OwnedMessage {
        let mut reader = Reader(&self.bytes[kept.0..]);
        let partition = i32::from_le_bytes(reader.array());
        let offset = i64::from_le_bytes(reader.array());
        let key = reader.read().map(<[u8]>::to_vec);
        let value = reader.read().map(<[u8]>::to_vec);
        let count = usize::from_le_bytes(reader.array());
        let mut headers = OwnedHeaders::new_with_capacity(count);
        for _ in 0..count {
            let name = std::str::from_utf8(reader.read().unwrap_or_default())
                .expect("a header's name was text when it was written");
            headers = headers.insert(Header { key: name, value: reader.read() });
        }
        let topic = topic.to_owned();
        OwnedMessage::new(value, key, topic, Timestamp::NotAvailable, partition, offset, Some(headers))
    }

    /// Bytes kept.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all records and keeps the memory for the next ones.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Absent is not empty: a null value and an empty one stay apart.
    fn write(&mut self, value: Option<&[u8]>) {
        let length = value.map_or(u32::MAX, |value| value.len() as u32);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }
}

/// Reads what [`Archive::write`] wrote, from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (array, rest) = self.0.split_first_chunk().expect("an archive is read as it was written");
        self.0 = rest;
        *array
    }

    fn read(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_le_bytes(self.array());
        if length == u32::MAX {
            return None;
        }
        let (value, rest) = self.0.split_at(length as usize);
        self.0 = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{Header, OwnedHeaders};

    use super::{HEADER_BYTES, header_bytes};

    #[test]
    fn headers_weigh_their_names_and_values_and_what_librdkafka_keeps_of_each() {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "four", value: Some(&[0_u8; 1_000]) })
            .insert(Header { key: "none", value: None::<&[u8]> });
        assert_eq!(header_bytes(Some(&headers)), 4 + 1_000 + 4 + 2 * HEADER_BYTES);
        assert_eq!(header_bytes(None::<&OwnedHeaders>), 0);
    }
}
