//! One running intake and the ways to talk to it.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use ingest::clock::Clock;
use ingest::config::Config;
use ingest::error::{PROBLEM, Problem};
use ingest::server::Ingest;
use local::testing::{self, eventually};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const EVENT: &str = "/api/telemetry/prompt";
pub(crate) const BATCH: &str = "/api/telemetry/prompt/batch";
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Intake on free ports with a topic of its own. Dropping it cuts it off; `stop` stops it properly.
pub(crate) struct Intake {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) topic: String,
    pub(crate) client: Client,
    pub(crate) stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Intake {
    /// Ready, on the shared broker.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let topic = testing::topic();
        if !testing::broker_is_apache() {
            // The stand-in cannot create topics on request.
            for topic in [topic.clone(), format!("{topic}.dead-letter")] {
                testing::create_topic(&topic, 3).await;
            }
        }
        let intake = Self::start_unready(&testing::bootstrap_servers(), topic, arguments).await;
        intake.until_ready().await;
        intake
    }

    /// Listening; for what needs no broker.
    pub(crate) async fn start_alone(arguments: &[&str]) -> Self {
        Self::start_unready(&testing::bootstrap_servers(), testing::topic(), arguments).await
    }

    /// Listening; whether the broker is there is another matter.
    pub(crate) async fn start_unready(bootstrap_servers: &str, topic: String, arguments: &[&str]) -> Self {
        Self::start_with_clock(bootstrap_servers, topic, arguments, Clock::system()).await
    }

    /// The same with another clock than the machine's.
    pub(crate) async fn start_with_clock(
        bootstrap_servers: &str,
        topic: String,
        arguments: &[&str],
        clock: Clock,
    ) -> Self {
        let config = config(bootstrap_servers, &topic, arguments);
        let ingest = Ingest::bind_with(config, clock).await.unwrap();
        let (address, admin) = (ingest.address(), ingest.admin_address());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(ingest.serve(stop.clone()));
        Self { address, admin, topic, client: Client::new(), stop, serving }
    }

    pub(crate) async fn until_ready(&self) {
        eventually("intake is ready", DEADLINE, async || (self.readiness().await.0 == 200).then_some(()))
            .await;
    }

    /// Waits until it is not ready, for a reason that contains `reason`.
    pub(crate) async fn until_waiting_for(&self, reason: &str) {
        let what = format!("intake says that it waits for: {reason}");
        eventually(&what, DEADLINE, async || {
            let (status, said) = self.readiness().await;
            (status == 503 && said.contains(reason)).then_some(())
        })
        .await;
    }

    /// The status of `/readyz`, and what it says.
    pub(crate) async fn readiness(&self) -> (u16, String) {
        let response = self.client.get(format!("http://{}/readyz", self.admin)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// A request to a path of the API, which must not be rewritten on its way as URLs are.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", "application/json")
    }

    /// Posts JSON.
    pub(crate) async fn send(&self, path: &str, body: &Value) -> Response {
        self.post(path).body(body.to_string()).send().await.unwrap()
    }

    /// Posts an event and expects it to be taken.
    pub(crate) async fn accept<T: DeserializeOwned>(&self, path: &str, body: &Value) -> T {
        let response = self.send(path, body).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Stops it as SIGTERM does, and waits for its end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.serving).await.expect("it stops in time").unwrap();
    }
}

pub(crate) fn config(bootstrap_servers: &str, topic: &str, arguments: &[&str]) -> Config {
    let mut all = vec!["ingest", "--kafka-bootstrap-servers", bootstrap_servers, "--kafka-topic", topic];
    let defaults =
        ["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--kafka-partitions=3", "--drain-delay-ms=0"];
    let name = |argument: &&str| argument.split('=').next().map(str::to_owned);
    let given: Vec<_> = arguments.iter().map(name).collect();
    all.extend(defaults.iter().filter(|default| !given.contains(&name(default))));
    all.extend(arguments);
    Config::try_parse_from(all).unwrap()
}

/// The problem document of an answer that must be one, with this status and code.
pub(crate) async fn problem(response: Response, status: u16, code: &str) -> Problem {
    let found = response.status().as_u16();
    let content_type = response.headers().get("content-type").cloned();
    let retry_after = response.headers().get("retry-after").cloned();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    assert_eq!(content_type.expect("a problem has a content type"), PROBLEM);
    let problem: Problem = serde_json::from_str(&text).unwrap();
    assert_eq!((problem.status, problem.code.as_str()), (status, code), "{text}");
    assert!(!problem.detail.is_empty());
    if matches!(status, 429 | 503) {
        let seconds: u64 = retry_after.expect("Retry-After is there").to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    problem
}

/// Sends bytes on a connection of its own and returns all that comes back until the other side closes.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let talk = async {
        stream.write_all(bytes).await?;
        stream.read_to_end(&mut answer).await
    };
    let ended = tokio::time::timeout(DEADLINE, talk).await.expect("the connection is closed in time");
    // A reset after the answer is as good as an end.
    drop(ended);
    String::from_utf8_lossy(&answer).into_owned()
}
