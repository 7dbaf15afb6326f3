//! Connections that are slow, too many, or there when intake stops.

use std::time::Duration;

use local::testing::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::intake::{DEADLINE, EVENT, Intake, raw};

const GOOD: &str = r#"{"eventType":"impression","promptId":"p","sessionId":"s"}"#;

fn head(length: usize) -> String {
    format!(
        "POST {EVENT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Reads until the answer's body is there.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = async {
        while !bytes.ends_with(b"}") {
            if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, read).await.expect("an answer comes in time");
    String::from_utf8(bytes).unwrap()
}

/// Reads until the other side closes the connection.
async fn until_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
    let _reset = closed.expect("the connection is closed in time");
    assert!(!String::from_utf8_lossy(&rest).contains(" 202 "));
}

#[tokio::test]
async fn a_connection_without_a_whole_header_in_time_is_closed() {
    let intake = Intake::start(&["--header-timeout-ms=200"]).await;
    assert_eq!(raw(intake.address, b"").await, "");
    let answer =
        raw(intake.address, format!("POST {EVENT} HTTP/1.1\r\nhost: x\r\nx-slow: ").as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_drop_at_a_time_does_not_keep_a_connection_open() {
    let intake = Intake::start(&["--header-timeout-ms=300"]).await;
    let stream = TcpStream::connect(intake.address).await.unwrap();
    stream.writable().await.unwrap();
    let is_closed = || {
        let broken = |error: std::io::Error| error.kind() != std::io::ErrorKind::WouldBlock;
        stream.try_write(b"a").is_err_and(broken) || stream.try_read(&mut [0]).map_or_else(broken, |_| true)
    };
    eventually("a dripping connection is closed", DEADLINE, || {
        let closed = is_closed();
        async move { closed.then_some(()) }
    })
    .await;
}

const GET: &[u8] = b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_connection_may_be_silent_between_requests_for_longer_than_a_header_may_take() {
    let intake = Intake::start_alone(&["--header-timeout-ms=200", "--idle-timeout-ms=60000"]).await;
    let mut stream = TcpStream::connect(intake.address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(GET).await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 404"));
        // The silence is the point.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // From its first byte on a later header has no more time than the first one.
    stream.write_all(&GET[..30]).await.unwrap();
    until_closed(&mut stream).await;
}

#[tokio::test]
async fn a_connection_that_is_silent_for_too_long_is_closed_after_any_request() {
    let intake = Intake::start_alone(&["--header-timeout-ms=60000", "--idle-timeout-ms=200"]).await;
    let post = format!("{}{GOOD}", head(GOOD.len()));
    for request in [GET, post.as_bytes()] {
        let mut stream = TcpStream::connect(intake.address).await.unwrap();
        for _ in 0..2 {
            stream.write_all(request).await.unwrap();
            assert!(answer(&mut stream).await.starts_with("HTTP/1.1 "));
        }
        until_closed(&mut stream).await;
    }
}

#[tokio::test]
async fn neither_time_holds_while_a_body_comes() {
    let intake = Intake::start(&["--header-timeout-ms=200", "--idle-timeout-ms=200"]).await;
    let mut stream = TcpStream::connect(intake.address).await.unwrap();
    stream.write_all(head(GOOD.len()).as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    stream.write_all(GOOD.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 202"));
}

#[tokio::test]
async fn a_client_that_is_refused_may_send_on_for_seconds_and_finds_its_answer() {
    let intake = Intake::start_alone(&[]).await;
    let mut stream = TcpStream::connect(intake.address).await.unwrap();
    stream.write_all(head(2 << 20).as_bytes()).await.unwrap();
    // Slow as a system that is short of memory for its sockets. A reset would make a write fail.
    for _ in 0..6 {
        stream.write_all(&[b' '; 1_024]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let intake = Intake::start(&[]).await;
    let mut stream = TcpStream::connect(intake.address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(format!("{}{GOOD}", head(GOOD.len())).as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 202"));
    }
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_room_is_made_when_others_close() {
    let intake = Intake::start(&["--max-connections=2"]).await;
    let mut first = TcpStream::connect(intake.address).await.unwrap();
    let second = TcpStream::connect(intake.address).await.unwrap();
    // Those two are accepted in their order, so an answer on a third tells that they were.
    let refused = raw(intake.address, b"").await;
    let (header, body) = refused.split_once("\r\n\r\n").unwrap();
    assert!(header.starts_with("HTTP/1.1 503") && header.contains("retry-after: 1"), "{refused}");
    assert!(header.contains(&format!("content-length: {}", body.len())), "{refused}");
    let problem: ingest::error::Problem = serde_json::from_str(body).unwrap();
    assert_eq!((problem.status, problem.code.as_str()), (503, "too_many_connections"));

    first.write_all(format!("{}{GOOD}", head(GOOD.len())).as_bytes()).await.unwrap();
    assert!(answer(&mut first).await.starts_with("HTTP/1.1 202"));
    drop(second);
    eventually("there is room again", DEADLINE, async || {
        let request = "GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        raw(intake.address, request.as_bytes()).await.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_header_that_is_too_large_is_refused() {
    let intake = Intake::start(&[]).await;
    let huge = format!("GET / HTTP/1.1\r\nhost: x\r\nx-huge: {}\r\n\r\n", "a".repeat(100_000));
    let answer = raw(intake.address, huge.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_request_under_way_is_answered_when_intake_stops_and_readiness_ends_first() {
    let intake = Intake::start(&["--drain-delay-ms=2000"]).await;
    let mut open = TcpStream::connect(intake.address).await.unwrap();
    open.write_all(head(GOOD.len()).as_bytes()).await.unwrap();
    intake.stop.cancel();
    assert_eq!(intake.readiness().await.0, 503);
    // New requests are still served until load balancers have noticed.
    assert_eq!(intake.send(EVENT, &serde_json::from_str(GOOD).unwrap()).await.status(), 202);

    open.write_all(GOOD.as_bytes()).await.unwrap();
    assert!(answer(&mut open).await.starts_with("HTTP/1.1 202"));
    let address = intake.address;
    intake.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}
