//! How the reading client is set up, and which of a user's properties are refused because events would be lost.

use service::kafka::{ClientSettings, Rule};

/// Ours; the user's properties come after them.
///
/// Offsets are stored by us after the write, and sent by librdkafka once a second and when partitions go. Partitions are
/// assigned eagerly: all of them change hands at once, so one number says whether a batch is still ours. The cooperative
/// protocol gains little here, since reading on costs no state.
const DEFAULTS: [(&str, &str); 17] = [
    ("enable.auto.offset.store", "false"),
    ("enable.auto.commit", "true"),
    ("auto.commit.interval.ms", "1000"),
    ("auto.offset.reset", "earliest"),
    ("partition.assignment.strategy", "range,roundrobin"),
    ("session.timeout.ms", "30000"),
    ("heartbeat.interval.ms", "3000"),
    ("max.poll.interval.ms", "300000"),
    ("statistics.interval.ms", "1000"),
    // How soon a topic that was deleted, or made anew, is noticed.
    ("topic.metadata.refresh.interval.ms", "10000"),
    // What a transaction aborted was never sent.
    ("isolation.level", "read_committed"),
    // The end of a partition cannot be seen from offsets alone; see `lag`.
    ("enable.partition.eof", "true"),
    ("socket.keepalive.enable", "true"),
    // What is fetched ahead is bounded to about three batches; when that is used up, fetching goes on soon.
    ("queued.min.messages", "40000"),
    ("queued.max.messages.kbytes", "32768"),
    // As it travels, compressed; four times this is allowed for when it is unpacked.
    ("fetch.max.bytes", "4194304"),
    ("fetch.queue.backoff.ms", "20"),
];

/// The settings of the client that reads events as a member of `group`.
pub(crate) fn settings(group: &str) -> ClientSettings {
    let ours = "the consumer stores an offset after the rows are committed, and librdkafka sends it";
    ClientSettings::consumer("prompt-telemetry-consumer")
        .with([("group.id", group)])
        .with(DEFAULTS)
        .promising([
            Rule::unset("group.id", "the group has a setting of its own").or("set CONSUMER_GROUP instead"),
            Rule::is("enable.auto.commit", "true", ours),
            Rule::unset("auto.commit.enable", ours),
            Rule::is("enable.auto.offset.store", "false", ours),
            Rule::is("offset.store.method", "broker", "another consumer must find the offsets"),
            Rule::within("auto.commit.interval.ms", 1..=3_600_000, ours),
            Rule::is(
                "auto.offset.reset",
                "smallest",
                "a new group must read every event there is (earliest)",
            ),
            Rule::lacks(
                "partition.assignment.strategy",
                "cooperative",
                "all partitions must change hands at once",
            ),
            Rule::is("group.protocol", "classic", "all partitions must change hands at once"),
            Rule::is("isolation.level", "read_committed", "a record that its sender took back is no event"),
            Rule::is("enable.partition.eof", "true", "the lag is known from where a partition ends"),
            Rule::within(
                "topic.metadata.refresh.interval.ms",
                1..=300_000,
                "a topic that was deleted must be noticed",
            ),
            Rule::within(
                "statistics.interval.ms",
                1..=10_000,
                "readiness and lag are read from the statistics",
            ),
        ])
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use service::kafka::KafkaArgs;

    use super::settings;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        kafka: KafkaArgs,
    }

    fn check(property: &str) -> Result<(), String> {
        let arguments = Arguments::try_parse_from(["test", "--kafka-property", property]).unwrap();
        settings("a-group").check(&arguments.kafka).map_err(|error| error.to_string())
    }

    #[test]
    fn properties_that_would_lose_events_are_refused_and_others_are_not() {
        assert_eq!(check(""), Ok(()));
        for property in [
            "enable.auto.offset.store=true",
            "enable.auto.commit=false",
            "auto.commit.enable=false",
            "auto.commit.interval.ms=0",
            "offset.store.method=file",
            "auto.offset.reset=latest",
            "auto.offset.reset=error",
            "group.id=another",
            "partition.assignment.strategy=cooperative-sticky",
            "group.protocol=consumer",
            "isolation.level=read_uncommitted",
            "enable.partition.eof=false",
            "topic.metadata.refresh.interval.ms=-1",
            "statistics.interval.ms=0",
            "allow.auto.create.topics=true",
        ] {
            let name = property.split('=').next().unwrap();
            let error = check(property).unwrap_err();
            assert!(error.contains(&format!("the Kafka property {name} ")), "{property}: {error}");
        }
        for property in [
            "session.timeout.ms=6000",
            "auto.offset.reset=beginning",
            "partition.assignment.strategy=roundrobin",
            "group.instance.id=a",
            "client.rack=b",
        ] {
            assert_eq!(check(property), Ok(()), "{property}");
        }
    }

    #[test]
    fn a_property_that_contradicts_one_of_our_own_is_found_by_the_check() {
        assert!(check("max.poll.interval.ms=1000").unwrap_err().contains("max.poll.interval.ms"));
        assert!(
            check("fetch.max.bytes=1000000000").is_err() || check("receive.message.max.bytes=1000").is_err()
        );
    }
}
