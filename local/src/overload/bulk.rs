//! Large bodies, all at once: each client sends its body but for the last byte and holds that back until all have done so
//! or have been answered. Whoever reads such bodies without counting them holds all of them in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The largest body that ingest takes by default.
const BODY_BYTES: usize = 1 << 20;
/// More than ingest waits for a body.
const PATIENCE: Duration = Duration::from_secs(90);
/// What a body without anything in it is answered when it was read whole.
const READ_WHOLE: &str = "malformed_json";
const REFUSED: &str = "body_memory";
/// The other answers that say when to come again.
const ALSO_FINE: [&str; 3] = ["overloaded", "too_many_connections", "body_timeout"];

/// How many bodies got which answer, by its code.
#[derive(Clone, Debug, Default)]
pub struct Answers(BTreeMap<String, usize>);

/// Sends `count` bodies of blanks to the server at `url`. None of them is an event.
pub async fn send(url: &str, count: usize) -> Answers {
    let address = url.trim_start_matches("http://");
    let all_there = Arc::new(Barrier::new(count));
    let mut clients = JoinSet::new();
    for _ in 0..count {
        let (address, all_there) = (address.to_owned(), Arc::clone(&all_there));
        clients.spawn(async move {
            match timeout(PATIENCE, exchange(&address, &all_there)).await {
                Ok(Ok(code)) => code,
                Ok(Err(error)) => format!("no answer: {error}"),
                Err(_elapsed) => format!("no answer within {} s", PATIENCE.as_secs()),
            }
        });
    }
    let mut answers = Answers::default();
    while let Some(code) = clients.join_next().await {
        *answers.0.entry(code.expect("a client does not panic")).or_default() += 1;
    }
    answers
}

/// Sends one body; returns the code of its answer, or what was seen instead of one.
async fn exchange(address: &str, all_there: &Barrier) -> std::io::Result<String> {
    let mut stream = connect(address, all_there).await?;
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let sent = tokio::select! {
        sent = write_all_but_one(&mut writing) => format!("sent {sent:?}"),
        answered = reading.read_buf(&mut answer) => format!("read {answered:?}"),
    };
    all_there.wait().await;
    if sent == "sent Ok(())" {
        // Refused meanwhile: then the answer is there to be read.
        let _refused = writing.write_all(b" ").await;
    }
    let end = reading.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    Ok(code(&answer).unwrap_or_else(|| format!("no answer, but {answer:?}; {sent}, then {end:?}")))
}

/// A client that cannot connect must not keep the others waiting.
async fn connect(address: &str, all_there: &Barrier) -> std::io::Result<TcpStream> {
    let connected = TcpStream::connect(address).await;
    if connected.is_err() {
        all_there.wait().await;
    }
    connected
}

async fn write_all_but_one(writing: &mut (impl AsyncWriteExt + Unpin)) -> std::io::Result<()> {
    let head = format!(
        "POST /api/telemetry/prompt HTTP/1.1\r\nhost: bulk\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {BODY_BYTES}\r\n\r\n"
    );
    writing.write_all(head.as_bytes()).await?;
    let piece = [b' '; 32 * 1024];
    for _ in 1..BODY_BYTES / piece.len() {
        writing.write_all(&piece).await?;
    }
    writing.write_all(&piece[1..]).await
}

fn code(answer: &str) -> Option<String> {
    let rest = answer.split("\"code\":\"").nth(1)?;
    rest.split('"').next().map(str::to_owned)
}

impl Answers {
    /// What is not as it should be, where `room` of the bodies fit into memory at once.
    pub fn breaches(&self, room: usize) -> Vec<String> {
        let of = |code: &str| self.0.get(code).copied().unwrap_or(0);
        let mut breaches = Vec::new();
        for (code, count) in &self.0 {
            if code != READ_WHOLE && code != REFUSED && !ALSO_FINE.contains(&code.as_str()) {
                breaches.push(format!("{count} large bodies were answered: {code}"));
            }
        }
        let all: usize = self.0.values().sum();
        if all > 2 * room && of(REFUSED) == 0 {
            breaches.push(format!("of {all} large bodies none was refused, and memory has room for {room}"));
        }
        if of(READ_WHOLE) == 0 {
            breaches.push("no large body was read to its end".to_owned());
        }
        breaches
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(code, count)| format!("{count} × {code}")).collect();
        formatter.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use crate::overload::bulk::{Answers, code};

    fn answers(of: &[(&str, usize)]) -> Answers {
        Answers(of.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect())
    }

    #[test]
    fn some_read_and_the_others_refused_is_as_it_should_be() {
        let fine = answers(&[("malformed_json", 3), ("body_memory", 90), ("overloaded", 7)]);
        assert_eq!(fine.breaches(10), Vec::<String>::new());
    }

    #[test]
    fn every_other_outcome_is_a_breach() {
        for (wrong, word) in [
            (&[("malformed_json", 100_usize)] as &[_], "none was refused"),
            (&[("body_memory", 100)], "no large body"),
            (&[("malformed_json", 1), ("body_memory", 1), ("no answer", 1)], "no answer"),
        ] {
            let breaches = answers(wrong).breaches(10);
            assert!(breaches.len() == 1 && breaches[0].contains(word), "{breaches:?}");
        }
        assert_eq!(
            code("HTTP/1.1 503 X\r\n\r\n{\"status\":503,\"code\":\"body_memory\"}"),
            Some("body_memory".to_owned())
        );
        assert_eq!(code(""), None);
    }
}
