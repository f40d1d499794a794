//! `/v1/projects`: the tenants, what an operator opens for each, and how much each may have. For
//! operators alone.

mod openings;
mod quotas;
mod removal;

use std::mem;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{
    openings::{OpeningsBody, OpeningsView},
    quotas::{QuotaView, QuotasBody, QuotasView},
    removal::RemovalView,
};
use super::{
    access::needs_operator,
    answer::Answer,
    auth::Operator,
    extract::{Body, Parameters},
    finish::finish,
    object::Object,
    page::{ListParameters, Page},
    problem::{ApiResult, Code, Problem},
    refusals::{AlreadyExists, BadParameter, Forbidden, Invalid, NotFound, WrongState},
    state::ApiState,
    tag::Tag,
    write::{Write, WriteResult},
};
use crate::{
    domain::{
        audit::Realm,
        ids::{ProjectId, default_project, platform_project},
        project::{Openings, Project, ProjectName},
        quota::Quotas,
        time::Timestamp,
    },
    store::{StoreError, audit::Audited, quotas::Usage},
};

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs_operator(routes!(create, list)))
        .routes(needs_operator(routes!(get, change)))
        .routes(needs_operator(routes!(removal::remove)))
}

/// A project to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// The name by which requests call it: 1 to 63 of `a-z`, `0-9` and `-`, beginning and ending
    /// with a letter or digit.
    #[schema(value_type = String, example = "acme")]
    name: ProjectName,
    /// What is opened for it.
    #[serde(default)]
    #[schema(value_type = OpeningsBody)]
    openings: Object<OpeningsBody>,
    /// The quotas that are its own.
    #[serde(default)]
    #[schema(value_type = QuotasBody)]
    quotas: Object<QuotasBody>,
}

/// What is to change about a project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectChange {
    /// The name by which requests are to call it; what is sent under its old one no longer reaches it.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "acme")]
    name: Option<ProjectName>,
    /// What is opened for it; a list that is left out stays as it is.
    #[serde(default)]
    #[schema(value_type = OpeningsBody)]
    openings: Object<OpeningsBody>,
    /// Its quotas; one that is left out stays as it is, and null asks for what is configured.
    #[serde(default)]
    #[schema(value_type = QuotasBody)]
    quotas: Object<QuotasBody>,
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
    /// How much it may have, and how far that is used.
    quotas: QuotasView,
    /// How far it is removed; null if it is there to stay.
    removal: Option<RemovalView>,
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
        quotas: wanted.quotas.0.over(Quotas::default())?,
        removal: None,
        created_at: change.now,
    };
    finish(async move {
        let answer = |made: &Project| {
            let path = format!("/v1/projects/{}", made.id);
            let answer = Answer::created(
                path,
                &ProjectView::of(&state, made.clone(), &Usage::default()),
            );
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
    let ids: Vec<_> = projects.entries.iter().map(|project| project.id).collect();
    let usage = state.store.usage(&ids).await?;
    let view = |project| ProjectView::of(&state, project, &usage);
    Ok(Json(Page::of(&window, projects, view)))
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
    let usage = state.store.usage(&[project.id]).await?;
    let tag = Tag(project.version);
    let mut view = ProjectView::of(&state, project, &usage);
    if let Some(removal) = &mut view.removal {
        removal.look_up(&state).await?;
    }
    Ok((tag, Json(view)))
}

/// Rename a project, open addresses for it, or limit it.
///
/// Openings hold from the next attempt on, quotas from the next request on. What is left out stays as
/// it is; an empty list closes what it had opened.
#[utoipa::path(patch, path = "/v1/projects/{project}", tag = "administration",
    params(("project" = String, Path, description = "The project: its name, or `prj_…`", example = "acme")),
    request_body(content = ProjectChange, example = json!({"openings": {"allow_http": true}})),
    responses(
        (status = 200, description = "The project as it is now.", body = ProjectView),
        Forbidden, NotFound, AlreadyExists, WrongState, Invalid))]
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
        let usage = state.store.usage(&[id]).await?;
        let apply = |project: &mut Project| Ok(wanted.apply(project)?);
        let answer = |changed: &Project| {
            let answer = Answer::ok(&ProjectView::of(&state, changed.clone(), &usage));
            answer.map(|answer| answer.of_version(changed.version))
        };
        let changed = state.store.change_project(id, &change, apply, answer);
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

impl ProjectChange {
    fn apply(self, project: &mut Project) -> ApiResult<()> {
        if project.removal.is_some() {
            let detail = "the project is being removed";
            return Err(Problem::new(Code::WrongState, detail));
        }
        if let Some(name) = self.name
            && name != project.name
        {
            if [default_project(), platform_project()].contains(&project.id) {
                let detail = "the projects default and platform keep their names";
                return Err(Problem::new(Code::WrongState, detail));
            }
            project.name = name;
        }
        project.openings = self.openings.0.over(mem::take(&mut project.openings))?;
        project.quotas = self.quotas.0.over(project.quotas)?;
        Ok(())
    }
}

/// Lets the openings of `project` hold for what is sent from now on.
fn open(state: &ApiState, project: &Project) -> ApiResult<()> {
    let set = state.policies.set(project.id, &project.openings);
    set.map_err(|error| Problem::invalid("/openings/allow_hosts", error.to_string()))
}

/// What an operator decided about a project: what it has is nobody's change.
#[derive(Serialize)]
struct Setup<'a> {
    is_removed: bool,
    id: ProjectId,
    name: &'a str,
    openings: OpeningsView,
    quotas: Quotas,
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
        to_raw_value(&Setup {
            is_removed: self.removal.is_some(),
            id: self.id,
            name: self.name.as_str(),
            openings: OpeningsView::of(&self.openings),
            quotas: self.quotas,
        })
    }
}

impl ProjectView {
    fn of(state: &ApiState, project: Project, usage: &Usage) -> Self {
        Self {
            quotas: QuotasView::of(&state.store, &project, usage),
            id: project.id,
            name: project.name.into(),
            openings: OpeningsView::of(&project.openings),
            removal: project.removal.map(RemovalView::begun),
            created_at: project.created_at,
        }
    }
}
