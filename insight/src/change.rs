//! What changed from one period to the next, and whether it was the prompt or its place.

use statrs::function::erf::erfc;

use crate::discovery::benjamini_hochberg;
use crate::dispersion::{Deviations, moderated};
use crate::period::Period;
use crate::place::{Factors, Scale};
use crate::verdict::is_alike;
use crate::wilson;

/// Impressions that a prompt needs in both periods to be tested.
const TESTED_FROM: u64 = 100;

/// The share of prompts called up or down that may be wrong.
const FALSE_DISCOVERIES: f64 = 0.10;

/// One prompt in two stretches of time: the periods (days or hours) of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct BeforeAfter<P> {
    /// The earlier stretch.
    pub before: P,
    /// The later one.
    pub after: P,
}

/// How a prompt did after, compared with before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// What to call it.
    pub verdict: ChangeVerdict,
    /// The numbers. `None` without impressions on either side, without selections before, and where a side has more
    /// selections than impressions.
    pub measured: Option<MeasuredChange>,
}

/// What to call a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeVerdict {
    /// Selected more often at equal places.
    Up,
    /// Selected less often at equal places.
    Down,
    /// The interval of `liking` is within 0.8 to 1.25.
    Same,
    /// The counts do not say.
    Unclear,
    /// No impressions before.
    New,
    /// No impressions after.
    Gone,
}

/// A change in numbers, all of them after ÷ before: 1 is no change, 0.8 is a fall by a fifth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredChange {
    /// The ratio of the selection rates: `liking` · `place`, exactly.
    pub rate: f64,
    /// The ratio at equal places: what changed about the prompt.
    pub liking: f64,
    /// The lower end of the 95 % interval of `liking`.
    pub low: f64,
    /// The upper end of the 95 % interval of `liking`.
    pub high: f64,
    /// The ratio of the mean place factors: what better or worse places did.
    pub place: f64,
    /// The two-sided p-value of `liking` being 1.
    pub p_value: f64,
}

/// Compares two stretches of time for each prompt of a list.
///
/// With s selections and E = Σ n_r g_r impressions at equal places, s₁ of s₀ + s₁ selections are a share p whose odds are
/// `liking` · E₁ / E₀. Its interval is Wilson's on (s₀ + s₁) / φ trials, with the dispersion φ from the deviations within each
/// stretch. `Up` and `Down` are the discoveries of [`benjamini_hochberg`] at 10 % among the prompts with 100 impressions or
/// more on both sides. A list of one is the way to compare totals.
///
/// Source: Kitagawa (1955), Journal of the American Statistical Association 50:1168, for the two parts of a rate.
pub fn changes<P: AsRef<[Period]>>(prompts: &[BeforeAfter<P>], factors: &Factors) -> Vec<Change> {
    let totals: Vec<BeforeAfter<Period>> = prompts.iter().map(total).collect();
    let usable = totals.iter().filter(|total| !is_implausible(total));
    let all: Period = usable.flat_map(|total| [total.before, total.after]).sum();
    let scale = factors.scaled_to(&all);
    let deviations: Vec<Deviations> =
        prompts.iter().zip(&totals).map(|(prompt, total)| deviations(prompt, total, &scale)).collect();
    let overall = all.selected() / (all.impressions.max(1) as f64);
    let measured: Vec<Option<MeasuredChange>> = totals
        .iter()
        .zip(moderated(&deviations, overall))
        .map(|(total, dispersion)| measure(total, &scale, dispersion))
        .collect();
    let p_values: Vec<Option<f64>> =
        totals.iter().zip(&measured).map(|(total, measured)| p_value(total, *measured)).collect();
    let found = benjamini_hochberg(&p_values, FALSE_DISCOVERIES);
    let change = |((total, measured), found)| Change { verdict: verdict(total, measured, found), measured };
    totals.iter().zip(measured).zip(found).map(change).collect()
}

fn total<P: AsRef<[Period]>>(prompt: &BeforeAfter<P>) -> BeforeAfter<Period> {
    let sum = |periods: &P| periods.as_ref().iter().copied().sum();
    BeforeAfter { before: sum(&prompt.before), after: sum(&prompt.after) }
}

fn is_implausible(total: &BeforeAfter<Period>) -> bool {
    total.before.is_implausible() || total.after.is_implausible()
}

/// What the deviations within each stretch say. Counts that cannot be say nothing.
fn deviations<P: AsRef<[Period]>>(
    prompt: &BeforeAfter<P>,
    total: &BeforeAfter<Period>,
    scale: &Scale,
) -> Deviations {
    let mut deviations = Deviations::default();
    if !is_implausible(total) {
        for stretch in [&prompt.before, &prompt.after] {
            deviations.add(stretch.as_ref().iter().map(|period| (scale.exposure(period), period.selected())));
        }
    }
    deviations
}

