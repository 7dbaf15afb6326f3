//! What intake says of itself on the admin listener.

use std::sync::Arc;
use std::time::Duration;

use service::admin::Health;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::state::App;

/// Ready when Kafka and the clock are and nobody has asked to stop; alive as long as it answers.
pub struct IntakeHealth {
    app: Arc<App>,
    stop: CancellationToken,
}

impl IntakeHealth {
    /// The health of `app`, which `stop` ends.
    #[must_use]
    pub fn new(app: Arc<App>, stop: CancellationToken) -> Self {
        Self { app, stop }
    }
}

impl Health for IntakeHealth {
    fn live(&self) -> Result<(), String> {
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        if self.stop.is_cancelled() {
            return Err("intake is stopping".to_owned());
        }
        self.app.clock.now().map_err(|error| error.to_string())?;
        self.app.producer.ready()
    }
}

/// Puts readiness into the log when it changes, and into the metrics every second. Never ends.
pub async fn report(health: Arc<IntakeHealth>) {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        second.tick().await;
        let now = health.ready();
        metrics::ready(now.is_ok());
        if before.as_ref() != Some(&now) {
            match &now {
                Ok(()) => tracing::info!("ready: events are taken"),
                Err(reason) => tracing::warn!(reason, "not ready"),
            }
            before = Some(now);
        }
    }
}
