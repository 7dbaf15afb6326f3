//! The Kubernetes manifests against the programs, so that they can't drift away from them.

use std::fs;

use local::place;
use serde_json::Value;

use crate::program::{CONSUMER, Environment, INGEST, MIGRATE};

#[test]
fn every_container_takes_its_environment_with_and_without_the_optional_secrets() {
    let settings = read("settings").remove(0);
    for (file, program) in [("ingest", INGEST), ("consumer", CONSUMER), ("migrate", MIGRATE)] {
        let workload = read(file).remove(0);
        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        for optional in [true, false] {
            program.takes(&environment(container, &settings["data"], optional));
        }
    }
}

#[test]
fn a_pod_has_more_time_to_stop_than_its_program_takes() {
    let grace: u64 = read("settings")[0]["data"]["SHUTDOWN_GRACE_SECONDS"].as_str().unwrap().parse().unwrap();
    for file in ["ingest", "consumer"] {
        let patience = read(file)[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64();
        assert!(patience.unwrap() > grace, "{file}");
    }
}

#[test]
fn no_manifest_holds_a_secret_or_chooses_the_namespace() {
    for file in ["settings", "ingest", "consumer", "migrate"] {
        for object in read(file) {
            assert_ne!(object["kind"], "Secret", "{file}");
            assert!(object["metadata"].get("namespace").is_none(), "{file}");
        }
    }
}

fn read(name: &str) -> Vec<Value> {
    let path = place::root().join(format!("deploy/kubernetes/{name}.yaml"));
    serde_saphyr::from_str_multiple(&fs::read_to_string(path).unwrap()).unwrap()
}

fn environment(container: &Value, settings: &Value, optional: bool) -> Environment {
    let mut environment = Environment::new();
    if container.get("envFrom").is_some() {
        let settings = settings.as_object().unwrap().iter();
        environment.extend(settings.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())));
    }
    for variable in container["env"].as_array().unwrap() {
        let secret = &variable["valueFrom"]["secretKeyRef"];
        let value = match variable["value"].as_str() {
            Some(value) => value,
            None if secret["optional"] == true && !optional => continue,
            None => secret_value(secret["key"].as_str().unwrap()),
        };
        environment.insert(variable["name"].as_str().unwrap().to_owned(), value.to_owned());
    }
    environment
}

/// What the secret may hold, in the form that the manifest's comment asks for.
fn secret_value(key: &str) -> &'static str {
    match key {
        "read-token" => "a-token",
        "write-keys" => "old-key,new-key",
        "kafka-properties" => {
            "security.protocol=SASL_SSL;sasl.mechanism=SCRAM-SHA-512;sasl.username=a;sasl.password=b"
        }
        _ if key.ends_with("-database-url") => {
            "postgres://login:secret@db:5432/telemetry?sslmode=verify-full"
        }
        _ => panic!("the comment in settings.yaml should tell about {key}"),
    }
}
