//! The truth: the aggregates counted from the sample itself, to be compared with what the API answers.
//!
//! Written against the contract alone and without any of the services' code, so that a fault of theirs can't hide here.

use std::collections::{BTreeMap, HashSet};

use crate::api::Stats;
use crate::sample::{Happening, Kind};

/// Counts one [`Stats`] for each prompt that has an event, in the order of their ids. Equal happenings in one millisecond
/// are one event.
pub fn count<'a>(happenings: impl IntoIterator<Item = &'a Happening>) -> Vec<Stats> {
    let distinct: HashSet<&Happening> = happenings.into_iter().collect();
    let mut prompts: BTreeMap<&str, Stats> = BTreeMap::new();
    for happening in distinct {
        let stats =
            prompts.entry(&happening.prompt_id).or_insert_with(|| Stats::nothing(&happening.prompt_id));
        match happening.kind {
            Kind::Impression => stats.impressions += 1,
            Kind::Selection => stats.selections += 1,
        }
        stats.last_surfaced_ms = stats.last_surfaced_ms.max(Some(happening.at_ms));
    }
    for stats in prompts.values_mut() {
        stats.selection_rate = rate(stats.selections, stats.impressions);
    }
    prompts.into_values().collect()
}

/// Every difference between the truth and an answer, one line each; both may be in any order.
pub fn differences(truth: &[Stats], answer: &[Stats]) -> Vec<String> {
    let by_id = |all: &[Stats]| -> BTreeMap<String, Stats> {
        all.iter().map(|stats| (stats.prompt_id.clone(), stats.clone())).collect()
    };
    let (truth, found) = (by_id(truth), by_id(answer));
    let mut lines = Vec::new();
    if found.len() != answer.len() {
        lines.push(format!("{} prompts are listed more than once", answer.len() - found.len()));
    }
    for (id, expected) in &truth {
        match found.get(id) {
            None => lines.push(format!("{id} is not listed")),
            Some(stats) if stats != expected => {
                lines.push(format!("{id}: expected {expected:?}, found {stats:?}"));
            }
            Some(_) => {}
        }
    }
    let unexpected = found.keys().filter(|id| !truth.contains_key(*id));
    lines.extend(unexpected.map(|id| format!("{id} is listed and should not be")));
    lines
}

/// At 4 decimals, half away from zero, reckoned in whole numbers; 0 without impressions.
fn rate(selections: u64, impressions: u64) -> f64 {
    if impressions == 0 {
        return 0.0;
    }
    let ten_thousandths = (selections * 20_000 + impressions) / (impressions * 2);
    let ten_thousandths = u32::try_from(ten_thousandths).expect("a sample's rate is small");
    f64::from(ten_thousandths) / 10_000.0
}

#[cfg(test)]
mod tests {
    use crate::sample;
    use crate::truth::{count, differences, rate};

    #[test]
    fn the_sample_has_34_prompts_and_their_sums_are_the_whole() {
        let truth = count(&sample::read().unwrap());
        assert_eq!(truth.len(), 34);
        assert_eq!(truth.iter().map(|stats| stats.impressions).sum::<u64>(), 20_000);
        assert_eq!(truth.iter().map(|stats| stats.selections).sum::<u64>(), 115);
    }

    #[test]
    fn a_rate_is_rounded_half_away_from_zero() {
        assert_eq!(rate(1, 3), 0.3333);
        assert_eq!(rate(1, 20_000), 0.0001);
        assert_eq!(rate(1, 20_001), 0.0);
        assert_eq!(rate(3, 2), 1.5);
        assert_eq!(rate(3, 0), 0.0);
    }

    #[test]
    fn an_equal_happening_counts_once() {
        let mut twice = sample::read().unwrap();
        let once = count(&twice);
        twice.extend(twice.clone());
        assert_eq!(differences(&once, &count(&twice)), Vec::<String>::new());
    }

    #[test]
    fn every_difference_is_found() {
        let truth = count(&sample::read().unwrap());
        let mut answer = truth.clone();
        answer[0].selections += 1;
        answer[1].last_surfaced_ms = None;
        answer.remove(2);
        answer.push(answer[5].clone());
        answer.push(crate::api::Stats::nothing("stranger"));
        let found = differences(&truth, &answer);
        assert_eq!(found.len(), 5, "{found:#?}");
    }
}
