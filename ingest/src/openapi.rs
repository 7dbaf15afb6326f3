//! The description of the API, made from the handlers: what `/openapi.json` answers, and what the web client's types are
//! generated from.

use schema::{EventType, Stage};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Problem;
use crate::routes::{events, stats};
use crate::state::App;

/// JSON that is sent as plain text, which a page may do across origins without asking first.
#[derive(ToSchema)]
#[schema(content_media_type = "application/json")]
#[expect(dead_code, reason = "it only describes such a body, which is read as any other")]
pub struct JsonText(String);

/// How a request to write can fail, for the description.
#[derive(IntoResponses)]
pub enum WriteProblems {
    /// The body is not JSON in UTF-8, does not unpack, or broke off; or a parameter is not known.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// Write keys are configured and none was sent.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(Problem),
    /// The body, the batch or an event is too large; send fewer events at once.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The content type or encoding is none of those understood.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Problem),
    /// Well-formed but invalid: `errors` or `rejected` names every fault.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Problem),
    /// The client sends too many requests.
    #[response(status = 429, content_type = "application/problem+json",
        headers(("Retry-After" = u64, description = "Seconds to wait.")))]
    TooManyRequests(Problem),
    /// The events are not safe; send them again with the same ids.
    #[response(status = 503, content_type = "application/problem+json",
        headers(("Retry-After" = u64, description = "Seconds to wait.")))]
    Unavailable(Problem),
}

/// How a request to read can fail, for the description.
#[derive(IntoResponses)]
pub enum ReadProblems {
    /// A parameter is not known, or has a value that is not allowed: `errors` lists what is.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// A read token is configured and was not sent.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The client sends too many requests.
    #[response(status = 429, content_type = "application/problem+json",
        headers(("Retry-After" = u64, description = "Seconds to wait.")))]
    TooManyRequests(Problem),
    /// The statistics are not available at the moment.
    #[response(status = 503, content_type = "application/problem+json",
        headers(("Retry-After" = u64, description = "Seconds to wait.")))]
    Unavailable(Problem),
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Prompt Telemetry",
        description = "Takes events about suggested prompts, and tells which prompts work.\n\n\
            A prompt's id is 1 to 256 Unicode code points, compared one by one. So ids that look alike (a letter composed \
            or decomposed, an invisible character in one of them) are different prompts; `search` finds them all. In a path \
            an id is percent-encoded, slashes included. Where a proxy decodes paths, use the route that takes `?id=`.\n\n\
            A slash at the end of a path does not matter. A parameter that is not known is refused with `400` and the list \
            of those that are, on every route, so that none is ever ignored.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "events", description = "Report what happened to prompts."),
        (name = "statistics", description = "Ask how prompts perform."),
    ),
    components(schemas(EventType, Stage, Problem)),
)]
struct Description;

/// The calls of the API, with their description.
pub(crate) fn api() -> OpenApiRouter<std::sync::Arc<App>> {
    let mut description = Description::openapi();
    let components = description.components.get_or_insert_default();
    let bearer = || HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    components.add_security_scheme(
        "writeKey",
        SecurityScheme::Http(
            bearer()
                .description(Some(
                    "A write key, where intake is configured with any; `?key=` carries it too.",
                ))
                .build(),
        ),
    );
    components.add_security_scheme(
        "readToken",
        SecurityScheme::Http(
            bearer().description(Some("The read token, where intake is configured with one.")).build(),
        ),
    );
    OpenApiRouter::with_openapi(description)
        .routes(routes!(events::submit_event))
        .routes(routes!(events::submit_batch))
        .routes(routes!(stats::get_prompt_stats))
        .routes(routes!(stats::get_prompt_stats_by_id))
        .routes(routes!(stats::list_prompt_performance))
}

/// The description.
#[must_use]
pub fn document() -> OpenApi {
    api().split_for_parts().1
}
