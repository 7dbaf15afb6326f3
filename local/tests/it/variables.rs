//! Variables that are set to nothing, which compose files and manifests pass for "not set".

use crate::program::{CONSUMER, Environment, INGEST, MIGRATE, Program};

/// Every variable that the program's help names.
fn variables(program: Program) -> Vec<String> {
    let help = program.help(&Environment::new());
    let names = help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap_or_default());
    names.map(str::to_owned).collect()
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set_whatever_it_is() {
    for (program, needed) in
        [(INGEST, None), (CONSUMER, Some("CONSUMER_DATABASE_URL")), (MIGRATE, Some("MIGRATE_DATABASE_URL"))]
    {
        let names = variables(program);
        assert!(names.len() > 3, "{program:?}: {names:?}");
        for nothing in ["", " "] {
            let mut environment: Environment =
                names.iter().map(|name| (name.clone(), nothing.to_owned())).collect();
            environment.extend(needed.map(|name| (name.to_owned(), "postgres://a@b/c".to_owned())));
            let checked = program.check(&environment);
            let reason = String::from_utf8_lossy(&checked.stderr);
            assert!(checked.status.success(), "{program:?} with {nothing:?}: {reason}");
        }
    }
}

#[test]
fn the_help_names_variables_that_are_set_to_nothing_too() {
    for program in [INGEST, CONSUMER, MIGRATE] {
        let names = variables(program);
        let nothing: Environment = names.iter().map(|name| (name.clone(), String::new())).collect();
        for name in names {
            assert!(program.help(&nothing).contains(&format!("[env: {name}")), "{program:?}: {name}");
        }
    }
}

#[test]
fn a_value_that_is_something_and_cannot_work_is_still_refused() {
    let zero = Environment::from([("INGEST_MAX_CONNECTIONS".to_owned(), "0".to_owned())]);
    assert!(!INGEST.check(&zero).status.success());
    let yes = Environment::from([("INGEST_OPEN_READS".to_owned(), "yes".to_owned())]);
    assert!(INGEST.check(&yes).status.success());
}
