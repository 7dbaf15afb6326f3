//! What the counts of prompts say: which prompts work, how sure that is, and what changed.
//!
//! Estimators only, each with its formula, its ranges and its source.
//!
//! **Architecture invariant:** this crate does no I/O, has no clock, draws no random number and imports nothing of ours.
//! Counts go in, plain numbers come out. No input makes it panic, and no number that it returns is NaN.

mod change;
mod discovery;
mod dispersion;
mod period;
mod place;
mod verdict;
mod wilson;

pub use crate::change::{BeforeAfter, Change, ChangeVerdict, MeasuredChange, changes};
pub use crate::discovery::benjamini_hochberg;
pub use crate::period::{Period, RANKS};
pub use crate::place::Factors;
pub use crate::wilson::{wilson, wilson_dispersed};
