//! `/v1/event-types`: the catalogue of what happens in a project: types that were seen, what users
//! say about them, and schemas that their events keep to.

mod document;
mod view;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::document::EventTypeDocument;
pub use self::view::EventTypeView;
use super::{
    access::{Scope, needs},
    answer::Answer,
    auth::InProject,
    extract::{Body, Id, Parameters},
    finish::finish,
    page::{self, Page, parameter},
    problem::ApiResult,
    refusals::{BadParameter, Invalid, NotFound, WrongState},
    state::ApiState,
    tag::Tag,
    write::{Ended, Write, WriteResult},
};
use crate::{
    domain::{
        event::EventType,
        event_type::{CatalogueEntry, Description},
        ids::ProjectId,
    },
    store::event_types::{CatalogueFilter, Wanted},
};

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs([Scope::EventsRead], routes!(list)))
        .routes(needs([Scope::EventsRead], routes!(get)))
        .routes(needs(
            [Scope::ConfigWrite],
            routes!(replace, change, delete),
        ))
}

/// Which event types to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// How many, from 1 to 250; 50 where it is left out.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Only types that begin so.
    #[param(example = "site.deploy.")]
    prefix: Option<String>,
}

/// A page of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct Catalogue {
    #[serde(flatten)]
    page: Page<EventTypeView>,
    /// How many events were of types that are not listed, because a project has at most 10,000 that
    /// were seen.
    #[schema(example = 0)]
    uncatalogued: u64,
}

/// List event types, by their names.
///
/// A type is listed from its first event on, or once it is described.
#[utoipa::path(get, path = "/v1/event-types", tag = "event types", params(ListParameters),
    responses(
        (status = 200, description = "A page of event types.", body = Catalogue),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Catalogue>> {
    let limit = page::limit(asked.limit)?;
    let filter = CatalogueFilter {
        prefix: asked.prefix.unwrap_or_default(),
        after: parameter("cursor", asked.cursor.as_deref())?,
    };
    // One more than is shown tells whether there is a next page.
    let found = state.store.catalogue(project.id, &filter, limit + 1);
    let found = found.await?;
    let name = |entry: &CatalogueEntry| entry.event_type.clone();
    Ok(Json(Catalogue {
        page: Page::by_name(found, limit, name, EventTypeView::from),
        uncatalogued: state.store.uncatalogued(project.id).await?,
    }))
}

/// Get an event type.
#[utoipa::path(get, path = "/v1/event-types/{type}", tag = "event types",
    params(("type" = String, Path, description = "The type", example = "site.deploy.failed")),
    responses(
        (status = 200, description = "The event type.", body = EventTypeView),
        NotFound))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Id(event_type): Id<EventType>,
) -> ApiResult<(Tag, Json<EventTypeView>)> {
    let entry = state.store.catalogue_entry(project.id, &event_type).await?;
    Ok((Tag(entry.revision), Json(entry.into())))
}

/// Describe an event type.
///
/// What is left out is nothing afterwards. The type need not have been seen. With a schema and
/// `validation: enforce` every event that is accepted after the answer keeps to it; one that does not
/// is refused with 422 and the place.
#[utoipa::path(put, path = "/v1/event-types/{type}", tag = "event types",
    params(("type" = String, Path, description = "The type", example = "site.deploy.failed")),
    request_body(content = EventTypeDocument, examples(
        ("a schema that is enforced" = (value = json!({
            "description": "A deployment has failed; the site is as it was.",
            "schema": {"type": "object", "required": ["site"], "properties": {"site": {"type": "string"}}},
            "example": {"site": "seven"},
            "validation": "enforce"}))))),
    responses(
        (status = 200, description = "The event type as it is now.", body = EventTypeView),
        NotFound, Invalid, WrongState))]
async fn replace(
    State(state): State<ApiState>,
    Id(event_type): Id<EventType>,
    write: Write<Body<EventTypeDocument>>,
) -> WriteResult<Answer> {
    describe(state, event_type, Wanted::Any, write).await
}

/// Change what is said about an event type.
///
/// Only the fields that are given change; null takes one away.
#[utoipa::path(patch, path = "/v1/event-types/{type}", tag = "event types",
    params(("type" = String, Path, description = "The type", example = "site.deploy.failed")),
    request_body(content = EventTypeDocument, examples(
        ("only count what breaks the schema" = (value = json!({"validation": "warn"}))))),
    responses(
        (status = 200, description = "The event type as it is now.", body = EventTypeView),
        NotFound, Invalid, WrongState))]
async fn change(
    State(state): State<ApiState>,
    Id(event_type): Id<EventType>,
    write: Write<Body<EventTypeDocument>>,
) -> WriteResult<Answer> {
    describe(state, event_type, Wanted::Known, write).await
}

/// Forget an event type.
///
/// What is said about it, its schema and its counts are gone; its events stay. It is back with the
/// next event of it.
#[utoipa::path(delete, path = "/v1/event-types/{type}", tag = "event types",
    params(("type" = String, Path, description = "The type", example = "site.deploy.failed")),
    responses(
        (status = 204, description = "It is forgotten."),
        NotFound))]
async fn delete(
    State(state): State<ApiState>,
    Id(event_type): Id<EventType>,
    Write {
        by: InProject { project, .. },
        change,
        ..
    }: Write<()>,
) -> WriteResult<Answer> {
    finish(async move {
        let forgotten = state
            .store
            .forget_type(project.id, &event_type, &change, Answer::gone);
        let answer = forgotten.await?.answer;
        announce(&state, project.id).await;
        Ok(answer)
    })
    .await
}

/// Says about a type what a document says: all of it where the type may be any, else what is given.
async fn describe(
    state: ApiState,
    event_type: EventType,
    wanted: Wanted,
    Write {
        by: InProject { project, .. },
        change,
        body: Body(document),
    }: Write<Body<EventTypeDocument>>,
) -> WriteResult<Answer> {
    let document = document.check()?;
    finish(async move {
        let apply = |described: &mut Description| {
            if wanted == Wanted::Any {
                *described = Description::default();
            }
            document.apply(described).map_err(Ended::from)
        };
        let answer = |entry: &CatalogueEntry| {
            let answer = Answer::ok(&EventTypeView::from(entry.clone()));
            answer.map(|answer| answer.of_version(entry.revision))
        };
        let place = (project.id, &event_type);
        let described = state
            .store
            .describe_type(place, wanted, &change, apply, answer);
        let answer = described.await?.answer;
        announce(&state, project.id).await;
        Ok(answer)
    })
    .await
}

/// Lets the engine know the rules of `project` as they are now.
async fn announce(state: &ApiState, project: ProjectId) {
    if let Err(error) = state.gateway.rules_changed(project).await {
        // What was written holds all the same: whoever accepts an event compares the version of
        // the rules, and reads them again.
        tracing::warn!(%error, %project, "the new rules could not be read yet");
    }
}
