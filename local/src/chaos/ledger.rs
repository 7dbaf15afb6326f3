//! What the clients remember: each id ever sent, each id that got a `202`, and what should never have been answered.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// The memory of all clients of a run.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Whether each id that was sent has been acknowledged.
    ids: Mutex<HashMap<Uuid, bool>>,
    surprises: Mutex<Vec<String>>,
}

/// How what is stored differs from what the clients remember.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Acknowledged and not stored.
    pub lost: Vec<Uuid>,
    /// Stored and never sent.
    pub invented: Vec<Uuid>,
    /// Sent, never acknowledged, and stored all the same, which is allowed.
    pub unknown_stored: usize,
}

/// How many events there are of each sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Ids that were sent at least once.
    pub sent: usize,
    /// Those that got a `202`.
    pub acknowledged: usize,
}

impl Ledger {
    /// These ids are about to be sent.
    pub fn sending(&self, ids: &[Uuid]) {
        let mut known = self.ids();
        for id in ids {
            known.entry(*id).or_insert(false);
        }
    }

    /// These ids got a `202`.
    pub fn acknowledged(&self, ids: &[Uuid]) {
        self.ids().extend(ids.iter().map(|id| (*id, true)));
    }

    /// Something that must not be, as one sentence.
    pub fn surprise(&self, what: String) {
        self.surprises.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// All surprises so far.
    pub fn surprises(&self) -> Vec<String> {
        self.surprises.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much was sent and acknowledged so far.
    pub fn counts(&self) -> Counts {
        let known = self.ids();
        Counts { sent: known.len(), acknowledged: known.values().filter(|yes| **yes).count() }
    }

    /// Compares with the ids that are stored.
    pub fn compare(&self, stored: &HashSet<Uuid>) -> Comparison {
        let known = self.ids();
        let mut comparison = Comparison::default();
        for (id, acknowledged) in known.iter() {
            match (acknowledged, stored.contains(id)) {
                (true, false) => comparison.lost.push(*id),
                (false, true) => comparison.unknown_stored += 1,
                _ => {}
            }
        }
        comparison.invented = stored.iter().filter(|id| !known.contains_key(id)).copied().collect();
        comparison
    }

    fn ids(&self) -> MutexGuard<'_, HashMap<Uuid, bool>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use crate::chaos::ledger::{Comparison, Counts, Ledger};

    #[test]
    fn what_is_lost_and_what_is_invented_is_found() {
        let [kept, lost, unknown, gone, invented] = std::array::from_fn(|_| Uuid::now_v7());
        let ledger = Ledger::default();
        ledger.sending(&[kept, lost, unknown, gone]);
        ledger.acknowledged(&[kept, lost]);
        // Sent once more by another tab: it stays acknowledged.
        ledger.sending(&[kept]);
        assert_eq!(ledger.counts(), Counts { sent: 4, acknowledged: 2 });
        let comparison = ledger.compare(&HashSet::from([kept, unknown, invented]));
        let expected = Comparison { lost: vec![lost], invented: vec![invented], unknown_stored: 1 };
        assert_eq!(comparison, expected);
    }
}
