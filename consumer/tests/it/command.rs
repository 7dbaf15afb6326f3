//! `consumer dead-letters …` as a person runs it.

use std::process::Command;

use local::testing::bootstrap_servers;

use crate::scene::Scene;

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The lines on standard output, of a command that must have ended well.
    pub(crate) fn lines(&self) -> Vec<&str> {
        assert_eq!(self.code, 0, "{self:?}");
        self.out.lines().collect()
    }

    /// What a command that must have failed said of it.
    pub(crate) fn failure(&self) -> &str {
        assert_eq!(self.code, 1, "{self:?}");
        &self.err
    }
}

/// Runs the command on the scene's topic.
pub(crate) async fn dead_letters(scene: &Scene, arguments: &[&str]) -> Said {
    let reach = [("--kafka-bootstrap-servers", bootstrap_servers()), ("--kafka-topic", scene.topic.clone())];
    let reach: Vec<_> = reach.iter().flat_map(|(flag, value)| [*flag, value.as_str()]).collect();
    run(&[arguments, &reach].concat()).await
}

/// Runs the command. It blocks, and the test's own tasks go on meanwhile.
pub(crate) async fn run(arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consumer"));
    command.arg("dead-letters").args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
