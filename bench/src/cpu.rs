//! CPU time, user and system, of processes: as the kernel counts it in `/proc`.

use std::fs;
use std::ops::Sub;
use std::path::PathBuf;

use local::error::Error;

use crate::clock::median;

/// Linux counts in hundredths of a second for programs, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of everybody who takes part.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// The processes that are measured.
    pub own: f64,
    /// PostgreSQL with all its processes.
    pub postgres: f64,
    /// Apache Kafka.
    pub broker: f64,
    /// This process, which makes the load.
    pub generator: f64,
}

impl Usage {
    /// The same per million of `events`.
    pub fn per_million(&self, events: u64) -> Usage {
        let share = |seconds: f64| seconds * 1e6 / events as f64;
        Usage {
            own: share(self.own),
            postgres: share(self.postgres),
            broker: share(self.broker),
            generator: share(self.generator),
        }
    }

    /// The median of each part.
    ///
    /// # Panics
    /// When there are none.
    pub fn median(usages: &[Usage]) -> Usage {
        let of = |part: fn(&Usage) -> f64| median(&usages.iter().map(part).collect::<Vec<_>>());
        Usage {
            own: of(|usage| usage.own),
            postgres: of(|usage| usage.postgres),
            broker: of(|usage| usage.broker),
            generator: of(|usage| usage.generator),
        }
    }
}

impl Sub for Usage {
    type Output = Usage;

    fn sub(self, earlier: Usage) -> Usage {
        Usage {
            own: self.own - earlier.own,
            postgres: self.postgres - earlier.postgres,
            broker: self.broker - earlier.broker,
            generator: self.generator - earlier.generator,
        }
    }
}

/// CPU seconds that a running process has used, without its children.
///
/// # Errors
/// When it does not run.
pub fn of_process(id: u32) -> Result<f64, Error> {
    Ok(Stat::read(id)?.own)
}

/// CPU seconds of a running process and all that it ever started, directly or not.
///
/// # Errors
/// When it does not run.
pub fn of_tree(id: u32) -> Result<f64, Error> {
    let root = Stat::read(id)?;
    let all = all();
    let mut seconds = root.own + root.gone_children;
    let mut family = vec![id];
    while let Some(parent) = family.pop() {
        for child in all.iter().filter(|process| process.parent == parent) {
            seconds += child.own + child.gone_children;
            family.push(child.id);
        }
    }
    Ok(seconds)
}

/// A running child of this process with `word` on its command line.
pub fn child_with(word: &str) -> Option<u32> {
    let own = std::process::id();
    let has_word = |id: u32| fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| contains(&line, word));
    all().into_iter().find(|process| process.parent == own && has_word(process.id)).map(|process| process.id)
}

fn contains(line: &[u8], word: &str) -> bool {
    line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
}

struct Stat {
    id: u32,
    parent: u32,
    own: f64,
    /// Of children that have ended and were waited for.
    gone_children: f64,
}

impl Stat {
    fn read(id: u32) -> Result<Stat, Error> {
        let path = PathBuf::from(format!("/proc/{id}/stat"));
        let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let unreadable = || std::io::Error::other("its format is unknown");
        Stat::parse(id, &text).ok_or_else(unreadable).map_err(Error::file("understand", &path))
    }

    /// The second field is the program's name in parentheses and may hold anything.
    fn parse(id: u32, text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
        Some(Stat {
            id,
            parent: fields.get(1)?.parse().ok()?,
            own: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
            gone_children: (ticks(13)? + ticks(14)?) / TICKS_PER_SECOND,
        })
    }
}

/// All processes; one that ends meanwhile is left out.
fn all() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id| Stat::read(id).ok()).collect()
}

#[cfg(test)]
mod tests {
    use crate::cpu::{Stat, child_with, of_process, of_tree};

    #[test]
    fn the_fields_are_found_behind_a_name_with_parentheses() {
        let text = "7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 150 50 20 30 20 0 1 0 5 6 7";
        let stat = Stat::parse(7, text).unwrap();
        assert_eq!((stat.parent, stat.own, stat.gone_children), (3, 2.0, 0.5));
        assert!(Stat::parse(7, "7 (a) S 3").is_none());
    }

    #[test]
    fn the_work_of_a_child_counts_for_the_tree_while_it_runs_and_when_it_is_gone() {
        let own = std::process::id();
        let before = of_tree(own).unwrap();
        let mut child = std::process::Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; read line", "counts-for-bench"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(child_with("counts-for-bench"), Some(child.id()));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while of_process(child.id()).unwrap() < 0.05 {
            assert!(std::time::Instant::now() < deadline, "the child does not work");
            std::thread::yield_now();
        }
        assert!(of_tree(own).unwrap() - before >= 0.05);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(of_tree(own).unwrap() - before >= 0.05);
    }
}
