//! The PostgreSQL cluster, and the databases that tests get.

use std::time::Duration;

use local::postgres::{Cluster, Options};
use local::testing::{self, TestDatabase};
use sqlx::{Connection, PgConnection};

async fn scalar(url: &str, query: &'static str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn a_cluster_starts_again_on_its_data_and_port() {
    let mut cluster = Cluster::temporary(Options::durable("test-cluster-restart")).await.unwrap();
    let database = cluster.database("kept").await.unwrap();
    let port = cluster.port();
    let mut owner = PgConnection::connect(&database.owner_url).await.unwrap();
    sqlx::raw_sql("create table t (n bigint); insert into t values (1)").execute(&mut owner).await.unwrap();

    cluster.stop().await;
    assert!(PgConnection::connect(&database.owner_url).await.is_err(), "a stopped cluster answers");
    cluster.start_again().await.unwrap();
    assert_eq!(cluster.port(), port);
    assert_eq!(scalar(&database.owner_url, "select sum(n)::bigint from t").await, 1);

    let mut owner = PgConnection::connect(&database.owner_url).await.unwrap();
    sqlx::raw_sql("insert into t values (2)").execute(&mut owner).await.unwrap();
    cluster.kill9().await;
    cluster.start_again().await.unwrap();
    assert_eq!(scalar(&database.owner_url, "select sum(n)::bigint from t").await, 3);
}

#[tokio::test]
async fn what_a_fast_cluster_has_committed_survives_its_death_too() {
    let mut cluster = Cluster::temporary(Options::fast("test-cluster-crash")).await.unwrap();
    let database = cluster.database("kept").await.unwrap();
    let mut owner = PgConnection::connect(&database.owner_url).await.unwrap();
    sqlx::raw_sql("create table t (n bigint)").execute(&mut owner).await.unwrap();
    for number in 1..=20_i64 {
        sqlx::query("insert into t values ($1)").bind(number).execute(&mut owner).await.unwrap();
    }
    cluster.kill9().await;
    cluster.start_again().await.unwrap();
    assert_eq!(scalar(&database.owner_url, "select count(*) from t").await, 20);
}

#[tokio::test]
async fn a_frozen_cluster_answers_nobody_until_it_goes_on() {
    let mut cluster = Cluster::temporary(Options::fast("test-cluster-frozen")).await.unwrap();
    let url = cluster.superuser_url();
    let mut open = PgConnection::connect(&url).await.unwrap();
    cluster.pause();
    let asking = sqlx::query("select 1").execute(&mut open);
    assert!(
        tokio::time::timeout(Duration::from_millis(500), asking).await.is_err(),
        "a frozen backend answers"
    );
    cluster.resume();
    assert_eq!(scalar(&url, "select 1::bigint").await, 1);
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let cluster = Cluster::temporary(Options::fast("test-cluster-password")).await.unwrap();
    let url = format!("postgres://postgres:wrong@127.0.0.1:{}/postgres", cluster.port());
    let refusal = PgConnection::connect(&url).await.unwrap_err();
    assert!(refusal.to_string().contains("password authentication failed"), "{refusal}");
}

#[tokio::test]
async fn a_test_database_is_empty_and_owned_by_the_owner() {
    let database = TestDatabase::create().await;
    let tables = "select count(*) from information_schema.tables where table_schema = 'public'";
    assert_eq!(scalar(&database.owner_url(), tables).await, 0);
    let mut owner = PgConnection::connect(&database.owner_url()).await.unwrap();
    sqlx::raw_sql("create table t (n bigint)").execute(&mut owner).await.unwrap();
    for url in [database.consumer_url(), database.ingest_url(), database.superuser_url()] {
        assert_eq!(scalar(&url, "select 1::bigint").await, 1);
    }
}

#[tokio::test]
async fn the_logins_have_their_rights_and_no_more() {
    let database = TestDatabase::create().await;
    let rights = "select count(*) from pg_roles where not rolsuper and (rolname, rolcreaterole, rolbypassrls) in \
                  (('telemetry_owner', true, false), ('telemetry_consumer', false, true), \
                   ('telemetry_ingest', false, false))";
    assert_eq!(scalar(&database.superuser_url(), rights).await, 3);
    let members = "select (pg_has_role('telemetry_consumer', 'telemetry_writer', 'member') \
                   and pg_has_role('telemetry_ingest', 'telemetry_reader', 'member'))::int::bigint";
    assert_eq!(scalar(&database.superuser_url(), members).await, 1);
}

#[tokio::test]
async fn a_dropped_test_database_is_gone() {
    let kept = TestDatabase::create().await;
    let dropped = TestDatabase::create().await;
    let url = dropped.superuser_url();
    drop(dropped);
    assert!(PgConnection::connect(&url).await.is_err(), "the database is still there");
    assert_eq!(scalar(&kept.superuser_url(), "select 1::bigint").await, 1);
}

#[tokio::test]
#[should_panic(expected = "in vain: the moon to turn blue")]
async fn waiting_in_vain_says_for_what() {
    testing::eventually("the moon to turn blue", Duration::from_millis(50), || async { None::<()> }).await;
}

#[tokio::test]
async fn waiting_ends_with_the_first_answer() {
    let mut calls = 0;
    let answer = testing::eventually("the third call", Duration::from_secs(10), || {
        calls += 1;
        std::future::ready((calls == 3).then_some(calls))
    });
    assert_eq!(answer.await, 3);
}
