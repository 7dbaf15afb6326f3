//! What intake says of itself on the admin listener.

use std::sync::Arc;
use std::time::Duration;

use service::admin::Health;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::metrics;
use crate::state::App;

/// Ready as [`App::ready`] says; alive as long as it answers.
pub struct IntakeHealth {
    app: Arc<App>,
}

impl IntakeHealth {
    /// The health of `app`.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Health for IntakeHealth {
    fn live(&self) -> Result<(), String> {
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        self.app.ready()
    }
}

/// Logs readiness when it changes, and, where events are taken, records it in the metrics every second. Never ends. The
/// first look is a second after the start, because no connection can be up at once.
pub async fn report(health: Arc<IntakeHealth>) {
    const PERIOD: Duration = Duration::from_secs(1);
    let mut second = interval_at(Instant::now() + PERIOD, PERIOD);
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        second.tick().await;
        let now = health.ready();
        if health.app.producer.is_some() {
            metrics::ready(now.is_ok());
        }
        if before.as_ref() != Some(&now) {
            match &now {
                Ok(()) => tracing::info!("ready"),
                Err(reason) => tracing::warn!(reason, "not ready"),
            }
            before = Some(now);
        }
    }
}
