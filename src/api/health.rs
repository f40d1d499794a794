//! Whether the gateway is alive, and whether it can work.

use std::time::Duration;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::{ApiResult, Code, Problem},
    refusals::Unavailable,
    state::ApiState,
};

/// How long the store has to answer.
const CHECKED_WITHIN: Duration = Duration::from_secs(5);

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(alive))
        .routes(routes!(ready))
}

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Whether the process is alive.
///
/// Answers as long as the process does. No key is needed.
#[utoipa::path(get, path = "/healthz", tag = "operation", security(()),
    responses((status = 200, description = "It is.", body = Health)))]
async fn alive() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the gateway can take events now.
///
/// The store is writable, the engine is running and it is not about to stop. No key is needed.
#[utoipa::path(get, path = "/readyz", tag = "operation", security(()),
    responses(
        (status = 200, description = "It can.", body = Health),
        Unavailable))]
async fn ready(State(state): State<ApiState>) -> ApiResult<Json<Health>> {
    if state.stopping.is_cancelled() {
        return Err(Problem::new(Code::Unavailable, "the gateway is stopping"));
    }
    if !state.gateway.is_running() {
        return Err(Problem::new(Code::Unavailable, "the engine has stopped"));
    }
    let checked = state
        .clock
        .timeout(CHECKED_WITHIN, state.store.check_writable());
    checked
        .await
        .ok_or_else(|| Problem::new(Code::Unavailable, "the store has not answered in time"))??;
    Ok(Json(Health { status: "ok" }))
}
