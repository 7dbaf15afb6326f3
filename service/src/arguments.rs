//! How every program of ours reads its command line and environment: a variable that is set to nothing is not set.
//!
//! Compose files, manifests and CI systems pass `NAME=` for "not set". Clap would parse the empty text, and refuse it for
//! a number or an address.

use std::env;
use std::ffi::{OsStr, OsString};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{Arg, Command, Parser};

/// Parses the process's arguments and environment. Prints help or the error and exits where clap would.
#[must_use]
pub fn parse<T: Parser>() -> T {
    parse_from(env::args_os().collect()).unwrap_or_else(|error| error.exit())
}

fn parse_from<T: Parser>(arguments: Vec<OsString>) -> Result<T, clap::Error> {
    let mut command = without_empty_variables(T::command());
    let matches = match command.try_get_matches_from_mut(&arguments) {
        // The help names every variable, the empty ones too.
        Err(asked) if asked.kind() == ErrorKind::DisplayHelp => T::command().try_get_matches_from(arguments),
        parsed => parsed,
    };
    T::from_arg_matches_mut(&mut matches?).map_err(|error| error.format(&mut command))
}

fn without_empty_variables(command: Command) -> Command {
    command.mut_args(unless_empty).mut_subcommands(without_empty_variables)
}

fn unless_empty(argument: Arg) -> Arg {
    let value = argument.get_env().and_then(env::var_os);
    if value.is_some_and(|value| is_blank(&value)) { argument.env(Resettable::Reset) } else { argument }
}

fn is_blank(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::is_blank;

    #[test]
    fn blanks_are_nothing() {
        for (value, blank) in [("", true), (" ", true), ("\n\t", true), ("0", false), (" a", false)] {
            assert_eq!(is_blank(OsStr::new(value)), blank, "{value:?}");
        }
    }
}
