//! Ids for events that come without one, so that a blind retry of the same request is still one event.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::event::{Content, Event};

/// The UUIDv8 (RFC 9562 §5.8) of an event's content: 48 bits of `timestamp`, the rest SHA-256 of the normalised event
/// (fixed key order, nulls omitted), less the bits that mark version and variant.
///
/// `event.timestamp` must be the time as sent, in Unix milliseconds; `event.id` and `event.received_at` do not count.
/// Equal content in the same millisecond is the same event. The time in front keeps the ids of neighbours together,
/// which is what the primary key's index likes.
pub(crate) fn derive(event: &Event<'_>) -> Uuid {
    let content = serde_json::to_vec(&Content(event))
        .expect("an event is plain data: writing it to memory cannot fail");
    let digest = Sha256::digest(&content);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&event.timestamp.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&digest[..10]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
