//! The web pages, when a folder with them is given, and what a browser may do with them. Knows nothing of their contents
//! but that the panel has a page.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use crate::error::ApiError;
use crate::state::App;

/// What goes with every file of the pages. They come from here and talk to here, whatever is written into them; nobody may
/// frame them, and the address of the panel, which holds its filters, is told to nobody. Styles may stand in a page as far
/// as the page's own policy lets them, which is in its `meta` element; the browser holds a page to both.
const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

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

fn found(mut response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND {
        return ApiError::NotFound.into_response();
    }
    let headers =
        HEADERS.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    response.headers_mut().extend(headers);
    response
}
