//! How the Kafka client is set up, and which of a user's properties are refused because a `202` would mean less.

use std::time::Duration;

use service::kafka::{ClientSettings, Rule};

/// Ours; the user's properties come after them.
const DEFAULTS: [(&str, &str); 12] = [
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("compression.type", "lz4"),
    ("linger.ms", "5"),
    ("message.timeout.ms", "4000"),
    ("message.max.bytes", "1000000"),
    // The queue is the memory that an outage may take.
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "131072"),
    // Back within a second or so after a broker is.
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "1000"),
    // Readiness reads these.
    ("statistics.interval.ms", "1000"),
    // Connections to all brokers, before there is anything to send: readiness must know whether the addresses that they
    // advertise can be reached.
    ("enable.sparse.connections", "false"),
];

/// The largest valid event, with every character written as an escape, stays well below this.
const SMALLEST_MESSAGE_MAXIMUM: u64 = 256 * 1024;

/// The client's settings, for requests that end by `request_deadline`.
pub(crate) fn settings(request_deadline: Duration) -> ClientSettings {
    let deadline = u64::try_from(request_deadline.as_millis()).unwrap_or(u64::MAX);
    let late = format!(
        "it must end before the request deadline of {deadline} ms, otherwise an event whose sender was told 503 could \
         still be on its way"
    );
    let room = "a full batch must fit into the queue";
    let statistics = "readiness is read from the statistics";
    ClientSettings::producer("prompt-telemetry-ingest").with(DEFAULTS).promising([
        Rule::is("acks", "-1", "a 202 means that every in-sync replica has the event (acks=all)"),
        Rule::is(
            "enable.idempotence",
            "true",
            "a retry inside the client must not store an event twice or out of order",
        ),
        Rule::is("delivery.report.only.error", "false", "a 202 is sent when the report of a success is in"),
        Rule::unset("transactional.id", "a record of a transaction that nobody commits is never read"),
        Rule::is_not("partitioner", "random", "the events of a session keep their order on one partition"),
        Rule::is(
            "enable.sparse.connections",
            "false",
            "readiness must know whether the brokers can be reached",
        ),
        Rule::within("message.max.bytes", SMALLEST_MESSAGE_MAXIMUM..=u64::MAX, "every valid event must fit"),
        Rule::within("queue.buffering.max.messages", 1_000..=u64::MAX, room),
        Rule::within("queue.buffering.max.kbytes", 16 * 1024..=u64::MAX, room),
        Rule::within("statistics.interval.ms", 100..=10_000, statistics),
        Rule::within("message.timeout.ms", 1..=deadline.saturating_sub(1), late)
            .or("lower it, or raise INGEST_REQUEST_DEADLINE_MS"),
    ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;
    use service::kafka::KafkaArgs;

    use super::settings;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        kafka: KafkaArgs,
    }

    fn check(properties: &[&str]) -> Result<(), String> {
        let flags = properties.iter().flat_map(|property| ["--kafka-property", property]);
        let arguments = Arguments::try_parse_from(["test"].into_iter().chain(flags)).unwrap();
        settings(Duration::from_secs(5)).check(&arguments.kafka).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_keep_every_promise() {
        assert_eq!(check(&[]), Ok(()));
    }

    #[test]
    fn properties_that_break_a_promise_are_refused_by_any_of_their_names() {
        for broken in [
            "acks=1",
            "acks=0",
            "request.required.acks=0",
            "enable.idempotence=false",
            "message.max.bytes=262143",
            "message.timeout.ms=5000",
            "delivery.timeout.ms=0",
            "statistics.interval.ms=0",
            "statistics.interval.ms=60000",
            "queue.buffering.max.messages=999",
            "queue.buffering.max.messages=0",
            "delivery.report.only.error=true",
            "transactional.id=ingest",
            "partitioner=random",
            "enable.sparse.connections=true",
            "allow.auto.create.topics=true",
            "bootstrap.servers=elsewhere:9092",
            "test.mock.num.brokers=3",
        ] {
            let reason = check(&[broken]).expect_err(broken);
            assert!(reason.contains("the Kafka property ") && reason.contains(": "), "{broken}: {reason}");
        }
        assert!(check(&["no.such.property=1"]).unwrap_err().contains("no.such.property"));
    }

    #[test]
    fn properties_that_do_not_go_together_are_refused_before_anything_runs() {
        for broken in
            [&["max.in.flight=6"][..], &["retries=0"], &["queuing.strategy=lifo"], &["linger.ms=4000"]]
        {
            assert!(check(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn properties_that_break_none_are_taken() {
        for fine in [
            "message.max.bytes=262144",
            "acks=-1",
            "request.required.acks=all",
            "linger.ms=50",
            "compression.codec=snappy",
            "compression.type=none",
            "message.timeout.ms=4999",
            "partitioner=murmur2_random",
            "client.id=team-a",
            // The consumer's, where both services share one list.
            "session.timeout.ms=6000",
            "group.instance.id=a",
        ] {
            assert_eq!(check(&[fine]), Ok(()), "{fine}");
        }
    }
}
