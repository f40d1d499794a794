//! `/v1/listeners`: standing rules that say which events they wait for and what follows.

mod document;
mod reaction;
mod test;
mod view;

use axum::{Json, extract::State};
use futures_util::future::try_join_all;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::view::{ListenerView, PlacedListener};
use self::{
    document::{ListenerDocument, ListenerWish},
    reaction::ReactionWish,
};
use super::{
    access::{Scope, needs},
    answer::Answer,
    auth::InProject,
    extract::{Body, Id, Parameters},
    finish::finish,
    page::{Page, list_parameters, parameter},
    problem::ApiResult,
    refusals::{BadParameter, InvalidOrUrlRefused, NotFound},
    state::ApiState,
    tag::Tag,
    write::{Write, WriteResult},
};
use crate::{
    domain::ids::{ListenerId, ProjectId},
    store::listeners::{ListenerFilter, NewListener, Placed, WantedReaction},
};

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs([Scope::ConfigRead], routes!(list)))
        .routes(needs([Scope::ConfigRead], routes!(get)))
        .routes(needs([Scope::ConfigWrite], routes!(create)))
        .routes(needs([Scope::ConfigWrite], routes!(change, delete)))
        .routes(needs(
            [Scope::ConfigRead, Scope::EventsRead],
            routes!(test::test),
        ))
}

/// Make a listener.
///
/// It counts for every event that is accepted after the answer. A reaction may hold the URL of a
/// webhook: the endpoint is found or made, and the answer names it, with its secret if it is new.
#[utoipa::path(post, path = "/v1/listeners", tag = "listeners",
    request_body(content = ListenerDocument, examples(
        ("a webhook, registered in one request" = (value = json!({
            "name": "Tell ops when production fails",
            "on": ["site.deploy.failed"],
            "when": {"data": {"environment": ["production"]}},
            "reactions": [{"webhook": {"url": "https://hooks.acme.example/riposte"}}]}))),
        ("an event that gives rise to another" = (value = json!({
            "name": "Measure usage",
            "on": ["site.deploy.succeeded"],
            "reactions": [{"emit": {"type": "usage.measured", "subject": "{{ event.subject }}"}}]}))))),
    responses(
        (status = 201, description = "The listener.", body = PlacedListener,
         headers(("location" = String, description = "Its path"))),
        InvalidOrUrlRefused))]
async fn create(
    State(state): State<ApiState>,
    Write {
        by: InProject { project, .. },
        change,
        body: Body(document),
    }: Write<Body<ListenerDocument>>,
) -> WriteResult<Answer> {
    let wish = document.check()?;
    let config = wish.new_config()?;
    let (reactions, warnings) = prepare(&state, project.id, &wish).await?;
    finish(async move {
        let new = NewListener {
            id: state.ids.next(change.now),
            config,
            reactions: reactions.unwrap_or_default(),
        };
        let answer = |placed: &Placed| {
            let path = format!("/v1/listeners/{}", placed.listener.id);
            let view = PlacedListener::new(placed, &wish, warnings);
            let answer = Answer::created(path, &view);
            answer.map(|answer| answer.of_version(placed.version()).with_secrets())
        };
        let made = state
            .store
            .insert_listener(project.id, new, &change, answer);
        let answer = made.await?.answer;
        announce(&state, project.id).await;
        Ok(answer)
    })
    .await
}

list_parameters! {
    /// Which listeners to list.
    struct ListParameters {
        /// Only those in this state: `enabled` or `disabled`.
        #[param(example = "enabled")]
        state: Option<String>,
        /// Only those whose name has this in it; a-z and A-Z are the same.
        #[param(example = "ops")]
        name: Option<String>,
        /// Only those whose `on` an event of this type would match.
        #[param(example = "site.deploy.failed")]
        hears: Option<String>,
        /// Only those with a webhook to this endpoint.
        #[param(example = "end_01h455vb4pex5vsknk084sn02q")]
        endpoint: Option<String>,
    }
}

/// List listeners, the newest first.
#[utoipa::path(get, path = "/v1/listeners", tag = "listeners", params(ListParameters),
    responses(
        (status = 200, description = "A page of listeners.", body = Page<ListenerView>),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<ListenerView>>> {
    let window = asked.window()?;
    let filter = ListenerFilter {
        state: parameter("state", asked.state.as_deref())?,
        name: asked.name,
        hears: parameter("hears", asked.hears.as_deref())?,
        endpoint: parameter("endpoint", asked.endpoint.as_deref())?,
    };
    let found = state.store.listeners(project.id, &filter, &window).await?;
    Ok(Json(Page::of(&window, found, ListenerView::from)))
}

/// Get a listener.
#[utoipa::path(get, path = "/v1/listeners/{id}", tag = "listeners",
    params(("id" = String, Path, description = "The listener: `lis_…`")),
    responses(
        (status = 200, description = "The listener.", body = ListenerView),
        NotFound))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Id(id): Id<ListenerId>,
) -> ApiResult<(Tag, Json<ListenerView>)> {
    let listener = state.store.listener(project.id, id).await?;
    Ok((Tag(listener.revision.into()), Json(listener.into())))
}

