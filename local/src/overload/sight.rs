//! Looks at a service's `/livez` all the time, since an orchestrator would kill whoever is slow to say that it lives.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_millis(250);
/// What orchestrators wait by default is a second; the manifests give more.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Who looks. Dropping it leaves it looking until the runtime ends.
#[derive(Debug)]
pub struct Sight {
    looking: JoinHandle<()>,
    failures: Arc<Mutex<Vec<String>>>,
}

/// Looks at the service with this admin address.
pub fn start(admin_url: &str) -> Sight {
    let (url, failures) = (format!("{admin_url}/livez"), Arc::<Mutex<Vec<String>>>::default());
    let noted = Arc::clone(&failures);
    let looking = tokio::spawn(async move {
        let client = reqwest::Client::new();
        loop {
            let failure = match client.get(&url).timeout(TIMEOUT).send().await {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("/livez answered {}", answer.status())),
                Err(error) => Some(format!("/livez did not answer: {error}")),
            };
            noted.lock().unwrap_or_else(PoisonError::into_inner).extend(failure);
            tokio::time::sleep(EVERY).await;
        }
    });
    Sight { looking, failures }
}

impl Sight {
    /// Ends it; answers with every time it was not green.
    pub async fn stop(self) -> Vec<String> {
        self.looking.abort();
        std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
