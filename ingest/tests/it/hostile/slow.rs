//! Clients that send a byte at a time, hundreds of them at once.

use std::time::Duration;

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Expected::Problem;
use super::{check, only_good_events_are_kept, still_serves};
use crate::intake::{BATCH, DEADLINE, EVENT, Intake};

const CLIENTS: usize = 200;
const BETWEEN_BYTES: Duration = Duration::from_millis(50);

/// Sends `start`, then a byte now and then, until the other side answers or closes. Returns its answer.
async fn drip(intake: &Intake, start: String) -> String {
    let stream = TcpStream::connect(intake.address).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    writing.write_all(start.as_bytes()).await.unwrap();
    let dripping = async {
        let mut tick = interval(BETWEEN_BYTES);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while writing.write_all(b"a").await.is_ok() {
            tick.tick().await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let answered = async {
        let _broken_off = reading.read_to_end(&mut answer).await;
    };
    let ended = async {
        tokio::select! { () = answered => {}, () = dripping => {} }
    };
    timeout(DEADLINE, ended).await.expect("a dripping client is not kept for ever");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn headers_that_drip_are_cut_off_and_bodies_that_drip_get_a_408_while_others_are_served() {
    let intake = Intake::start(&["--header-timeout-ms=1000", "--body-timeout-ms=1000"]).await;
    let header = |path: &str| format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-slow: ");
    let body = |path: &str, framing: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n{framing}\r\n\r\n"
        )
    };
    let clients = (0..CLIENTS).map(|number| {
        let path = if number % 2 == 0 { EVENT } else { BATCH };
        match number % 4 {
            0 | 1 => header(path),
            2 => format!("{}{{\"", body(path, "content-length: 100000")),
            _ => format!("{}10000\r\n{{\"", body(path, "transfer-encoding: chunked")),
        }
    });
    let answers = join_all(clients.map(|start| drip(&intake, start)));
    let served = async {
        for _ in 0..20 {
            still_serves(&intake, "slow clients came").await;
        }
    };
    let (answers, ()) = tokio::join!(answers, served);
    for (number, answer) in answers.iter().enumerate() {
        let name = format!("slow client {number}");
        match number % 4 {
            0 | 1 => assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{name}: {answer}"),
            _ => check(&name, answer, &Problem(408, "body_timeout")),
        }
    }
    still_serves(&intake, "slow clients went").await;
    only_good_events_are_kept(&intake, 21).await;
}
