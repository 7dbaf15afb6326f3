//! Which letters are meant.

use crate::config::FilterArgs;
use crate::letters::letter::Letter;

impl FilterArgs {
    /// Whether this letter is meant. A letter that does not say when it was sent is outside every time.
    pub(crate) fn takes(&self, letter: &Letter) -> bool {
        let reason = self.reason.as_ref().is_none_or(|reason| letter.reason.as_ref() == Some(reason));
        let since = self.since.is_none_or(|since| letter.at.is_some_and(|at| at >= since));
        let until = self.until.is_none_or(|until| letter.at.is_some_and(|at| at < until));
        reason && since && until
    }
}

#[cfg(test)]
mod tests {
    use crate::config::FilterArgs;
    use crate::letters::letter::Letter;

    #[test]
    fn reason_and_both_times_must_fit_and_the_end_is_not_included() {
        let letter = |reason: &str, at| Letter { reason: Some(reason.to_owned()), at, ..Letter::default() };
        let filter = FilterArgs { reason: Some("empty".to_owned()), since: Some(10), until: Some(20) };
        assert!(filter.takes(&letter("empty", Some(10))) && filter.takes(&letter("empty", Some(19))));
        assert!(!filter.takes(&letter("empty", Some(9))) && !filter.takes(&letter("empty", Some(20))));
        assert!(!filter.takes(&letter("not_json", Some(10))) && !filter.takes(&letter("empty", None)));
        assert!(!filter.takes(&Letter::default()));
        assert!(FilterArgs::default().takes(&Letter::default()));
    }
}
