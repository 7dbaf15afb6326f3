//! The built executables of the services, asked only what they would make of their settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Variables and their values, as a container gets them.
pub(crate) type Environment = BTreeMap<String, String>;

/// An executable and its subcommand, if it has any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Program {
    executable: &'static str,
    subcommand: Option<&'static str>,
}

pub(crate) const INGEST: Program = Program { executable: "ingest", subcommand: None };
pub(crate) const CONSUMER: Program = Program { executable: "consumer", subcommand: Some("run") };
pub(crate) const MIGRATE: Program = Program { executable: "consumer", subcommand: Some("migrate") };

impl Program {
    /// Panics when the program reads no such variable, or refuses what it says. A name that nobody reads would
    /// change nothing and be missed by nobody, so both are asked.
    pub(crate) fn takes(self, environment: &Environment) {
        let help = self.run("--help", &Environment::new());
        let help = String::from_utf8(help.stdout).unwrap();
        for name in environment.keys() {
            let known = ["=", "]"].iter().any(|end| help.contains(&format!("[env: {name}{end}")));
            assert!(known, "{self:?} reads no variable {name}");
        }
        let checked = self.check(environment);
        let reason = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{self:?} refuses its settings: {reason}");
    }

    /// What it says of itself to somebody who has set these.
    pub(crate) fn help(self, environment: &Environment) -> String {
        String::from_utf8(self.run("--help", environment).stdout).unwrap()
    }

    /// Lets the program check these settings, and nothing else of its surroundings.
    pub(crate) fn check(self, environment: &Environment) -> Output {
        self.run("--check-config", environment)
    }

    fn run(self, flag: &str, environment: &Environment) -> Output {
        let path = executable(self.executable);
        let mut command = Command::new(&path);
        command.args(self.subcommand).arg(flag).env_clear().envs(environment);
        command.output().unwrap_or_else(|error| {
            panic!("{} cannot be run ({error}): run `cargo build --workspace --bins`", path.display())
        })
    }
}

/// Where the built executable `name` is: beside the folder of the test's own.
pub(crate) fn executable(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join(name)
}
