//! The REST API, version 1.

pub mod state;

use axum::{Router, routing::get};
pub use state::{ApiSettings, ApiState};

/// All routes.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .with_state(state)
}
