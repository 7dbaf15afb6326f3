//! No secret is ever shown: not in a help text, not in the reason why a setting is refused.
//!
//! What runs and logs is in `tests/pipeline/secrets.rs`.

use std::fs;

use crate::program::{CONSUMER, Environment, INGEST, MIGRATE, Program};

/// Part of every secret here, and of nothing else.
const SECRET: &str = "hunter2";

const GOOD: [(Program, &str, &str); 6] = [
    (INGEST, "INGEST_DATABASE_URL", "postgres://a:hunter2@h/d?sslmode=verify-full"),
    (INGEST, "INGEST_WRITE_KEYS", "hunter2-old,hunter2-new"),
    (INGEST, "INGEST_READ_TOKEN", "hunter2"),
    (INGEST, "KAFKA_PROPERTIES", "sasl.username=a\nsasl.password=Endpoint=sb://h/;SharedAccessKey=hunter2="),
    (CONSUMER, "CONSUMER_DATABASE_URL", "postgres://a:hunter2@h/d"),
    (MIGRATE, "MIGRATE_DATABASE_URL", "postgres://a:hunter2@h/d"),
];

const BAD: [(Program, &str, &str); 18] = [
    (INGEST, "INGEST_DATABASE_URL", "hunter2"),
    (INGEST, "INGEST_DATABASE_URL", "mysql://a:hunter2@h/d"),
    (INGEST, "INGEST_DATABASE_URL", "postgres://a:hunter2@h:port/d"),
    (INGEST, "INGEST_DATABASE_URL", "postgres://a:x#hunter2@h/d"),
    (INGEST, "INGEST_DATABASE_URL", "postgres://a:b@h/d?passwort=hunter2"),
    (INGEST, "KAFKA_PROPERTIES", "hunter2"),
    (INGEST, "KAFKA_PROPERTIES", "sasl.pasword=hunter2"),
    (INGEST, "KAFKA_PROPERTIES", "acks=1\nsasl.password=hunter2"),
    (INGEST, "KAFKA_PROPERTIES", "acks=all;sasl.password=hunter2"),
    (INGEST, "KAFKA_PROPERTIES", "linger.ms=1;sasl.password=hunter2"),
    (INGEST, "KAFKA_PROPERTIES", "security.protocol=sasl_ssl;sasl.password=hunter2"),
    (CONSUMER, "CONSUMER_DATABASE_URL", "mysql://a:hunter2@h/d"),
    (CONSUMER, "CONSUMER_DATABASE_URL", "postgres://a:hunter2@h:port/d"),
    (CONSUMER, "CONSUMER_DATABASE_URL", "postgres://a:b@h/d?sslmode=hunter2"),
    (CONSUMER, "KAFKA_PROPERTIES", "sasl.pasword=hunter2"),
    (CONSUMER, "KAFKA_PROPERTIES", "enable.auto.commit=false\nsasl.password=hunter2"),
    (CONSUMER, "KAFKA_PROPERTIES", "session.timeout.ms=6000;sasl.password=hunter2"),
    (MIGRATE, "MIGRATE_DATABASE_URL", "postgres://a:hunter2@h/d?sslmod=require"),
];

/// What else a program can't do without.
fn surroundings(program: Program, variable: &str) -> Environment {
    let mut environment = Environment::new();
    if program == CONSUMER && variable != "CONSUMER_DATABASE_URL" {
        environment.insert("CONSUMER_DATABASE_URL".to_owned(), "postgres://a:hunter2@h/d".to_owned());
    }
    environment
}

/// The setting by its variable, and by its file in `folder`.
fn both_ways(
    folder: &tempfile::TempDir,
    (program, variable, value): (Program, &str, &str),
) -> [(Environment, String); 2] {
    let path = folder.path().join(variable);
    fs::write(&path, format!("{value}\n")).unwrap();
    let file = (format!("{variable}_FILE"), path.display().to_string());
    [(variable.to_owned(), value.to_owned()), file].map(|(name, value)| {
        let mut environment = surroundings(program, variable);
        environment.insert(name.clone(), value);
        (environment, name)
    })
}

#[test]
fn every_secret_is_taken_from_its_variable_or_its_file_and_no_help_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    for setting in GOOD {
        for (environment, name) in both_ways(&folder, setting) {
            setting.0.takes(&environment);
            let help = setting.0.help(&environment);
            assert!(help.contains(&name) && !help.contains(SECRET), "{name}: {help}");
        }
    }
}

#[test]
fn a_secret_that_cannot_work_is_refused_by_its_name_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for setting in BAD {
        for (environment, name) in both_ways(&folder, setting) {
            let refused = setting.0.check(&environment);
            let said = [refused.stdout, refused.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(!refused.status.success(), "{name}={}", setting.2);
            assert!(!said.is_empty() && !said.contains(SECRET), "{name}={}: {said}", setting.2);
        }
    }
}

#[test]
fn a_secret_given_both_ways_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for setting in GOOD {
        let [(mut environment, variable), (file, _)] = both_ways(&folder, setting);
        environment.extend(file);
        let refused = setting.0.check(&environment);
        let said = String::from_utf8_lossy(&refused.stderr);
        let remedy =
            format!("{variable} and {variable}_FILE are both set, and only one can count: unset the other");
        assert!(!refused.status.success() && said.contains(&remedy), "{variable}: {said}");
        assert!(!said.contains(SECRET), "{variable}: {said}");
    }
}

#[test]
fn a_file_that_is_missing_or_empty_is_refused_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "\n").unwrap();
    for (program, variable, _) in GOOD {
        for path in ["/nowhere/at/all", empty.to_str().unwrap()] {
            let mut environment = surroundings(program, variable);
            environment.insert(format!("{variable}_FILE"), path.to_owned());
            let refused = program.check(&environment);
            let said = String::from_utf8_lossy(&refused.stderr);
            assert!(!refused.status.success(), "{variable}");
            assert!(said.contains(path) && said.contains(&format!("{variable}_FILE")), "{variable}: {said}");
        }
    }
}
