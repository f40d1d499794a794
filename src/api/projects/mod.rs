//! `/v1/projects`: the tenants, and what an operator opens for each. For operators alone.

mod openings;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::openings::{OpeningsBody, OpeningsView};
use super::{
    access::needs_operator,
    auth::Operator,
    extract::{Body, Parameters},
    finish::finish,
    object::Object,
    page::{ListParameters, Page},
    problem::{ApiResult, Problem},
    refusals::{AlreadyExists, BadParameter, Forbidden, Invalid, NotFound},
    state::ApiState,
};
use crate::{
    domain::{
        ids::ProjectId,
        project::{Openings, Project, ProjectName},
        time::Timestamp,
    },
    store::StoreError,
};

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs_operator(routes!(create, list)))
        .routes(needs_operator(routes!(get, change)))
}

/// A project to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// The name by which requests call it: 1 to 63 of `a-z`, `0-9` and `-`, beginning and ending
    /// with a letter or digit. It stays.
    #[schema(value_type = String, example = "acme")]
    name: ProjectName,
    /// What is opened for it.
    #[serde(default)]
    #[schema(value_type = OpeningsBody)]
    openings: Object<OpeningsBody>,
}

/// What is to change about a project.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectChange {
    /// What is opened for it; a list that is left out stays as it is.
    #[schema(value_type = OpeningsBody)]
    openings: Object<OpeningsBody>,
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectView {
    /// Its name in Riposte.
    #[schema(value_type = String, example = "prj_01h455vb4pex5vsknk084sn02q")]
    id: ProjectId,
    /// The name by which requests call it.
    #[schema(example = "acme")]
    name: String,
    /// What an operator has opened for it.
    openings: OpeningsView,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Make a project.
#[utoipa::path(post, path = "/v1/projects", tag = "administration",
    request_body(content = NewProject, example = json!({
        "name": "acme",
        "openings": {"allow_networks": ["10.1.0.0/16"], "allow_hosts": ["*.internal"]}})),
    responses(
        (status = 201, description = "The project.", body = ProjectView),
        Forbidden, AlreadyExists, Invalid))]
async fn create(
    State(state): State<ApiState>,
    _: Operator,
    Body(wanted): Body<NewProject>,
) -> ApiResult<(StatusCode, Json<ProjectView>)> {
    let now = state.clock.now();
    let project = Project {
        id: state.ids.next(now),
        name: wanted.name,
        openings: wanted.openings.0.over(Openings::default())?,
        created_at: now,
    };
    let made = finish(async move {
        state.store.insert_project(&project).await?;
        open(&state, &project)?;
        Ok(project)
    });
    Ok((StatusCode::CREATED, Json(ProjectView::of(made.await?))))
}

/// List the projects, the newest first.
#[utoipa::path(get, path = "/v1/projects", tag = "administration", params(ListParameters),
    responses(
        (status = 200, description = "A page of projects.", body = Page<ProjectView>),
        Forbidden, BadParameter))]
async fn list(
    State(state): State<ApiState>,
    _: Operator,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<ProjectView>>> {
    let window = asked.window()?;
    let projects = state.store.projects(window.before, window.reach()).await?;
    let page = Page::of(projects, &window, |project| project.id, ProjectView::of);
    Ok(Json(page))
}

/// Get a project.
#[utoipa::path(get, path = "/v1/projects/{project}", tag = "administration",
    params(("project" = String, Path, description = "The project: its name, or `prj_…`", example = "acme")),
    responses(
        (status = 200, description = "The project.", body = ProjectView),
        Forbidden, NotFound))]
async fn get(
    State(state): State<ApiState>,
    _: Operator,
    Path(called): Path<String>,
) -> ApiResult<Json<ProjectView>> {
    Ok(Json(ProjectView::of(find(&state, &called).await?)))
}

/// Open addresses for a project, or close them again.
///
/// It holds from the next attempt on. What is left out stays as it is; an empty list closes what
/// it had opened.
#[utoipa::path(patch, path = "/v1/projects/{project}", tag = "administration",
    params(("project" = String, Path, description = "The project: its name, or `prj_…`", example = "acme")),
    request_body(content = ProjectChange, example = json!({"openings": {"allow_http": true}})),
    responses(
        (status = 200, description = "The project as it is now.", body = ProjectView),
        Forbidden, NotFound, Invalid))]
async fn change(
    State(state): State<ApiState>,
    _: Operator,
    Path(called): Path<String>,
    Body(wanted): Body<ProjectChange>,
) -> ApiResult<Json<ProjectView>> {
    let id = find(&state, &called).await?.id;
    let changed = finish(async move {
        let _turn = state.policies.turn().await;
        let change = |before| wanted.openings.0.over(before);
        let project = state.store.change_openings(id, change).await?;
        open(&state, &project)?;
        Ok(project)
    });
    Ok(Json(ProjectView::of(changed.await?)))
}

/// The project that is called so, by name or id.
async fn find(state: &ApiState, called: &str) -> Result<Project, StoreError> {
    if let Ok(id) = called.parse() {
        return state.store.project(id).await;
    }
    match ProjectName::parse(called) {
        Ok(name) => state.store.project_named(&name).await,
        Err(_) => Err(StoreError::NotFound("project")),
    }
}

/// Lets the openings of `project` hold for what is sent from now on.
fn open(state: &ApiState, project: &Project) -> ApiResult<()> {
    let set = state.policies.set(project.id, &project.openings);
    set.map_err(|error| Problem::invalid("/openings/allow_hosts", error.to_string()))
}

impl ProjectView {
    fn of(project: Project) -> Self {
        Self {
            id: project.id,
            name: project.name.into(),
            openings: OpeningsView::of(&project.openings),
            created_at: project.created_at,
        }
    }
}
