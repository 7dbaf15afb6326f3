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
use http::{HeaderValue, Method, StatusCode, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, AllowPrivateNetwork, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::ApiError;
use crate::openapi;
use crate::origins::Origins;
use crate::routes::{health, web};
use crate::state::App;

/// How long a browser may remember what CORS allows.
const PREFLIGHT_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// All routes. `origins` are those whose pages may call.
pub fn router(app: Arc<App>, origins: Origins) -> Router {
    let (api, description) = openapi::api().split_for_parts();
    let description: Bytes = serde_json::to_vec(&description).expect("a description is plain data").into();
    let describe = move || async move { ([(header::CONTENT_TYPE, "application/json")], description) };
    let routes = api
        .route("/openapi.json", get(describe))
        .route(health::HEALTH, get(health::health))
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

/// Allows a page of an allowed origin every header that it asks for: tracing tools and host applications add their own to
/// each request, none of them is read here, and a browser drops the whole request when one is not allowed. The same holds
/// for a page on the internet that calls an ingest in a private network. No cookies: nothing here reads them.
fn cors(origins: Origins) -> CorsLayer {
    let origins = Arc::new(origins);
    let allowed = Arc::clone(&origins);
    let allow_origin = match origins.is_any() {
        true => AllowOrigin::any(),
        false => AllowOrigin::predicate(move |origin, _| allowed.allow(origin.as_bytes())),
    };
    CorsLayer::new()
        .allow_origin(allow_origin)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .allow_private_network(AllowPrivateNetwork::predicate(move |origin, _| {
            origins.allow(origin.as_bytes())
        }))
        .expose_headers([header::RETRY_AFTER])
        .max_age(PREFLIGHT_AGE)
}
