//! The sample: 20,000 real impressions and the clicks on them, read from `data/open-bandit`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::place;

/// The files and the policy by which each was logged, which becomes the lens.
const FILES: [(&str, &str); 2] = [("random-men.csv", "random"), ("bts-men.csv", "bts")];

/// What happened to the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// It was shown.
    Impression,
    /// It was clicked.
    Selection,
}

/// One thing that happened, by which two are told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Happening {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// What.
    pub kind: Kind,
    /// `item-N`.
    pub prompt_id: String,
    /// Who saw it.
    pub visitor: String,
    /// `random` or `bts`.
    pub lens: &'static str,
    /// 0-based.
    pub rank: u8,
}

impl Happening {
    /// As a client sends it: without an id, so that ingest derives one.
    pub fn to_json(&self) -> Value {
        let kind = match self.kind {
            Kind::Impression => "impression",
            Kind::Selection => "selection",
        };
        json!({
            "eventType": kind,
            "promptId": self.prompt_id,
            "sessionId": self.visitor,
            "timestamp": self.at_ms,
            "context": { "lensId": self.lens },
            "scoring": { "rank": self.rank },
        })
    }
}

#[derive(Deserialize)]
struct Row {
    timestamp: String,
    item_id: u32,
    position: u8,
    click: u8,
    visitor: String,
}

/// Reads the whole sample, in the order of the files.
///
/// # Errors
/// When a file is missing or a row is not as its README says.
pub fn read() -> Result<Vec<Happening>, Error> {
    let mut all = Vec::new();
    for (file, lens) in FILES {
        let path = place::root().join("data/open-bandit").join(file);
        let fault = |line: u64, fault: String| Error::Sample { path: path.clone(), line, fault };
        let mut reader = csv::Reader::from_path(&path).map_err(|error| fault(1, error.to_string()))?;
        for (row, line) in reader.deserialize::<Row>().zip(2..) {
            let row = row.map_err(|error| fault(line, error.to_string()))?;
            happenings(&row, lens, &mut all).map_err(|why| fault(line, why))?;
        }
    }
    Ok(all)
}

fn happenings(row: &Row, lens: &'static str, all: &mut Vec<Happening>) -> Result<(), String> {
    let at: DateTime<Utc> = row.timestamp.parse().map_err(|error| format!("{}: {error}", row.timestamp))?;
    let rank = row.position.checked_sub(1).ok_or("position 0, where the first is 1")?;
    let kinds: &[Kind] = match row.click {
        0 => &[Kind::Impression],
        1 => &[Kind::Impression, Kind::Selection],
        other => return Err(format!("click {other}, where only 0 and 1 are known")),
    };
    all.extend(kinds.iter().map(|kind| Happening {
        at_ms: at.timestamp_millis(),
        kind: *kind,
        prompt_id: format!("item-{}", row.item_id),
        visitor: row.visitor.clone(),
        lens,
        rank,
    }));
    Ok(())
}

/// The folder that the sample lies in, for messages.
pub fn folder() -> PathBuf {
    place::root().join("data/open-bandit")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::sample::{self, Kind};

    #[test]
    fn the_sample_has_20000_impressions_and_115_clicks_all_distinct() {
        let all = sample::read().unwrap();
        let count = |kind| all.iter().filter(|happening| happening.kind == kind).count();
        assert_eq!(count(Kind::Impression), 20_000);
        assert_eq!(count(Kind::Selection), 115);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn a_row_becomes_the_event_of_the_contract() {
        let first = sample::read().unwrap().into_iter().next().unwrap().to_json();
        let expected = serde_json::json!({
            "eventType": "impression", "promptId": "item-14", "sessionId": "2dd97350",
            "timestamp": 1_574_553_793_442_i64, "context": {"lensId": "random"}, "scoring": {"rank": 2},
        });
        assert_eq!(first, expected);
    }
}
