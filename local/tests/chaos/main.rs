//! The trials, short: the long ones are `make chaos` and `make overload`.
//!
//! One after the other, since each wants the machine's two cores for itself.

use std::time::Duration;

use local::chaos::fault::Kind;
use local::chaos::run::{self, Plan};
use local::chaos::{repeat, run::Report};
use local::config::OverloadArgs;
use local::console::say;
use local::overload;
use local::stack::BrokerChoice;
use local::testing::{bootstrap_servers, broker_is_apache};
use tokio::sync::Mutex;

static MACHINE: Mutex<()> = Mutex::const_new(());

/// `local test` says in its last lines that these tests were not made when the broker is the embedded one.
fn without_apache() -> bool {
    !broker_is_apache()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_one_fault_of_each_kind_every_accepted_event_is_stored_once_and_nothing_else_is() {
    if without_apache() {
        return;
    }
    let _machine = MACHINE.lock().await;
    let plan = Plan {
        seed: 1,
        nodes: 1,
        faults: Kind::ALL.len(),
        longest: Duration::from_secs(4),
        rest: Duration::from_secs(1),
        name: "test-chaos-".to_owned(),
    };
    say(repeat(&plan));
    let Report { breaches, counts, .. } = run::run(&plan, say).await.unwrap();
    assert!(breaches.is_empty(), "{breaches:#?}\nagain: {}", repeat(&plan));
    assert!(counts.acknowledged > 3_000, "that was no load: {counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_too_much_is_shed_and_a_consumer_that_is_far_behind_catches_up_without_growing() {
    if without_apache() {
        return;
    }
    let _machine = MACHINE.lock().await;
    let much = OverloadArgs { seconds: 20, slow_connections: 5_000, large_bodies: 500, backlog: 50_000 };
    let broker = BrokerChoice::Existing(bootstrap_servers());
    let breaches = overload::run(broker, &much, say).await.unwrap();
    assert!(breaches.is_empty(), "{breaches:#?}");
}
