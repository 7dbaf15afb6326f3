//! How the schema comes about: on an empty database and on top of itself, by an owner without superuser, by
//! several runs at once; and what is said when it can't.

use consumer::migrate::{Applied, MIGRATOR, MigrateError, migrate};
use local::testing::TestDatabase;
use uuid::Uuid;

use crate::oracle::differences;
use crate::session::{attempt, column, connect, migrated, number, refusal, run, until_waiting};

const INSERT: &str =
    "insert into prompt_telemetry (event_type, prompt_id, session_id) values ('impression', 'p', 's')";

/// The groups that the first migration makes.
const ROLES: [&str; 4] = ["anon", "service_role", "telemetry_writer", "telemetry_reader"];

/// Everything about the schema that a second run could change.
const SHAPE: &str = "
    select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
        from information_schema.columns where table_schema = 'public'
    union all select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'public'::regnamespace
    union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
    union all select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    union all select 'policy ' || polname || ' ' || polcmd::text || ' ' || polroles::regrole[]::text from pg_policy
    union all select 'rights ' || relname || ' ' || coalesce(relacl::text, '') || relrowsecurity
        from pg_class where relnamespace = 'public'::regnamespace
    union all select 'function ' || proname || ' ' || proacl::text || prosrc from pg_proc
        where pronamespace = 'public'::regnamespace
    order by 1";

fn versions() -> Vec<i64> {
    MIGRATOR.iter().map(|migration| migration.version).collect()
}

#[tokio::test]
async fn an_empty_database_takes_them_all_and_a_second_run_does_nothing() {
    let database = TestDatabase::create().await;
    let first = migrate(&database.owner_url()).await.unwrap();
    assert_eq!(first, Applied { versions: versions(), before: 0 });
    let second = migrate(&database.owner_url()).await.unwrap();
    assert_eq!(second, Applied { versions: Vec::new(), before: versions().len() });
}

#[tokio::test]
async fn events_of_before_a_migration_are_in_what_it_adds() {
    let database = TestDatabase::create().await;
    let mut owner = connect(&database.owner_url()).await;
    // The first four made the aggregates; whatever came later found events there.
    for migration in MIGRATOR.iter() {
        run(&mut owner, migration.sql.as_str()).await.unwrap();
        if migration.version == 4 {
            for _ in 0..3 {
                run(&mut owner, INSERT).await.unwrap();
            }
        }
    }
    run(&mut owner, INSERT).await.unwrap();
    assert_eq!(number(&mut owner, "select impressions from prompt_performance").await, 4);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_files_run_by_hand_on_top_of_themselves_change_nothing() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, INSERT).await.unwrap();
    let before = column(&mut owner, SHAPE).await;
    assert!(before.len() > 80, "{before:#?}");
    for migration in MIGRATOR.iter() {
        run(&mut owner, migration.sql.as_str()).await.unwrap();
    }
    assert_eq!(column(&mut owner, SHAPE).await, before);
    run(&mut owner, INSERT).await.unwrap();
    assert_eq!(number(&mut owner, "select impressions from prompt_performance").await, 2);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

/// A writer locks the events first and then the counts. A migration that did it the other way round would deadlock.
#[tokio::test]
async fn a_migration_waits_for_a_writer_that_has_only_begun() {
    let database = TestDatabase::create().await;
    let mut owner = connect(&database.owner_url()).await;
    for migration in MIGRATOR.iter() {
        let sql = format!("begin; {}; commit", migration.sql.as_str());
        if migration.version <= 4 {
            run(&mut owner, &sql).await.unwrap();
            continue;
        }
        let mut writer = connect(&database.owner_url()).await;
        run(&mut writer, "begin; lock table prompt_telemetry in row exclusive mode").await.unwrap();
        let migrating = tokio::spawn(async move {
            let outcome = run(&mut owner, &sql).await;
            (owner, outcome)
        });
        until_waiting(&database, "relation", 1).await;
        let written = run(&mut writer, &format!("{INSERT}; commit")).await;
        let migrated;
        (owner, migrated) = migrating.await.unwrap();
        assert!(written.is_ok() && migrated.is_ok(), "{}: {written:?}, {migrated:?}", migration.version);
    }
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

/// Somebody ends the program while it waits for a lock, behind which every writer waits.
#[tokio::test]
async fn a_migration_whose_program_is_gone_stops_waiting() {
    let database = migrated().await;
    let mut holder = connect(&database.owner_url()).await;
    run(&mut holder, "begin; lock table _sqlx_migrations in access exclusive mode").await.unwrap();
    let url = database.owner_url();
    tokio::select! {
        ended = migrate(&url) => panic!("it did not wait: {ended:?}"),
        () = until_waiting(&database, "relation", 1) => {}
    }
    until_waiting(&database, "relation", 0).await;
}

#[tokio::test]
async fn the_owner_is_no_superuser() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let rights = "select (rolsuper, rolbypassrls)::text from pg_roles where rolname = current_user";
    assert_eq!(column(&mut owner, rights).await, ["(f,f)"]);
    let foreign = "select count(*) from pg_class where relnamespace = 'public'::regnamespace \
                   and relowner <> (select oid from pg_roles where rolname = current_user)";
    assert_eq!(number(&mut owner, foreign).await, 0);
}

