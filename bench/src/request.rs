//! A request with events as bytes ready to be sent, and sent again with fresh ids.
//!
//! Rendering is dear and done before the clock runs; between two sendings only the ids' 36 characters are written anew,
//! so that the load generator is not what is measured.

use schema::{SubmittedBatch, SubmittedEvent};

use crate::clock::unix_milliseconds;
use crate::events::Ids;

const BATCH: &str = "/api/telemetry/prompt/batch";
const ID_KEY: &str = "\"id\":\"";

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    bytes: Vec<u8>,
    /// Where in the bytes the ids begin.
    ids: Vec<usize>,
}

impl Request {
    /// A batch of these events.
    pub fn batch(events: Vec<SubmittedEvent>) -> Request {
        let body = body(events);
        let head = format!(
            "POST {BATCH} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let text = head + &body;
        let ids = text.match_indices(ID_KEY).map(|(place, key)| place + key.len()).collect();
        Request { bytes: text.into_bytes(), ids }
    }

    /// What to send.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many events it holds.
    pub fn events(&self) -> usize {
        self.ids.len()
    }

    /// Makes other events of the same ones.
    pub fn renew(&mut self, ids: &mut Ids) {
        let now = unix_milliseconds();
        for place in &self.ids {
            let text = &mut self.bytes[*place..*place + uuid::fmt::Hyphenated::LENGTH];
            ids.fresh(now).hyphenated().encode_lower(text);
        }
    }
}

/// The body of a batch request.
pub fn body(events: Vec<SubmittedEvent>) -> String {
    let batch = SubmittedBatch { events };
    serde_json::to_string(&batch).expect("events are plain data: writing them to memory cannot fail")
}

#[cfg(test)]
mod tests {
    use crate::events::{Events, Ids, Prompts};
    use crate::request::Request;

    #[test]
    fn a_renewed_request_differs_in_its_ids_only() {
        let mut request = Request::batch(Events::new(1, Prompts::library(66)).batch_at(1_764_000_000_000, 3));
        let before = request.clone();
        request.renew(&mut Ids::new(7));
        let parse = |request: &Request| {
            let text =
                std::str::from_utf8(request.bytes()).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned();
            serde_json::from_str::<schema::SubmittedBatch>(&text).unwrap().events
        };
        let (old, new) = (parse(&before), parse(&request));
        assert_eq!((request.events(), new.len()), (3, 3));
        for (old, mut new) in old.into_iter().zip(new) {
            assert_ne!(old.id, new.id);
            assert_eq!(new.id.unwrap().get_version_num(), 7);
            new.id = old.id;
            assert_eq!(old, new);
        }
    }
}
