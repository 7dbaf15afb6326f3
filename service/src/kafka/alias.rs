//! The second names that librdkafka has for some of its properties.

/// Second name and canonical name (CONFIGURATION.md of librdkafka 2.12).
const ALIASES: [(&str, &str); 9] = [
    ("acks", "request.required.acks"),
    ("bootstrap.servers", "metadata.broker.list"),
    ("compression.type", "compression.codec"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("retries", "message.send.max.retries"),
    ("sasl.mechanism", "sasl.mechanisms"),
];

/// The name that a property has for librdkafka itself.
pub(crate) fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, canonical)| canonical)
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;

    use super::{ALIASES, canonical};

    #[test]
    fn each_second_name_sets_what_its_canonical_name_reads() {
        for (alias, name) in ALIASES {
            let value = match name {
                "compression.codec" => "lz4",
                "sasl.mechanisms" => "PLAIN",
                _ => "3",
            };
            let native = ClientConfig::new().set(alias, value).create_native_config().unwrap();
            assert_eq!(native.get(name).unwrap(), value, "{alias}");
            assert_eq!(canonical(alias), name);
            assert_eq!(canonical(name), name);
        }
    }
}