fn measure(total: &BeforeAfter<Period>, scale: &Scale, dispersion: f64) -> Option<MeasuredChange> {
    let BeforeAfter { before, after } = total;
    if is_implausible(total) || before.selections == 0 || after.impressions == 0 {
        return None;
    }
    let (s0, s1) = (before.selected(), after.selected());
    let (e0, e1) = (scale.exposure(before), scale.exposure(after));
    let trials = (s0 + s1) / dispersion;
    let share = s1 / (s0 + s1);
    let (low, high) = wilson::of_share(share, trials);
    let liking_of = |share: f64| share / (1.0 - share).max(1e-12) * e0 / e1;
    let liking = s1 / s0 * e0 / e1;
    let (null, complement) = (e1 / (e0 + e1), e0 / (e0 + e1));
    let z = (share - null) * trials.sqrt() / (null * complement).sqrt();
    Some(MeasuredChange {
        rate: (s1 / after.impressions as f64) / (s0 / before.impressions as f64),
        liking,
        low: liking_of(low).min(liking),
        high: liking_of(high).max(liking),
        place: (e1 / after.impressions as f64) / (e0 / before.impressions as f64),
        p_value: erfc(z.abs() / std::f64::consts::SQRT_2),
    })
}

/// The p-value of a prompt that has enough impressions to be tested.
fn p_value(total: &BeforeAfter<Period>, measured: Option<MeasuredChange>) -> Option<f64> {
    let enough = total.before.impressions.min(total.after.impressions) >= TESTED_FROM;
    measured.filter(|_| enough).map(|measured| measured.p_value)
}

fn verdict(total: &BeforeAfter<Period>, measured: Option<MeasuredChange>, found: bool) -> ChangeVerdict {
    match (total.before.impressions, total.after.impressions) {
        (0, 0) => return ChangeVerdict::Unclear,
        (0, _) => return ChangeVerdict::New,
        (_, 0) => return ChangeVerdict::Gone,
        _ => {}
    }
    match measured {
        Some(measured) if found && measured.liking > 1.0 => ChangeVerdict::Up,
        Some(measured) if found && measured.liking < 1.0 => ChangeVerdict::Down,
        Some(measured) if is_alike(measured.low, measured.high) => ChangeVerdict::Same,
        _ => ChangeVerdict::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::{BeforeAfter, ChangeVerdict, changes};
    use crate::period::{Period, RANKS};
    use crate::place::Factors;

    fn day(by_rank: [u64; RANKS], selections: u64) -> Period {
        Period { impressions: by_rank.iter().sum(), by_rank, selections }
    }

    fn unranked(impressions: u64, selections: u64) -> Period {
        Period { impressions, selections, ..Period::default() }
    }

    fn verdict_of(before: Period, after: Period) -> ChangeVerdict {
        changes(&[BeforeAfter { before: [before], after: [after] }], &Factors::EQUAL)[0].verdict
    }

    #[test]
    fn a_change_is_called_by_its_counts() {
        let cases = [
            (unranked(0, 0), unranked(50, 5), ChangeVerdict::New),
            (unranked(50, 5), unranked(0, 0), ChangeVerdict::Gone),
            (unranked(0, 0), unranked(0, 0), ChangeVerdict::Unclear),
            (unranked(1_000, 0), unranked(1_000, 90), ChangeVerdict::Unclear),
            (unranked(1_000, 0), unranked(1_000, 0), ChangeVerdict::Unclear),
            (unranked(1_000, 90), unranked(1_000, 1_090), ChangeVerdict::Unclear),
            (unranked(1_000, 90), unranked(1_000, 0), ChangeVerdict::Down),
            (unranked(1_000, 90), unranked(1_000, 180), ChangeVerdict::Up),
            (unranked(99, 9), unranked(1_000, 900), ChangeVerdict::Unclear),
            (unranked(10_000, 900), unranked(10_000, 910), ChangeVerdict::Same),
            (unranked(1_000, 90), unranked(1_000, 95), ChangeVerdict::Unclear),
        ];
        for (before, after, expected) in cases {
            assert_eq!(verdict_of(before, after), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_worse_place_is_no_change_of_the_prompt() {
        let factors = Factors::new([1.0, 0.7, 0.5, 0.35, 0.3, 0.3]).unwrap();
        let before = [day([10_000, 0, 0, 0, 0, 0], 1_000)];
        let after = [day([0, 0, 10_000, 0, 0, 0], 500)];
        let change = changes(&[BeforeAfter { before, after }], &factors)[0];
        let measured = change.measured.unwrap();
        assert_eq!(change.verdict, ChangeVerdict::Same);
        assert!((measured.liking - 1.0).abs() < 1e-9 && (measured.place - 0.5).abs() < 1e-9);
        assert_eq!(measured.rate, 0.5);
    }

    /// What `change` of the reference makes of (s0, e0, s1, e1) and the dispersion 1 − overall rate.
    #[test]
    fn the_interval_and_the_p_value_are_those_of_the_reference() {
        let [change] = changes(
            &[BeforeAfter { before: [unranked(1_000, 100)], after: [unranked(2_000, 150)] }],
            &Factors::EQUAL,
        )[..] else {
            panic!("one prompt has one change");
        };
        let measured = change.measured.unwrap();
        let expected = [0.75, 0.5889867619575078, 0.9550299536962787, 0.019517481182177766];
        for (got, expected) in
            [measured.liking, measured.low, measured.high, measured.p_value].iter().zip(expected)
        {
            assert!((got - expected).abs() < 1e-9 * expected, "{got} {expected}");
        }
    }
}
