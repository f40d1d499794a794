//! The REST API, version 1: a file per resource.
//!
//! Handlers take a request apart, ask the store or the engine for one step of the domain, and
//! answer. The engine is known only by its [`Gateway`](crate::engine::Gateway).

pub mod access;
pub mod answer;
pub mod attempts;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod dead_letters;
pub mod deliveries;
pub mod endpoints;
pub mod event_types;
pub mod events;
pub mod extract;
pub mod field;
pub mod find;
mod finish;
pub mod health;
pub mod jobs;
pub mod keys;
pub mod listeners;
pub mod nodes;
pub mod object;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod projects;
pub mod reference;
pub mod refusal_log;
pub mod refusals;
pub mod retention;
pub mod state;
pub mod stats;
pub mod stream;
pub mod tag;
pub mod write;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, header},
    response::IntoResponse as _,
    routing::get,
};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::problem::{Code, Problem};
pub use self::state::{ApiSettings, ApiState};

/// All routes, ready to serve.
pub fn router(state: ApiState) -> Router {
    let request_bytes = state.settings.request_bytes;
    let (router, document) = describe();
    router
        .route("/openapi.json", get(openapi::written(&document)))
        .merge(reference::routes())
        .fallback(async |request: Request| {
            Problem::new(
                Code::NotFound,
                format!("there is nothing at {}", request.uri().path()),
            )
        })
        .method_not_allowed_fallback(async || {
            Problem::new(Code::MethodNotAllowed, "the resource has no such method")
        })
        .layer(CatchPanicLayer::custom(|_panic| {
            Problem::new(Code::Internal, "the gateway failed; its log says why").into_response()
        }))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(DefaultBodyLimit::max(request_bytes))
        .with_state(state)
}

/// The OpenAPI document that describes [`router`].
pub fn document() -> OpenApi {
    describe().1
}

fn describe() -> (Router<ApiState>, OpenApi) {
    let mut in_project = resources();
    openapi::in_project(in_project.get_openapi_mut());
    let (router, paths) = in_project.merge(of_the_gateway()).split_for_parts();
    (router, openapi::complete(paths))
}

/// What is about the gateway as a whole.
fn of_the_gateway() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(health::routes())
        .merge(projects::routes())
        .merge(backup::routes())
        .merge(nodes::routes())
        .merge(retention::routes())
}

/// What is about one project: that of the key, or the one that an operator names.
fn resources() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(attempts::routes())
        .merge(audit::routes())
        .merge(endpoints::routes())
        .merge(event_types::routes())
        .merge(events::routes())
        .merge(refusal_log::routes())
        .merge(find::routes())
        .merge(dead_letters::routes())
        .merge(deliveries::routes())
        .merge(jobs::routes())
        .merge(keys::routes())
        .merge(stats::routes())
        .merge(stream::routes())
        .merge(listeners::routes())
}
