//! What goes over the wire before the other side has proven who it is: nothing of ours.
//!
//! The other side here is one that speaks no TLS and keeps all that it is sent.

use std::time::Duration;

use local::port;
use local::services;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::scene::{PATIENCE, TOPIC, kafka};

/// What PostgreSQL's clients send to ask for TLS: a length of 8 and a number of no version.
const ASK_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;
const SECRETS: [&str; 2] = ["a-login", "a-password"];

#[tokio::test]
async fn a_kafka_without_tls_is_sent_a_handshake_and_no_login() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let servers = listener.local_addr().unwrap().to_string();
    let mut received = listen(listener, &[]);
    let [login, password] = SECRETS;
    let properties = format!(
        "security.protocol=sasl_ssl\nsasl.mechanism=PLAIN\nsasl.username={login}\nsasl.password={password}"
    );
    let settings = [("KAFKA_PROPERTIES".to_owned(), properties)];
    let kafka = kafka(&servers, TOPIC);
    let mut ingest =
        services::idle_ingest("rights-plain-ingest", port::free(), &kafka, NOWHERE, &settings).unwrap();
    let mut consumer = services::idle_consumer("rights-plain-consumer", &kafka, NOWHERE, &settings).unwrap();
    for service in [&mut ingest, &mut consumer] {
        service.launch().unwrap();
    }
    // Each asks with a client for its topics and one for its events, again and again.
    for _ in 0..4 {
        let sent = next(&mut received).await;
        assert_eq!(sent.first(), Some(&HANDSHAKE), "{sent:?}");
        assert_no_secret(&sent);
    }
}

#[tokio::test]
async fn a_postgres_without_tls_is_asked_for_it_and_sent_no_login() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It says no.
    let mut received = listen(listener, b"N");
    let [login, password] = SECRETS;
    let url = format!("postgres://{login}:{password}@{address}/telemetry?sslmode=verify-full");
    let migrated = services::migrate("rights-plain-", &url).await.unwrap_err().to_string();
    assert!(migrated.contains("TLS") && !migrated.contains(password), "{migrated}");
    let sent = next(&mut received).await;
    assert_eq!(sent, ASK_FOR_TLS);
}

const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";

/// Answers whoever connects with `answer`, and passes on what each sent until it was quiet or gone.
fn listen(listener: TcpListener, answer: &'static [u8]) -> mpsc::Receiver<Vec<u8>> {
    let (sender, received) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let _nobody_listens = sender.send(keep(stream, answer).await).await;
            });
        }
    });
    received
}

async fn keep(mut stream: TcpStream, answer: &[u8]) -> Vec<u8> {
    let mut sent = vec![0; 64 * 1024];
    let mut length = stream.read(&mut sent).await.unwrap_or(0);
    // The client may have gone, which is as good as an answer.
    let _gone = stream.write_all(answer).await;
    while let Ok(Ok(more)) =
        tokio::time::timeout(Duration::from_millis(500), stream.read(&mut sent[length..])).await
    {
        if more == 0 {
            break;
        }
        length += more;
    }
    sent.truncate(length);
    sent
}

async fn next(received: &mut mpsc::Receiver<Vec<u8>>) -> Vec<u8> {
    tokio::time::timeout(PATIENCE, received.recv()).await.expect("somebody connects").unwrap()
}

fn assert_no_secret(sent: &[u8]) {
    let text = String::from_utf8_lossy(sent);
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} was sent in plain text: {text}");
    }
}
