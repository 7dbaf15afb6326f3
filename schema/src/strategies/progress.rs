//! How many inputs a target gets, and how far it is.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::test_runner::Config;

/// From so many inputs on, a person may be waiting.
const LONG: u32 = 100_000;

/// How much of a fuzz target is done.
#[derive(Debug)]
pub struct Progress {
    target: &'static str,
    done: AtomicU32,
}

impl Progress {
    /// Nothing is done yet.
    #[must_use]
    pub const fn new(target: &'static str) -> Self {
        Self { target, done: AtomicU32::new(0) }
    }

    /// `few` inputs, or as many as the variable `PROPTEST_CASES` says where those are more.
    #[must_use]
    pub fn config(few: u32) -> Config {
        let config = Config::default();
        Config { cases: config.cases.max(few), ..config }
    }

    /// One more input. A long run says so for every twentieth of it.
    #[expect(clippy::print_stderr, reason = "whoever runs a million inputs wants to see them go by")]
    pub fn one_more(&self, few: u32) {
        let all = Self::config(few).cases;
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if all >= LONG && (done.is_multiple_of(all / 20) || done == all) {
            eprintln!("{}: {done} of {all} inputs", self.target);
        }
    }
}