#[tokio::test]
async fn several_runs_at_once_apply_each_migration_once() {
    let database = TestDatabase::create().await;
    let url = database.owner_url();
    let (a, b, c, d) = tokio::try_join!(migrate(&url), migrate(&url), migrate(&url), migrate(&url)).unwrap();
    let applied: Vec<_> = [a, b, c, d].into_iter().flat_map(|applied| applied.versions).collect();
    assert_eq!(applied, versions());
}

/// Roles belong to the cluster, where other tests use the real ones; so the same text makes roles of other
/// names.
#[tokio::test]
async fn a_role_that_another_database_is_just_making_is_waited_for() {
    let name = Uuid::new_v4().simple().to_string();
    let (other, database) = (TestDatabase::create().await, TestDatabase::create().await);
    let mut first = connect(&other.owner_url()).await;
    run(&mut first, "begin").await.unwrap();
    for role in ROLES {
        run(&mut first, &format!("create role {role}_{name} nologin")).await.unwrap();
    }
    let mut second = connect(&database.owner_url()).await;
    // As `migrate` does it: each file in a transaction of its own.
    let (roles, schema) = (with_roles_named(1, &name), with_roles_named(2, &name));
    let second = tokio::spawn(async move {
        run(&mut second, &roles).await?;
        run(&mut second, &schema).await
    });
    until_waiting(&database, "transactionid", 1).await;
    run(&mut first, "commit").await.unwrap();
    second.await.unwrap().unwrap();

    let mut superuser = connect(&database.superuser_url()).await;
    let made = format!("select count(*) from pg_roles where rolname like '%{name}' and not rolcanlogin");
    assert_eq!(number(&mut superuser, &made).await, 4);
    for role in ROLES.map(|role| format!("{role}_{name}")) {
        run(&mut superuser, &format!("drop owned by {role}; drop role {role}")).await.unwrap();
    }
}

#[tokio::test]
async fn an_owner_that_may_not_create_roles_is_told_so() {
    let name = Uuid::new_v4().simple().to_string();
    let database = TestDatabase::create().await;
    let mut superuser = connect(&database.superuser_url()).await;
    run(
        &mut superuser,
        &format!("create role owner_{name} nologin; grant create on schema public to owner_{name}"),
    )
    .await
    .unwrap();
    run(&mut superuser, &format!("set role owner_{name}")).await.unwrap();
    let error = run(&mut superuser, &with_roles_named(1, &name)).await.unwrap_err();
    let refusal = refusal(&error);
    assert_eq!(refusal.code(), "42501");
    assert_eq!(
        refusal.message(),
        format!("the role anon_{name} does not exist and owner_{name} may not create it")
    );
    assert!(refusal.hint().unwrap().contains("createrole"), "{error:?}");
    run(&mut superuser, &format!("rollback; reset role; drop owned by owner_{name}; drop role owner_{name}"))
        .await
        .unwrap();
}

/// A migration's text with every role's name ended by `name`.
fn with_roles_named(version: i64, name: &str) -> String {
    let migration = MIGRATOR.iter().find(|migration| migration.version == version).unwrap();
    ROLES
        .iter()
        .fold(migration.sql.as_str().to_owned(), |sql, role| sql.replace(role, &format!("{role}_{name}")))
}

#[tokio::test]
async fn a_login_that_does_not_own_the_database_is_told_so() {
    let database = TestDatabase::create().await;
    let error = migrate(&database.ingest_url()).await.unwrap_err();
    assert_eq!(error.code(), "permission", "{error}");
    assert!(error.to_string().contains("as the owner"), "{error}");
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, "update _sqlx_migrations set checksum = '\\x00' where version = 2").await.unwrap();
    let error = migrate(&database.owner_url()).await.unwrap_err();
    assert!(matches!(error, MigrateError::Changed { version: 2, .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                 values (9999, 'later', true, '\\x00', 0)";
    run(&mut owner, newer).await.unwrap();
    let error = migrate(&database.owner_url()).await.unwrap_err();
    assert!(matches!(error, MigrateError::Newer { version: 9999, .. }), "{error:?}");
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_database_are_refusals() {
    let database = TestDatabase::create().await;
    let elsewhere = database.owner_url() + "_missing";
    let error = migrate(&elsewhere).await.unwrap_err();
    assert_eq!(error.code(), "database_refused", "{error}");
    let error = migrate(&database.url_as("nobody_at_all")).await.unwrap_err();
    assert_eq!(error.code(), "database_refused", "{error}");
    assert!(!error.to_string().contains(local::testing::PASSWORD), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = migrate(&format!("postgres://owner:secret@{free}/events")).await.unwrap_err();
    assert_eq!(error.code(), "database_unreachable", "{error}");
    assert!(error.to_string().contains(&format!("{free}/events")), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn what_is_no_postgres_url_is_said_to_be_none() {
    let error = migrate("not a url").await.unwrap_err();
    assert_eq!(error.code(), "database_url", "{error}");
}

#[tokio::test]
async fn the_list_of_migrations_is_the_owners_alone() {
    let database = migrated().await;
    let mut superuser = connect(&database.superuser_url()).await;
    for role in ROLES {
        assert_eq!(attempt(&mut superuser, role, "select * from _sqlx_migrations").await, "42501", "{role}");
    }
}
