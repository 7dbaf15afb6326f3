//! The web pages, when a folder with them is given. Knows nothing of their contents but that the panel has a page.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use crate::error::ApiError;
use crate::state::App;

/// Answers `/panel`.
pub async fn panel(State(app): State<Arc<App>>, request: Request) -> Response {
    let Some(folder) = &app.web_dir else { return ApiError::NoWebPages.into_response() };
    let Ok(response) = ServeFile::new(folder.join("panel.html")).oneshot(request).await;
    found(response.map(Body::new))
}

/// Answers `/`.
pub async fn index(State(app): State<Arc<App>>, request: Request) -> Response {
    if app.web_dir.is_none() {
        return ApiError::NoWebPages.into_response();
    }
    file(State(app), request).await
}

/// Answers every path that no route has: with a file of the pages, or not at all.
pub async fn file(State(app): State<Arc<App>>, request: Request) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match &app.web_dir {
        Some(folder) if reads && !request.uri().path().starts_with("/api/") => {
            let Ok(response) = ServeDir::new(folder).oneshot(request).await;
            found(response.map(Body::new))
        }
        _ => ApiError::NotFound.into_response(),
    }
}

fn found(response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND { ApiError::NotFound.into_response() } else { response }
}
