//! The two calls that answer with aggregates. They need Postgres; nothing else of intake does.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use schema::{PromptStats, PromptStatsPage};
use sqlx::PgPool;

use crate::error::ApiError;
use crate::openapi::ReadProblems;
use crate::queries;
use crate::routes::stats::parameters::Parameters;
pub use crate::routes::stats::parameters::{ListParameters, SliceParameters};
use crate::state::App;

mod parameters;

/// The numbers of one prompt.
pub const STATS: &str = "/api/telemetry/prompt/{id}/stats";
/// The list of prompts.
pub const PERFORMANCE: &str = "/api/telemetry/prompts/performance";

/// Tells how one prompt performs.
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
    let id = parameters.prompt_id(id.ok().map(|Path(id)| id));
    let slice = parameters.slice();
    parameters.verdict()?;
    let pool = pool(&app)?;
    let _place = app.enter()?;
    in_time(&app, queries::stats(pool, &id, &slice)).await.map(Json)
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
    let pool = pool(&app)?;
    let _place = app.enter()?;
    in_time(&app, queries::page(pool, &listing)).await.map(Json)
}

fn admit(app: &App, request: &Request) -> Result<(), ApiError> {
    app.take_turn(request)?;
    app.access.reader(request.headers())
}

fn pool(app: &App) -> Result<&PgPool, ApiError> {
    app.reads.as_ref().ok_or(ApiError::ReadsNotConfigured)
}

/// The database's own time limit does not hold when its machine hangs.
async fn in_time<T>(app: &App, answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, ApiError> {
    match tokio::time::timeout(app.database_timeout(), answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database did not answer a question");
            Err(ApiError::ReadsUnavailable)
        }
        Err(_) => {
            tracing::warn!("the database did not answer a question in time");
            Err(ApiError::ReadsUnavailable)
        }
    }
}
