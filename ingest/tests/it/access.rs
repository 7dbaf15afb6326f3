//! Who may write, who may read, and how often.

use ingest::server::Ingest;
use serde_json::{Value, json};

use crate::intake::{BATCH, EVENT, Intake, config, problem};

fn event() -> Value {
    json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" })
}

#[tokio::test]
async fn with_write_keys_only_those_who_have_one_may_write() {
    let intake = Intake::start(&["--write-keys=key-one,key-two"]).await;
    for (path, body) in [(EVENT, event()), (BATCH, json!({ "events": [event()] }))] {
        for key in ["key-one", "key-two"] {
            let by_header = intake.post(path).bearer_auth(key).body(body.to_string()).send().await.unwrap();
            assert_eq!(by_header.status(), 202);
            let by_query = intake.send(&format!("{path}?key={key}"), &body).await;
            assert_eq!(by_query.status(), 202);
        }
        for wrong in ["", "key", "key-on", "key-onee", "key-one,key-two"] {
            let by_header = intake.post(path).bearer_auth(wrong).body(body.to_string()).send().await.unwrap();
            assert_eq!(by_header.headers()["www-authenticate"], "Bearer");
            problem(by_header, 401, "unauthorized").await;
            let by_query = intake.send(&format!("{path}?key={wrong}"), &body).await;
            problem(by_query, 401, "unauthorized").await;
        }
        problem(intake.send(path, &body).await, 401, "unauthorized").await;
        let basic = intake.post(path).basic_auth("key-one", Some("key-one")).body(body.to_string());
        problem(basic.send().await.unwrap(), 401, "unauthorized").await;
    }
}

#[tokio::test]
async fn a_key_with_special_characters_works_in_the_query() {
    let intake = Intake::start(&["--write-keys=a+b/c&d="]).await;
    let response = intake.send(&format!("{EVENT}?key=a%2Bb%2Fc%26d%3D"), &event()).await;
    assert_eq!(response.status(), 202);
}

#[tokio::test]
async fn with_a_read_token_only_those_who_have_it_may_read() {
    let intake = Intake::start_alone(&["--read-token=token", "--write-keys=key"]).await;
    for path in ["/api/telemetry/prompt/p/stats", "/api/telemetry/prompts/performance"] {
        // There is no database, so whoever is let in hears of that.
        problem(intake.get(path).bearer_auth("token").send().await.unwrap(), 503, "reads_not_configured")
            .await;
        problem(intake.get(path).send().await.unwrap(), 401, "unauthorized").await;
        problem(intake.get(path).bearer_auth("key").send().await.unwrap(), 401, "unauthorized").await;
        let by_query = intake.get(&format!("{path}?key=token")).send().await.unwrap();
        problem(by_query, 401, "unauthorized").await;
    }
    assert_eq!(intake.get("/openapi.json").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_that_is_too_fast_is_told_to_wait_whatever_it_says_of_itself() {
    let intake = Intake::start(&["--rate-limit-per-second=1", "--rate-limit-burst=5"]).await;
    let mut refused = 0;
    for number in 0..20 {
        let request = intake.post(EVENT).header("x-forwarded-for", format!("192.0.2.{number}"));
        let response = request.body(event().to_string()).send().await.unwrap();
        if response.status() == 202 {
            continue;
        }
        problem(response, 429, "rate_limited").await;
        refused += 1;
    }
    // The burst, and a few for the seconds that this takes.
    assert!((1..=15).contains(&refused), "{refused}");
}

/// How many of twenty events were refused because their client was too fast, each with the hops of its number. All come
/// from this machine; a client may send one a second.
async fn refused(trusted: &str, hops: impl Fn(usize) -> String) -> usize {
    let trusted = format!("--trusted-proxies={trusted}");
    let intake = Intake::start(&["--rate-limit-per-second=1", "--rate-limit-burst=1", &trusted]).await;
    let mut refused = 0;
    for number in 0..20 {
        let request = intake.post(EVENT).header("x-forwarded-for", hops(number)).body(event().to_string());
        let response = request.send().await.unwrap();
        if response.status() != 202 {
            problem(response, 429, "rate_limited").await;
            refused += 1;
        }
    }
    refused
}

const PROXY: &str = "127.0.0.0/8,10.0.0.0/8";

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_a_limit_of_its_own() {
    assert_eq!(refused(PROXY, |number| format!("192.0.2.{number}")).await, 0);
    assert_eq!(refused(PROXY, |number| format!("[2001:db8:0:{number}::1]:4711")).await, 0);
    assert_eq!(refused(PROXY, |number| format!("1.1.1.1, 192.0.2.{number}, 10.0.0.{number}")).await, 0);
}

#[tokio::test]
async fn a_client_behind_a_trusted_proxy_is_itself_whatever_it_puts_in_front() {
    assert!(refused(PROXY, |number| format!("203.0.113.{number}, 192.0.2.1")).await > 0);
    assert!(refused(PROXY, |number| format!("{}192.0.2.1", "10.0.0.1, ".repeat(number))).await > 0);
    assert!(refused(PROXY, |number| format!("192.0.2.1:{number}, 10.0.0.{number}")).await > 0);
    // One customer's network.
    assert!(refused(PROXY, |number| format!("2001:db8:0:1:{number}::1")).await > 0);
}

#[tokio::test]
async fn from_a_peer_that_is_not_trusted_or_without_a_usable_hop_the_header_changes_nothing() {
    for trusted in ["", "192.0.2.0/24", "::/1"] {
        assert!(refused(trusted, |number| format!("192.0.2.{number}")).await > 0, "{trusted}");
    }
    assert!(refused(PROXY, |number| format!("192.0.2.{number}, unknown")).await > 0);
    assert!(refused(PROXY, |number| format!("10.0.0.{number}")).await > 0);
}

#[tokio::test]
async fn intake_does_not_start_where_anybody_could_read() {
    let mut open = config("127.0.0.1:1", "t", &[]);
    open.listen = Some("0.0.0.0:0".parse().unwrap());
    let reason = Ingest::bind(open).await.err().expect("it is refused").to_string();
    assert!(reason.contains("INGEST_READ_TOKEN") && reason.contains("--open-reads"), "{reason}");
}
