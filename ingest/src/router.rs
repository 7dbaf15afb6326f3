//! Puts the routes together: the API, its description, the web pages, and what answers everything else.
//!
//! The routes that write have no layer but CORS, and that only where origins are configured: what must happen for each
//! request (limits, metrics) is a plain call, which costs less than a layer's boxes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use schema::TRACEPARENT_HEADER;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::ApiError;
use crate::openapi;
use crate::routes::web;
use crate::state::App;

/// How long a browser may remember what CORS allows.
const PREFLIGHT_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// All routes. `origins` are those whose pages may call, `*` for any.
pub fn router(app: Arc<App>, origins: &[String]) -> Router {
    let (api, description) = openapi::api().split_for_parts();
    let description: Bytes = serde_json::to_vec(&description).expect("a description is plain data").into();
    let describe = move || async move { ([(header::CONTENT_TYPE, "application/json")], description) };
    let routes = api
        .route("/openapi.json", get(describe))
        .route("/", get(web::index))
        .route("/panel", get(web::panel))
        .method_not_allowed_fallback(other_method)
        .fallback(web::file)
        .with_state(app)
        .layer(as_declared());
    if origins.is_empty() { routes } else { routes.layer(cors(origins)) }
}

/// Axum adds the header that says which methods there are.
async fn other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    ApiError::MethodNotAllowed.into_response()
}

/// No browser may take an answer for something else than its content type says, such as a problem for a script.
fn as_declared() -> SetResponseHeaderLayer<HeaderValue> {
    let nosniff = HeaderValue::from_static("nosniff");
    SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, nosniff)
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let traceparent = HeaderName::from_static(TRACEPARENT_HEADER);
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::CONTENT_ENCODING, traceparent])
        .expose_headers([header::RETRY_AFTER])
        .max_age(PREFLIGHT_AGE)
}
