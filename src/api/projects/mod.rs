//! `/v1/projects`: the tenants, and what an operator opens for each. For operators alone.

mod openings;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::openings::{OpeningsBody, OpeningsView};
use super::{
    access::needs_operator,
    answer::Answer,
    auth::Operator,
    extract::{Body, Parameters},
    finish::finish,
    object::Object,
    page::{ListParameters, Page},
    problem::{ApiResult, Problem},
    refusals::{AlreadyExists, BadParameter, Forbidden, Invalid, NotFound},
    state::ApiState,
    tag::Tag,
    write::{Write, WriteResult},
};
use crate::{
    domain::{
        audit::Realm,
        ids::ProjectId,
        project::{Openings, Project, ProjectName},
        time::Timestamp,
    },
    store::{StoreError, audit::Audited},
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
        (status = 201, description = "The project.", body = ProjectView,
         headers(("location" = String, description = "Its path"))),
        Forbidden, AlreadyExists, Invalid))]
async fn create(
    State(state): State<ApiState>,
    Write {
        change,
        body: Body(wanted),
        ..
    }: Write<Body<NewProject>, Operator>,
) -> WriteResult<Answer> {
    let project = Project {
        id: state.ids.next(change.now),
        name: wanted.name,
        openings: wanted.openings.0.over(Openings::default())?,
        version: 1,
        created_at: change.now,
    };
    finish(async move {
        let answer = |made: &Project| {
            let path = format!("/v1/projects/{}", made.id);
            let answer = Answer::created(path, &ProjectView::of(made.clone()));
            answer.map(|answer| answer.of_version(made.version))
        };
        let made = state.store.insert_project(project, &change, answer).await?;
        open(&state, &made.now)?;
        Ok(made.answer)
    })
    .await
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
    let projects = state.store.projects(&window).await?;
    Ok(Json(Page::of(&window, projects, ProjectView::of)))
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
) -> ApiResult<(Tag, Json<ProjectView>)> {
    let project = find(&state, &called).await?;
    Ok((Tag(project.version), Json(ProjectView::of(project))))
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
    Path(called): Path<String>,
    Write {
        change,
        body: Body(wanted),
        ..
    }: Write<Body<ProjectChange>, Operator>,
) -> WriteResult<Answer> {
    let id = find(&state, &called).await?.id;
    finish(async move {
        let _turn = state.policies.turn().await;
        let apply = |before| Ok(wanted.openings.0.over(before)?);
        let answer = |changed: &Project| {
            let answer = Answer::ok(&ProjectView::of(changed.clone()));
            answer.map(|answer| answer.of_version(changed.version))
        };
        let changed = state.store.change_openings(id, &change, apply, answer);
        let changed = changed.await?;
        open(&state, &changed.now)?;
        Ok(changed.answer)
    })
    .await
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

/// What an operator does to a project is the gateway's business.
impl Audited for Project {
    fn realm(&self) -> Realm {
        Realm::Gateway
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn document(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&ProjectView::of(self.clone()))
    }
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
