//! What time it is, as long as the machine's clock can be believed.
//!
//! A machine with a dead clock battery starts in 1970 until NTP answers. An event that it received could never be stored,
//! so it must not be accepted.

use std::time::{SystemTime, UNIX_EPOCH};

use schema::limits;
use thiserror::Error;

/// The machine's clock is wrong.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "this machine's clock is wrong: it says {0} s after 1970, which is not from 2000 to 2099; correct it (is NTP running?)"
)]
pub struct ClockWrong(pub i64);

/// A source of time.
pub struct Clock(Box<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::of(SystemTime::now)
    }

    /// A clock that shows what `time` returns.
    pub fn of(time: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Box::new(time))
    }

    /// The time in Unix milliseconds. An event received now can be stored, even one whose sender is a day ahead.
    ///
    /// # Errors
    /// The clock shows a time before 2000 or at the end of 2099 or later.
    pub fn now(&self) -> Result<i64, ClockWrong> {
        let now = match (self.0)().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        };
        let believed = limits::EARLIEST..=limits::LATEST - limits::CLOCK_AHEAD;
        if believed.contains(&now) { Ok(now) } else { Err(ClockWrong(now / 1_000)) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use schema::limits;

    use super::{Clock, ClockWrong};

    fn at(milliseconds: i64) -> Result<i64, ClockWrong> {
        let since = Duration::from_millis(milliseconds.unsigned_abs());
        let time = if milliseconds < 0 { UNIX_EPOCH - since } else { UNIX_EPOCH + since };
        Clock::of(move || time).now()
    }

    #[test]
    fn a_time_is_believed_if_whatever_is_received_then_can_be_stored() {
        let last = limits::LATEST - limits::CLOCK_AHEAD;
        for believed in [limits::EARLIEST, 1_800_000_000_000, last] {
            assert_eq!(at(believed), Ok(believed));
        }
        for wrong in
            [i64::from(i32::MIN), -1, 0, 86_400_000, limits::EARLIEST - 1, last + 1, 9_000_000_000_000]
        {
            assert_eq!(at(wrong), Err(ClockWrong(wrong / 1_000)));
        }
    }
}
