//! What intake says of itself on the admin listener.

use std::sync::Arc;

use service::admin::Health;
use tokio_util::sync::CancellationToken;

use crate::state::App;

/// Ready when Kafka is and nobody has asked to stop; alive as long as it answers.
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
        self.app.producer.ready()
    }
}
