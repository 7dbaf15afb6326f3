//! librdkafka's words in our log. What it repeats for as long as a broker is away, health says once.

use rdkafka::config::RDKafkaLogLevel;

/// The facility under which librdkafka tells that a partition's next record is gone.
pub(crate) const OFFSET_RESET: &str = "OFFSET";

/// Passes a line on, one level quieter than librdkafka means it unless it is grave.
pub(crate) fn librdkafka(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
    }
}

/// For commands that a person runs: their errors hold what matters, so that all of it is for debugging only.
pub(crate) fn aside(level: RDKafkaLogLevel, facility: &str, message: &str) {
    tracing::debug!(target: "librdkafka", facility, ?level, "{message}");
}