/// Change a listener.
///
/// Only the fields that are given change; null resets one to its default, and `reactions` are
/// replaced as a whole. The change makes a new revision, which counts for every event that is
/// accepted after the answer.
#[utoipa::path(patch, path = "/v1/listeners/{id}", tag = "listeners",
    params(("id" = String, Path, description = "The listener: `lis_…`")),
    request_body(content = ListenerDocument, examples(
        ("other events" = (value = json!({"on": ["site.deploy.failed", "site.deploy.cancelled"]}))),
        ("not for now" = (value = json!({"state": "disabled"}))),
        ("every content" = (value = json!({"when": null}))))),
    responses(
        (status = 200, description = "The listener as it is now.", body = PlacedListener),
        NotFound, InvalidOrUrlRefused))]
async fn change(
    State(state): State<ApiState>,
    Id(id): Id<ListenerId>,
    Write {
        by: InProject { project, .. },
        change,
        body: Body(document),
    }: Write<Body<ListenerDocument>>,
) -> WriteResult<Answer> {
    state.store.listener(project.id, id).await?;
    let wish = document.check()?;
    let (reactions, warnings) = prepare(&state, project.id, &wish).await?;
    finish(async move {
        let apply = |config: &mut _| wish.apply(config);
        let answer = |placed: &Placed| {
            let answer = Answer::ok(&PlacedListener::new(placed, &wish, warnings));
            answer.map(|answer| answer.of_version(placed.version()).with_secrets())
        };
        let changed = state
            .store
            .change_listener(project.id, id, reactions, &change, apply, answer);
        let answer = changed.await?.answer;
        announce(&state, project.id).await;
        Ok(answer)
    })
    .await
}

/// Delete a listener.
///
/// It hears no event that is accepted after the answer; what it has triggered goes on.
#[utoipa::path(delete, path = "/v1/listeners/{id}", tag = "listeners",
    params(("id" = String, Path, description = "The listener: `lis_…`")),
    responses(
        (status = 204, description = "It is deleted."),
        NotFound))]
async fn delete(
    State(state): State<ApiState>,
    Id(id): Id<ListenerId>,
    Write {
        by: InProject { project, .. },
        change,
        ..
    }: Write<()>,
) -> WriteResult<Answer> {
    finish(async move {
        let deleted = state
            .store
            .delete_listener(project.id, id, &change, Answer::gone);
        let answer = deleted.await?.answer;
        announce(&state, project.id).await;
        Ok(answer)
    })
    .await
}

/// What the store is asked for and what should be looked at, once every URL is judged.
async fn prepare(
    state: &ApiState,
    project: ProjectId,
    wish: &ListenerWish,
) -> ApiResult<(Option<Vec<WantedReaction>>, Vec<String>)> {
    let Some(reactions) = &wish.reactions else {
        return Ok((None, Vec::new()));
    };
    let prepared = reactions.iter().enumerate().map(async |(index, reaction)| {
        let prepared = prepare_reaction(state, project, reaction).await;
        prepared.map_err(|problem| problem.below(&format!("/reactions/{index}")))
    });
    // Name servers are asked for all of them at once.
    let prepared = try_join_all(prepared).await?;
    let (wanted, warnings): (_, Vec<_>) = prepared.into_iter().unzip();
    Ok((Some(wanted), warnings.concat()))
}

async fn prepare_reaction(
    state: &ApiState,
    project: ProjectId,
    reaction: &ReactionWish,
) -> ApiResult<(WantedReaction, Vec<String>)> {
    let wanted = reaction.wanted(state)?;
    let warnings = match reaction {
        ReactionWish::Ready(_) => Vec::new(),
        ReactionWish::ByUrl(wish) => {
            let judged = wish.judge(state, project).await;
            judged.map_err(|problem| problem.below("/webhook"))?
        }
    };
    Ok((wanted, warnings))
}

/// Lets the engine know the listeners of `project` as they are now.
async fn announce(state: &ApiState, project: ProjectId) {
    if let Err(error) = state.gateway.rules_changed(project).await {
        // What was written holds all the same: whoever accepts an event compares the version of
        // the rules, and reads them again.
        tracing::warn!(%error, %project, "the new rules could not be read yet");
    }
}
