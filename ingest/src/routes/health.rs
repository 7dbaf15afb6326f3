//! Health on the public port, for load balancers that cannot reach the admin port.
//!
//! The same verdict as the admin port's `/readyz`, without the reason, which is nobody's business there. It needs no token.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use crate::error::ApiError;
use crate::state::App;

/// Where it is asked for.
pub const HEALTH: &str = "/healthz";

/// Answers `200` while traffic may come, and `503` while it should not.
pub async fn health(State(app): State<Arc<App>>) -> Response {
    match app.ready() {
        Ok(()) => ([(header::CACHE_CONTROL, "no-store")], "ready\n").into_response(),
        Err(_) => ApiError::NotReady.into_response(),
    }
}
