//! The consumer as a process of its own: it can be killed, and its metrics are its alone.

use std::io::{BufRead, BufReader, Write, stderr};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use local::testing::eventually;

use crate::scene::{PATIENCE, Scene};

pub(crate) struct Process {
    child: Child,
    admin: SocketAddr,
}

impl Process {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(scene: &Scene, more: &[&str]) -> Self {
        let process = Self::start_unready(scene, more);
        eventually("the process is ready", PATIENCE, || async {
            (process.ask("/readyz").await.0 == 200).then_some(())
        })
        .await;
        process
    }

    /// Starts it and waits until it answers on its admin port.
    pub(crate) fn start_unready(scene: &Scene, more: &[&str]) -> Self {
        let arguments = scene.arguments(&scene.database.consumer_url(), more);
        let mut child = Command::new(env!("CARGO_BIN_EXE_consumer"))
            .args(&arguments[1..])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Its first line tells which port it got; the others go to the test's own output.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let admin = lines
            .find_map(|line| line.split_once("admin=")?.1.trim().parse().ok())
            .expect("it tells its address");
        std::thread::spawn(move || lines.try_for_each(|line| writeln!(stderr(), "{line}")));
        Self { child, admin }
    }

    /// The status and the text of an admin route.
    pub(crate) async fn ask(&self, route: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://{}{route}", self.admin)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// As `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; returns whether it exited with 0.
    pub(crate) fn terminate(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.ask("/metrics").await;
        let values = text.lines().filter(|line| {
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            line[..end] == *name
        });
        values.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After a failed assertion; otherwise it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
