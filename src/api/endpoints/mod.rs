//! `/v1/endpoints`: where webhooks go.

mod document;
pub mod secret;
mod stats;
mod test;
mod url;
mod view;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{
    document::{EndpointDocument, EndpointWish},
    url::judge as judge_url,
    view::{ChangedEndpoint, CreatedEndpoint, EndpointView, shown},
};
use super::{
    access::{Scope, needs},
    answer::Answer,
    auth::InProject,
    extract::{Body, Id, Parameters},
    finish::finish,
    page::{Page, list_parameters, parameter},
    problem::{ApiResult, Problem},
    refusals::{BadParameter, InvalidOrUrlRefused, NotFound},
    state::ApiState,
    tag::Tag,
    write::{Write, WriteResult},
};
use crate::{
    domain::{
        endpoint::Endpoint,
        ids::{EndpointId, ProjectId},
        signature::Secret,
    },
    store::endpoints::{EndpointFilter, NewEndpoint},
};

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs([Scope::ConfigRead], routes!(list)))
        .routes(needs([Scope::ConfigRead], routes!(get)))
        .routes(needs([Scope::ConfigWrite], routes!(create)))
        .routes(needs([Scope::ConfigWrite], routes!(change, delete)))
        .routes(needs([Scope::ConfigWrite], routes!(test::test)))
        .merge(secret::routes())
        .merge(stats::routes())
}

/// Keeps secrets out of caches (RFC 9111, section 5.2.2.5).
pub const NO_STORE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

impl EndpointWish {
    /// The endpoint that is to be made, with a new secret unless one is given.
    ///
    /// # Errors
    /// If the URL is missing, or a header cannot be used.
    pub fn into_new(mut self, state: &ApiState) -> ApiResult<NewEndpoint> {
        let given = self.secret.take();
        Ok(NewEndpoint {
            id: state.ids.next(state.clock.now()),
            secret: given.unwrap_or_else(|| Secret::generate(&state.chance)),
            config: self.into_config()?,
        })
    }

    /// Judges the URL, if one is given. Gives what should be looked at.
    ///
    /// # Errors
    /// If the webhooks of `project` may not go there.
    pub async fn judge(&self, state: &ApiState, project: ProjectId) -> ApiResult<Vec<String>> {
        Ok(match &self.url {
            Some(url) => judge_url(state, project, url).await?.into_iter().collect(),
            None => Vec::new(),
        })
    }
}

/// Make an endpoint.
///
/// The answer holds the secret with which its webhooks are signed.
#[utoipa::path(post, path = "/v1/endpoints", tag = "endpoints",
    request_body(content = EndpointDocument, example = json!({
        "url": "https://hooks.acme.example/riposte",
        "name": "Acme's server",
        "retry": {"schedule": ["0s", "5s", "5m", "30m", "2h"]}})),
    responses(
        (status = 201, description = "The endpoint.", body = CreatedEndpoint,
         headers(("location" = String, description = "Its path"))),
        InvalidOrUrlRefused))]
async fn create(
    State(state): State<ApiState>,
    Write {
        by: InProject { project, .. },
        change,
        body: Body(document),
    }: Write<Body<EndpointDocument>>,
) -> WriteResult<Answer> {
    let wish = document.check()?;
    let new = wish.clone().into_new(&state)?;
    let warnings = wish.judge(&state, project.id).await?;
    let secret = shown(&new.secret);
    let answer = |made: &Endpoint| {
        let path = format!("/v1/endpoints/{}", made.id);
        let view = CreatedEndpoint {
            endpoint: made.clone().into(),
            secret,
            warnings,
        };
        let answer = Answer::created(path, &view);
        answer.map(|answer| answer.of_version(made.version).with_secrets())
    };
    let made = state
        .store
        .insert_endpoint(project.id, &new, &change, answer);
    Ok(made.await?.answer)
}

