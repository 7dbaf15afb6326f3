//! `docker-compose.yml` against the programs and the files it speaks of, so that it can't drift away from them.

use std::fs;

use local::place;
use serde_json::{Value, json};

use crate::program::{CONSUMER, Environment, INGEST, MIGRATE, Program};

const OURS: [(&str, Program); 3] = [("migrate", MIGRATE), ("ingest", INGEST), ("consumer", CONSUMER)];
const DEFAULT_SECRET: &str = "development-only";

#[test]
fn every_service_of_ours_takes_the_environment_that_compose_gives_it() {
    let compose = compose();
    for (service, program) in OURS {
        program.takes(&environment(&compose, service));
    }
}

#[test]
fn a_value_that_cannot_work_would_be_noticed() {
    let compose = compose();
    for (service, program) in OURS {
        let mut environment = environment(&compose, service);
        environment.insert("LOG_FORMAT".to_owned(), "hieroglyphs".to_owned());
        let refused = program.check(&environment);
        assert!(!refused.status.success(), "{service}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("hieroglyphs"), "{service}");
    }
}

#[test]
fn every_service_that_is_built_here_is_one_of_ours_and_has_a_target_in_the_dockerfile() {
    let compose = compose();
    let dockerfile = fs::read_to_string(place::root().join("Dockerfile")).unwrap();
    let built: Vec<_> = services(&compose).filter(|(_, service)| service.get("build").is_some()).collect();
    assert_eq!(built.len(), OURS.len());
    for (name, service) in built {
        assert!(OURS.iter().any(|(ours, _)| ours == name), "{name}");
        let target = service["build"]["target"].as_str().unwrap();
        assert!(dockerfile.contains(&format!(" AS {target}\n")), "{name}: {target}");
    }
    assert_eq!(compose["services"]["migrate"]["command"][0], "migrate");
}

#[test]
fn no_service_of_ours_has_a_right_that_it_does_not_need() {
    let compose = compose();
    for (name, _) in OURS {
        let service = &compose["services"][name];
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        assert!(service.get("user").is_none() && service.get("privileged").is_none(), "{name}");
    }
}

#[test]
fn services_are_waited_for_until_healthy_and_images_are_pinned() {
    let compose = compose();
    for (name, service) in services(&compose) {
        let image = service["image"].as_str().unwrap();
        let tag = image.split_once(':').map(|(_, tag)| tag);
        assert!(tag.is_some_and(|tag| tag != "latest"), "{name}: {image}");
        assert_eq!(service.get("healthcheck").is_some(), name != "migrate", "{name}");
        for (awaited, how) in service.get("depends_on").and_then(Value::as_object).into_iter().flatten() {
            let ends = awaited == "migrate";
            let wanted = if ends { "service_completed_successfully" } else { "service_healthy" };
            assert_eq!(how["condition"], wanted, "{name} waits for {awaited}");
        }
    }
}

#[test]
fn ports_are_open_to_this_machine_only() {
    let compose = compose();
    let ports: Vec<_> = services(&compose)
        .flat_map(|(_, service)| service.get("ports").and_then(Value::as_array).into_iter().flatten())
        .collect();
    assert!(!ports.is_empty());
    for port in ports {
        assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{port}");
    }
}

#[test]
fn every_secret_can_be_set_and_its_default_says_what_it_is() {
    let compose = compose();
    let mut secrets = 0;
    for (name, service) in services(&compose) {
        for (variable, value) in service["environment"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap();
            let is_url = variable.ends_with("_DATABASE_URL");
            if is_url || ["PASSWORD", "TOKEN", "KEYS"].iter().any(|secret| variable.contains(secret)) {
                let secret = value.split_once("${").and_then(|(_, rest)| rest.split_once('}')).unwrap().0;
                assert!(
                    secret.ends_with(&format!("PASSWORD:-{DEFAULT_SECRET}")),
                    "{name}: {variable}={value}"
                );
                secrets += 1;
            }
        }
    }
    assert!(secrets >= 8, "only {secrets} secrets were found");
}

#[test]
fn what_is_mounted_exists() {
    let compose = compose();
    let volumes = services(&compose)
        .flat_map(|(_, service)| service.get("volumes").and_then(Value::as_array).into_iter().flatten());
    let sources = volumes.map(|volume| volume.as_str().unwrap().split(':').next().unwrap());
    for source in sources {
        let is_there = match source.strip_prefix("./") {
            Some(path) => place::root().join(path).exists(),
            None => compose["volumes"].get(source).is_some(),
        };
        assert!(is_there, "{source}");
    }
}

fn compose() -> Value {
    let path = place::root().join("docker-compose.yml");
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn services(compose: &Value) -> impl Iterator<Item = (&String, &Value)> {
    compose["services"].as_object().unwrap().iter()
}

fn environment(compose: &Value, service: &str) -> Environment {
    let variables = compose["services"][service]["environment"].as_object().unwrap();
    let text = |value: &Value| filled_in(value.as_str().expect("compose passes on strings: quote it"));
    variables.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The value as compose passes it on where the person has set nothing: `${NAME:-default}` is its default.
fn filled_in(value: &str) -> String {
    let mut filled = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, behind) = after.split_once('}').expect("every variable is closed");
        let (_, default) = variable.split_once(":-").expect("every variable has a default");
        filled.push_str(before);
        filled.push_str(default);
        rest = behind;
    }
    filled.push_str(rest);
    filled
}
