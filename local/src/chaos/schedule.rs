//! Which faults come when: all of it follows from the seed.

use std::time::Duration;

use crate::chaos::fault::{CONSUMERS, Fault, Kind};
use crate::random::Random;

/// How a schedule is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many faults.
    pub faults: usize,
    /// How many brokers there are to choose from.
    pub brokers: usize,
    /// The longest that a fault lasts. Most are far shorter.
    pub longest: Duration,
    /// The longest rest before a fault. Rests are between none and this.
    pub rest: Duration,
}

/// A fault and the rest before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub number: usize,
    /// What is waited before it, once there is a lane for it.
    pub rest: Duration,
    /// What happens then.
    pub fault: Fault,
}

/// The schedule of a seed. Each kind comes once, in some order, before any comes again.
pub fn draw(seed: u64, limits: &Limits) -> Vec<Step> {
    let mut random = Random::new(seed);
    let mut kinds = random.shuffled(Kind::ALL);
    while kinds.len() < limits.faults {
        kinds.push(*random.pick(&Kind::ALL));
    }
    kinds.truncate(limits.faults);
    let steps = kinds.into_iter().enumerate().map(|(place, kind)| Step {
        number: place + 1,
        rest: limits.rest.mul_f64(random.fraction()),
        fault: fault(kind, limits, &mut random),
    });
    steps.collect()
}

/// At least a second, or less when less is the longest; half of all faults last less than an eighth of the longest.
fn fault(kind: Kind, limits: &Limits, random: &mut Random) -> Fault {
    let least = limits.longest.min(Duration::from_secs(1));
    let lasts = least + (limits.longest - least).mul_f64(random.fraction().powi(3));
    let choices = match kind {
        Kind::KillConsumer | Kind::PauseConsumer | Kind::DrainConsumer => CONSUMERS,
        Kind::KillBroker | Kind::PauseBroker | Kind::StopBroker => limits.brokers,
        Kind::SilentPostgres => 2,
        _ => 1,
    };
    Fault { kind, which: random.below(choices), lasts }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use crate::chaos::fault::Kind;
    use crate::chaos::schedule::{Limits, draw};

    const LIMITS: Limits =
        Limits { faults: 200, brokers: 3, longest: Duration::from_secs(40), rest: Duration::from_secs(3) };

    #[test]
    fn a_seed_repeats_its_schedule_and_another_one_does_not() {
        assert_eq!(draw(7, &LIMITS), draw(7, &LIMITS));
        assert_ne!(draw(7, &LIMITS), draw(8, &LIMITS));
    }

    #[test]
    fn every_kind_comes_before_any_comes_again_and_no_fault_is_out_of_bounds() {
        let steps = draw(1, &LIMITS);
        assert_eq!(steps.len(), 200);
        let first: HashSet<Kind> = steps.iter().take(Kind::ALL.len()).map(|step| step.fault.kind).collect();
        assert_eq!(first.len(), Kind::ALL.len());
        for step in &steps {
            assert!((Duration::from_secs(1)..=LIMITS.longest).contains(&step.fault.lasts), "{step:?}");
            assert!(step.rest <= LIMITS.rest, "{step:?}");
        }
        let brokers: HashSet<usize> = steps
            .iter()
            .filter(|step| step.fault.kind == Kind::KillBroker)
            .map(|step| step.fault.which)
            .collect();
        assert_eq!(brokers, HashSet::from([0, 1, 2]));
    }

    #[test]
    fn a_longer_run_begins_like_a_shorter_one() {
        let kinds = |faults| {
            let steps = draw(3, &Limits { faults, ..LIMITS });
            steps.into_iter().map(|step| step.fault.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(10), kinds(200)[..10]);
    }
}