list_parameters! {
    /// Which endpoints to list.
    struct ListParameters {
        /// Only those in this state: `enabled`, `paused` or `disabled`.
        #[param(example = "disabled")]
        state: Option<String>,
        /// Only those whose name has this in it; a-z and A-Z are the same.
        #[param(example = "ci")]
        name: Option<String>,
        /// Only those whose URL has this in it; a-z and A-Z are the same.
        #[param(example = "example.com")]
        url: Option<String>,
    }
}

/// List endpoints, the newest first.
#[utoipa::path(get, path = "/v1/endpoints", tag = "endpoints", params(ListParameters),
    responses(
        (status = 200, description = "A page of endpoints.", body = Page<EndpointView>),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<EndpointView>>> {
    let window = asked.window()?;
    let filter = EndpointFilter {
        state: parameter("state", asked.state.as_deref())?,
        name: asked.name,
        url: asked.url,
    };
    let found = state.store.endpoints(project.id, &filter, &window).await?;
    Ok(Json(Page::of(&window, found, EndpointView::from)))
}

/// Get an endpoint.
#[utoipa::path(get, path = "/v1/endpoints/{id}", tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint: `end_…`")),
    responses(
        (status = 200, description = "The endpoint.", body = EndpointView),
        NotFound))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Id(id): Id<EndpointId>,
) -> ApiResult<(Tag, Json<EndpointView>)> {
    let endpoint = state.store.endpoint(project.id, id).await?;
    Ok((Tag(endpoint.version), Json(endpoint.into())))
}

/// Change an endpoint.
///
/// Only the fields that are given change; null resets one to its default. From the answer on the
/// change holds for every attempt that begins: none begins for an endpoint that is `paused` or
/// `disabled`. What waits for an endpoint goes on waiting while it is paused, and becomes a dead
/// letter when it is disabled.
#[utoipa::path(patch, path = "/v1/endpoints/{id}", tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint: `end_…`")),
    request_body(content = EndpointDocument, examples(
        ("paused" = (value = json!({"state": "paused"}))),
        ("another URL" = (value = json!({"url": "https://hooks.acme.example/v2/riposte"}))),
        ("the timeout by default" = (value = json!({"timeout": null}))))),
    responses(
        (status = 200, description = "The endpoint as it is now.", body = ChangedEndpoint),
        NotFound, InvalidOrUrlRefused))]
async fn change(
    State(state): State<ApiState>,
    Id(id): Id<EndpointId>,
    Write {
        by: InProject { project, .. },
        change,
        body: Body(document),
    }: Write<Body<EndpointDocument>>,
) -> WriteResult<Answer> {
    state.store.endpoint(project.id, id).await?;
    let wish = document.check()?;
    if wish.secret.is_some() {
        let detail = format!("a secret changes by POST /v1/endpoints/{id}/rotate-secret");
        return Err(Problem::invalid("/secret", detail).into());
    }
    let warnings = wish.judge(&state, project.id).await?;
    finish(async move {
        let apply = |config: &mut _| Ok(wish.apply(config)?);
        let answer = |changed: &Endpoint| {
            let endpoint = changed.clone().into();
            let answer = Answer::ok(&ChangedEndpoint { endpoint, warnings });
            answer.map(|answer| answer.of_version(changed.version))
        };
        let changed = state
            .store
            .change_endpoint(project.id, id, &change, apply, answer);
        let answer = changed.await?.answer;
        state.gateway.endpoint_changed(id).await;
        Ok(answer)
    })
    .await
}

/// Delete an endpoint.
///
/// What waits for it is called off; listeners that name it skip it from now on.
#[utoipa::path(delete, path = "/v1/endpoints/{id}", tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint: `end_…`")),
    responses(
        (status = 204, description = "It is deleted."),
        NotFound))]
async fn delete(
    State(state): State<ApiState>,
    Id(id): Id<EndpointId>,
    Write {
        by: InProject { project, .. },
        change,
        ..
    }: Write<()>,
) -> WriteResult<Answer> {
    finish(async move {
        let deleted = state
            .store
            .delete_endpoint(project.id, id, &change, Answer::gone);
        let answer = deleted.await?.answer;
        state.gateway.endpoint_changed(id).await;
        Ok(answer)
    })
    .await
}
