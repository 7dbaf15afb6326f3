//! How the Kafka client is set up, and which of a user's properties are refused because `202` would not mean anything.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::NativeClientConfig;
use service::kafka::{KafkaArgs, reason};

use crate::config::ConfigError;

/// Ours; the user's properties come after them.
const DEFAULTS: &[(&str, &str)] = &[
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
];

/// Second names that librdkafka has for some of them. Both at once would be set in no certain order.
const ALIASES: &[(&str, &str)] = &[
    ("acks", "request.required.acks"),
    ("compression.type", "compression.codec"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("message.timeout.ms", "delivery.timeout.ms"),
];

/// The largest valid event, with every character written as an escape, stays well below this.
const SMALLEST_MESSAGE_MAXIMUM: u64 = 256 * 1024;

/// The client's configuration.
///
/// # Errors
/// A property that librdkafka does not take, or one that breaks a promise, with the reason.
pub(crate) fn checked(kafka: &KafkaArgs, request_deadline: Duration) -> Result<ClientConfig, ConfigError> {
    let set = |name: &str| kafka.properties().any(|(found, _)| found == name);
    let replaced = |name: &str| ALIASES.iter().any(|(ours, alias)| *ours == name && set(alias));
    let defaults: Vec<_> = DEFAULTS.iter().copied().filter(|(name, _)| !replaced(name)).collect();
    let config = kafka.client_config("prompt-telemetry-ingest", &defaults);
    let native = config
        .create_native_config()
        .map_err(|error| ConfigError(format!("the Kafka settings are not usable: {}", reason(&error))))?;
    let is = |name: &str, wanted: &str, why: &str| {
        let found = value(&native, name)?;
        if found == wanted {
            return Ok(());
        }
        Err(ConfigError(format!("the Kafka property {name} must be {wanted}, not {found}: {why}")))
    };
    is("acks", "-1", "a 202 means that every in-sync replica has the event (acks=all)")?;
    is(
        "enable.idempotence",
        "true",
        "a retry inside the client must not store an event twice or out of order",
    )?;
    is("delivery.report.only.error", "false", "intake answers 202 when it sees the report of a success")?;

    let least = |name: &str, least: u64, why: &str| {
        let found = number(&native, name)?;
        if found >= least {
            return Ok(());
        }
        Err(ConfigError(format!("the Kafka property {name} is {found}, but must be {least} or more: {why}")))
    };
    least("message.max.bytes", SMALLEST_MESSAGE_MAXIMUM, "every valid event must fit")?;
    least("queue.buffering.max.messages", 1_000, "a full batch must fit into the queue")?;
    least("queue.buffering.max.kbytes", 16 * 1024, "a full batch must fit into the queue")?;
    least("statistics.interval.ms", 100, "readiness is read from the statistics")?;
    if number(&native, "statistics.interval.ms")? > 10_000 {
        return Err(ConfigError(
            "the Kafka property statistics.interval.ms must be 10000 or less: readiness is read from the statistics"
                .to_owned(),
        ));
    }
    let timeout = Duration::from_millis(number(&native, "message.timeout.ms")?);
    if timeout.is_zero() || timeout >= request_deadline {
        return Err(ConfigError(format!(
            "the Kafka property message.timeout.ms is {} (0: never), but must be below the request deadline of {} ms: \
             else an event whose sender was told 503 could still be on its way; raise INGEST_REQUEST_DEADLINE_MS",
            timeout.as_millis(),
            request_deadline.as_millis()
        )));
    }
    Ok(config)
}

fn value(native: &NativeClientConfig, name: &str) -> Result<String, ConfigError> {
    native
        .get(name)
        .map_err(|error| ConfigError(format!("the Kafka property {name} cannot be read: {error}")))
}

fn number(native: &NativeClientConfig, name: &str) -> Result<u64, ConfigError> {
    let found = value(native, name)?;
    found.parse().map_err(|_| ConfigError(format!("the Kafka property {name} is {found}, not a number")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;
    use service::kafka::KafkaArgs;

    use super::checked;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        kafka: KafkaArgs,
    }

    fn check(properties: &str) -> Result<(), String> {
        let arguments = Arguments::try_parse_from(["test", "--kafka-property", properties]).unwrap();
        checked(&arguments.kafka, Duration::from_secs(5)).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_keep_every_promise() {
        assert_eq!(check(""), Ok(()));
    }

    #[test]
    fn properties_that_break_a_promise_are_refused_by_any_of_their_names() {
        for broken in [
            "acks=1",
            "request.required.acks=0",
            "enable.idempotence=false",
            "message.max.bytes=262143",
            "message.timeout.ms=5000",
            "delivery.timeout.ms=0",
            "statistics.interval.ms=0",
            "queue.buffering.max.messages=999",
            "delivery.report.only.error=true",
        ] {
            let name = broken.split('=').next().unwrap();
            let reason = check(broken).expect_err(broken);
            assert!(reason.contains("property"), "{name}: {reason}");
        }
        assert!(check("no.such.property=1").unwrap_err().contains("no.such.property"));
    }

    #[test]
    fn properties_that_break_none_are_taken() {
        for fine in [
            "message.max.bytes=262144",
            "acks=-1",
            "linger.ms=50",
            "compression.codec=snappy",
            "message.timeout.ms=4999",
        ] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
    }
}
