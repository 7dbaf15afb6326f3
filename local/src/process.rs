//! Programs as child processes that never outlive this one, however it ends.
//!
//! Each gets a process group of its own, so that Ctrl-C reaches us first, and a signal from the kernel when our
//! process dies (by `setpriv` of util-linux). Its output goes to a log file. Knows no particular program.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};

use crate::error::Error;
use crate::place;

const POLL: Duration = Duration::from_millis(20);
/// How long a killed process may take to be gone when it is dropped.
const DROP_DEADLINE: Duration = Duration::from_secs(10);
const TAIL_LINES: usize = 12;

/// How to start a program, as often as needed.
#[derive(Clone, Debug)]
pub struct Program {
    /// What messages call it; also the name of its log.
    pub name: String,
    /// The executable, looked up in PATH when it has no slash.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its environment: exactly this, or this on top of ours.
    pub environment: Vec<(String, String)>,
    /// Whether it gets our environment too.
    pub inherits: bool,
    /// Whom it runs as, when not as us.
    pub user: Option<User>,
    /// What ends it at once, sent when our process dies or the [`Process`] is dropped.
    pub last_signal: Signal,
    /// Where its output goes.
    pub log: PathBuf,
}

impl Program {
    /// A program with an empty log and no arguments yet, that inherits our environment.
    ///
    /// # Errors
    /// When the log's folder can't be made.
    pub fn new(name: &str, path: impl Into<PathBuf>) -> Result<Program, Error> {
        let log = place::log(name)?;
        fs::write(&log, "").map_err(Error::file("empty", &log))?;
        Ok(Program {
            name: name.to_owned(),
            path: path.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            inherits: true,
            user: None,
            last_signal: Signal::SIGKILL,
            log,
        })
    }

    /// Adds arguments.
    #[must_use]
    pub fn with<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Program {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Starts it. The log is continued.
    ///
    /// # Errors
    /// When the log can't be opened or the system can't start a process.
    pub fn start(&self) -> Result<Process, Error> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.map_err(Error::file("open", &self.log))?;
        let second = log.try_clone().map_err(Error::file("open", &self.log))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", self.last_signal.as_str().trim_start_matches("SIG")]);
        if let Some(user) = &self.user {
            command.args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)]);
            command.args(["--init-groups", "--inh-caps=-all"]).current_dir("/");
        }
        command.arg("--").arg(&self.path).args(&self.arguments);
        if !self.inherits {
            // PATH has to stay: setpriv itself is looked up with it.
            let path = std::env::vars_os().find(|(name, _)| name == "PATH");
            command.env_clear().envs(path);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log).stderr(second).process_group(0);
        let child = spawn(command).map_err(Error::file("start", &self.path))?;
        Ok(Process { program: self.clone(), child })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it fails or takes longer than `deadline`; it is gone then.
    pub async fn run(&self, deadline: Duration) -> Result<(), Error> {
        let mut process = self.start()?;
        match process.exit(deadline).await {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failed(format!("failed ({status})"))),
            None => Err(self.failed(format!("did not end within {} s", deadline.as_secs()))),
        }
    }

    /// The error that it did something else than expected, with the last lines of its log.
    pub fn failed(&self, why: impl Into<String>) -> Error {
        Error::Process {
            name: self.name.clone(),
            why: why.into(),
            log: self.log.clone(),
            tail: self.log_tail(),
        }
    }

    /// The last lines of its log, each after a line break.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        last.iter().map(|line| format!("\n  | {line}")).collect()
    }
}

/// A running program, or one that has ended and was not looked at yet. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    program: Program,
    child: Child,
}

impl Process {
    /// Its process id, which is also its process group's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal; nothing happens when the process has ended.
    pub fn signal(&mut self, signal: Signal) {
        // While the child is not reaped, which only happens through `status`, its id can't be anybody else's.
        if self.status().is_none() {
            let id = i32::try_from(self.child.id()).expect("process ids are positive and small");
            let _gone_meanwhile = kill(Pid::from_raw(id), signal);
        }
    }

    /// How it ended, or `None` while it runs.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end; `None` when it still runs after `deadline`.
    pub async fn exit(&mut self, deadline: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.status() {
                return Some(status);
            }
            if start.elapsed() > deadline {
                return None;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends `signal` and waits; whatever still runs after `grace` is killed. True when it ended by itself.
    pub async fn stop(&mut self, signal: Signal, grace: Duration) -> bool {
        self.signal(signal);
        if self.exit(grace).await.is_some() {
            return true;
        }
        self.signal(self.program.last_signal);
        if self.exit(DROP_DEADLINE).await.is_none() {
            self.signal(Signal::SIGKILL);
            self.exit(DROP_DEADLINE).await;
        }
        false
    }

    /// Kills it without warning, as a power cut would, and waits until it is gone.
    pub async fn kill9(&mut self) {
        self.signal(Signal::SIGKILL);
        self.exit(DROP_DEADLINE).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(self.program.last_signal);
        let start = Instant::now();
        while self.status().is_none() && start.elapsed() < DROP_DEADLINE {
            std::thread::sleep(POLL);
        }
        self.signal(Signal::SIGKILL);
        let _reaped = self.child.wait();
    }
}

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

/// The kernel's parent of a process is the *thread* that started it, and threads of a runtime or a test come and
/// go. So all programs are started by one thread that lives as long as the process.
fn spawn(command: Command) -> std::io::Result<Child> {
    static STARTER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                let _nobody_waits = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, child) = mpsc::channel();
    starter.send((command, answer)).map_err(std::io::Error::other)?;
    child.recv().map_err(std::io::Error::other)?
}
