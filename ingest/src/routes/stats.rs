//! The calls that answer with aggregates. They need Postgres; nothing else of intake does.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use schema::{PromptStats, PromptStatsPage};

use crate::error::ApiError;
use crate::openapi::ReadProblems;
use crate::queries;
use crate::reads::ReadError;
use crate::routes::parameters::Parameters;
pub use crate::routes::stats::parameters::{ListParameters, SliceParameters};
use crate::state::App;

mod parameters;

/// The numbers of one prompt.
pub const STATS: &str = "/api/telemetry/prompt/{id}/stats";
/// The same, for ids that a proxy would not leave alone in a path.
pub const STATS_BY_ID: &str = "/api/telemetry/prompt/stats";
/// The list of prompts.
pub const PERFORMANCE: &str = "/api/telemetry/prompts/performance";

/// How one prompt performs.
///
/// A prompt without events has zeros and nulls. With `lens` or `stage` only the events of that slice count.
#[utoipa::path(
    get,
    path = STATS,
    operation_id = "getPromptStats",
    tag = "statistics",
    params(
        ("id" = String, Path, description = "The prompt; not `.` or `..`.", max_length = 256, pattern = "^([^\\u0000]*[^.\\u0000][^\\u0000]*|[.]{3,256})$"),
        SliceParameters,
    ),
    responses((status = 200, description = "The numbers.", body = PromptStats), ReadProblems),
    security((), ("readToken" = [])),
)]
pub async fn get_prompt_stats(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<PromptStats>, ApiError> {
    admit(&app, &request)?;
    let mut parameters = Parameters::of(request.uri());
    let id = parameters.checked_prompt_id(id.ok().map(|Path(id)| id));
    answer(&app, id, parameters).await
}

/// How one prompt performs, by an id in the query.
///
/// As the call with the id in its path, for ids with a slash behind a proxy that decodes paths.
#[utoipa::path(
    get,
    path = STATS_BY_ID,
    operation_id = "getPromptStatsById",
    tag = "statistics",
    params(
        ("id" = String, Query, description = "The prompt; not `.` or `..`.", min_length = 1, max_length = 256, pattern = "^([^\\u0000]*[^.\\u0000][^\\u0000]*|[.]{3,256})$"),
        SliceParameters,
    ),
    responses((status = 200, description = "The numbers.", body = PromptStats), ReadProblems),
    security((), ("readToken" = [])),
)]
pub async fn get_prompt_stats_by_id(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<PromptStats>, ApiError> {
    admit(&app, &request)?;
    let mut parameters = Parameters::of(request.uri());
    let id = parameters.prompt_id();
    answer(&app, id, parameters).await
}

async fn answer(app: &App, id: String, mut parameters: Parameters) -> Result<Json<PromptStats>, ApiError> {
    let slice = parameters.slice();
    parameters.verdict()?;
    Ok(Json(queries::stats(app.reads()?, &id, &slice).await?))
}

/// Lists prompts with their performance.
///
/// A prompt is listed once it has any event in the slice. Ties are ordered by prompt id; nulls come last either way.
#[utoipa::path(
    get,
    path = PERFORMANCE,
    operation_id = "listPromptPerformance",
    tag = "statistics",
    params(ListParameters, SliceParameters),
    responses((status = 200, description = "A page of prompts.", body = PromptStatsPage), ReadProblems),
    security((), ("readToken" = [])),
)]
pub async fn list_prompt_performance(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<PromptStatsPage>, ApiError> {
    admit(&app, &request)?;
    let mut parameters = Parameters::of(request.uri());
    let listing = parameters.listing();
    parameters.verdict()?;
    Ok(Json(queries::page(app.reads()?, &listing).await?))
}

fn admit(app: &App, request: &Request) -> Result<(), ApiError> {
    app.take_turn(request)?;
    app.access.reader(request.headers())
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Full => Self::TooManyReads,
            ReadError::Late | ReadError::Failed => Self::ReadsUnavailable,
        }
    }
}
