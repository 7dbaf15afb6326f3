//! The Kubernetes manifests against the programs, so that they can't drift away from them.

use std::fs;

use local::place;
use serde_json::{Value, json};

use crate::program::{CONSUMER, Environment, INGEST, MIGRATE};

#[test]
fn every_container_takes_its_environment_with_and_without_the_optional_secrets() {
    let settings = read("settings").remove(0);
    for (file, program) in
        [("ingest", INGEST), ("reads", INGEST), ("consumer", CONSUMER), ("migrate", MIGRATE)]
    {
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
    for file in ["ingest", "reads", "consumer"] {
        let patience = read(file)[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64();
        assert!(patience.unwrap() > grace, "{file}");
    }
}

/// A Job that removes itself is made anew by whoever keeps the cluster as the repository says, again and again. One that
/// stays cannot be changed, so it must be replaced.
#[test]
fn the_migration_stays_until_a_new_one_replaces_it() {
    let job = read("migrate").remove(0);
    assert!(job["spec"].get("ttlSecondsAfterFinished").is_none());
    let annotations = &job["metadata"]["annotations"];
    assert_eq!(annotations["argocd.argoproj.io/hook"], "PreSync");
    assert_eq!(annotations["argocd.argoproj.io/hook-delete-policy"], "BeforeHookCreation");
    assert_eq!(annotations["kustomize.toolkit.fluxcd.io/force"], "enabled");
}

/// So that an outage of Kafka takes no statistics away, nor one of Postgres any event.
#[test]
fn reads_and_writes_have_pods_of_their_own_that_know_nothing_of_what_they_do_not_need() {
    let names = |file: &str| -> Vec<String> {
        let workload = read(file).remove(0);
        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        let variables = container["env"].as_array().unwrap().iter();
        variables.map(|variable| variable["name"].as_str().unwrap().to_owned()).collect()
    };
    let (writes, reads) = (names("ingest"), names("reads"));
    assert!(!writes.iter().any(|name| name.contains("DATABASE") || name.contains("READ")), "{writes:?}");
    assert!(!reads.iter().any(|name| name.contains("KAFKA") || name.contains("WRITE")), "{reads:?}");
}

#[test]
fn no_manifest_holds_a_secret_or_chooses_the_namespace() {
    for file in ["settings", "ingest", "reads", "consumer", "migrate"] {
        for object in read(file) {
            assert_ne!(object["kind"], "Secret", "{file}");
            assert!(object["metadata"].get("namespace").is_none(), "{file}");
        }
    }
}

#[test]
fn no_pod_has_a_right_that_it_does_not_need() {
    let mut containers = 0;
    for file in ["ingest", "reads", "consumer", "migrate"] {
        let pod = read(file).remove(0)["spec"]["template"]["spec"].take();
        assert_eq!(pod["automountServiceAccountToken"], false, "{file}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{file}");
        assert!(pod["securityContext"]["runAsUser"].as_u64().unwrap() >= 10_000, "{file}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{file}");
        for shared in ["hostNetwork", "hostPID", "hostIPC", "initContainers", "serviceAccountName"] {
            assert!(pod.get(shared).is_none(), "{file}: {shared}");
        }
        for container in pod["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{file}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{file}");
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{file}");
            assert!(context.get("privileged").is_none(), "{file}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{file}");
            for mount in container["volumeMounts"].as_array().into_iter().flatten() {
                assert_eq!(mount["readOnly"], true, "{file}: {mount}");
            }
            containers += 1;
        }
    }
    assert_eq!(containers, 4);
}

#[test]
fn every_secret_is_a_reference() {
    for file in ["ingest", "reads", "consumer", "migrate"] {
        let workload = read(file).remove(0);
        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        for variable in container["env"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            let secret =
                ["DATABASE_URL", "TOKEN", "KEYS", "PROPERTIES"].iter().any(|part| name.contains(part));
            assert_eq!(secret, variable["valueFrom"]["secretKeyRef"].is_object(), "{file}: {name}");
        }
    }
}

#[test]
fn the_image_runs_as_a_number_that_is_not_root() {
    let dockerfile = fs::read_to_string(place::root().join("Dockerfile")).unwrap();
    let runtime = dockerfile.split(" AS runtime\n").nth(1).unwrap();
    assert!(runtime.contains("\nUSER 10001:10001\n"));
    assert_eq!(runtime.matches("\nUSER ").count(), 1);
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
            "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.username=a\nsasl.password=b;c=d"
        }
        _ if key.ends_with("-database-url") => {
            "postgres://login:secret@db:5432/telemetry?sslmode=verify-full"
        }
        _ => panic!("the comment in settings.yaml should tell about {key}"),
    }
}
