//! What can be done to the stack. Knows how each fault is called, not how it is done.

use std::fmt;
use std::time::Duration;

/// How many consumers run all the time.
pub const CONSUMERS: usize = 2;

/// A sort of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Ingest dies without warning.
    KillIngest,
    /// A consumer dies without warning; its partitions move.
    KillConsumer,
    /// A broker dies without warning.
    KillBroker,
    /// Postgres dies without warning.
    KillPostgres,
    /// Ingest stands still: connections stay open and nothing answers.
    PauseIngest,
    /// A consumer stands still, and comes back when its partitions are somebody else's.
    PauseConsumer,
    /// A broker stands still.
    PauseBroker,
    /// Postgres and all its backends stand still.
    PausePostgres,
    /// Ingest is told to stop, and drains.
    DrainIngest,
    /// A consumer is told to stop, and writes and commits what it has.
    DrainConsumer,
    /// A broker is told to stop.
    StopBroker,
    /// Postgres is told to stop.
    StopPostgres,
    /// The topic wants more copies than there are brokers, so that every record is refused.
    RejectRecords,
    /// The database lets nobody in, and throws out who is.
    RefuseConnections,
    /// Others hold every connection that Postgres has.
    ExhaustConnections,
    /// A backend is killed in the middle of a COPY, several times.
    CutCopy,
    /// There is no room for another page of the table.
    FillDisk,
    /// Each connection to Postgres carries less than the load needs.
    SlowPostgres,
    /// Connections to Postgres stay open and nothing answers any more. New ones are accepted and not answered either, or
    /// work.
    SilentPostgres,
    /// The group's offsets go back to zero.
    Rewind,
    /// A third consumer comes and goes every few seconds.
    Churn,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 21] = [
        Kind::KillIngest,
        Kind::KillConsumer,
        Kind::KillBroker,
        Kind::KillPostgres,
        Kind::PauseIngest,
        Kind::PauseConsumer,
        Kind::PauseBroker,
        Kind::PausePostgres,
        Kind::DrainIngest,
        Kind::DrainConsumer,
        Kind::StopBroker,
        Kind::StopPostgres,
        Kind::RejectRecords,
        Kind::RefuseConnections,
        Kind::ExhaustConnections,
        Kind::CutCopy,
        Kind::FillDisk,
        Kind::SlowPostgres,
        Kind::SilentPostgres,
        Kind::Rewind,
        Kind::Churn,
    ];
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// To which consumer or broker, from 0; of silence, which sort; without a meaning where there is but one.
    pub which: usize,
    /// For how long: until what was killed is started again, or until all is as it was.
    pub lasts: Duration,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.which + 1;
        match self.kind {
            Kind::KillIngest => write!(formatter, "kill -9 ingest"),
            Kind::KillConsumer => write!(formatter, "kill -9 consumer {number}"),
            Kind::KillBroker => write!(formatter, "kill -9 broker {number}"),
            Kind::KillPostgres => write!(formatter, "kill -9 Postgres"),
            Kind::PauseIngest => write!(formatter, "SIGSTOP ingest"),
            Kind::PauseConsumer => write!(formatter, "SIGSTOP consumer {number}"),
            Kind::PauseBroker => write!(formatter, "SIGSTOP broker {number}"),
            Kind::PausePostgres => write!(formatter, "SIGSTOP Postgres"),
            Kind::DrainIngest => write!(formatter, "SIGTERM ingest"),
            Kind::DrainConsumer => write!(formatter, "SIGTERM consumer {number}"),
            Kind::StopBroker => write!(formatter, "SIGTERM broker {number}"),
            Kind::StopPostgres => write!(formatter, "stop Postgres"),
            Kind::RejectRecords => write!(formatter, "the broker rejects records"),
            Kind::RefuseConnections => write!(formatter, "Postgres refuses connections"),
            Kind::ExhaustConnections => write!(formatter, "Postgres runs out of connections"),
            Kind::CutCopy => write!(formatter, "backends are killed in the middle of COPY"),
            Kind::FillDisk => write!(formatter, "the table's disk is full"),
            Kind::SlowPostgres => write!(formatter, "Postgres is slow"),
            Kind::SilentPostgres if self.which == 0 => {
                write!(formatter, "Postgres accepts connections and never answers")
            }
            Kind::SilentPostgres => write!(formatter, "open connections to Postgres fall silent"),
            Kind::Rewind => write!(formatter, "the group's offsets go back to zero"),
            Kind::Churn => write!(formatter, "a third consumer comes and goes"),
        }?;
        write!(formatter, ", {:.1} s", self.lasts.as_secs_f64())
    }
}
