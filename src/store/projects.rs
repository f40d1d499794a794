//! Projects: the tenants.

use serde::Serialize;

use super::{
    Connection, Store, StoreError, StoreResult,
    audit::Entry,
    change::{Change, Done},
    list::{Index, Query, Scope, Table},
    sql::{Row, query, to_json, unreadable},
};
use crate::domain::{
    audit::{Action, Realm},
    ids::ProjectId,
    list::{Listed, Window},
    project::{Openings, Project, ProjectName},
};

/// All projects.
static PROJECTS: Table = Table {
    name: "projects",
    alias: "p",
    id: "id",
    owner: "id",
    columns: "p.*",
    join: "",
    always: None,
    all: Index {
        name: None,
        column: None,
        scope: Scope::Nobody,
        except: None,
    },
    all_values: &[],
    indexes: &[],
};

impl Store {
    /// Makes a project.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::Exists`] if there is one of that name.
    pub async fn insert_project<A: Serialize, E: From<StoreError>>(
        &self,
        project: Project,
        change: &Change,
        answer: impl FnOnce(&Project) -> Result<A, E>,
    ) -> Result<Done<Project, A>, E> {
        let mut writing = self.begin(Realm::Gateway, change).await?;
        insert(&mut writing, &project).await?;
        let entry = Entry::made(Action::ProjectCreated, &project)?;
        writing.note(entry).await?;
        writing.finish(project, answer).await
    }

    /// Changes the name, the openings and the quotas of a project: `apply` is given the project, and
    /// nobody else changes it meanwhile. What comes out as it went in is not written.
    ///
    /// # Errors
    /// What `apply` and `answer` refuse, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if there is no such project, [`StoreError::Exists`] if there is
    /// another one of its new name.
    pub async fn change_project<A: Serialize, E: From<StoreError>>(
        &self,
        id: ProjectId,
        change: &Change,
        apply: impl FnOnce(&mut Project) -> Result<(), E>,
        answer: impl FnOnce(&Project) -> Result<A, E>,
    ) -> Result<Done<Project, A>, E> {
        let mut writing = self.begin(Realm::Gateway, change).await?;
        let before = find(&mut writing, id).await?;
        change.if_match.check(before.version)?;
        let mut wanted = before.clone();
        apply(&mut wanted)?;
        if wanted == before {
            return writing.finish(before, answer).await;
        }
        update(&mut writing, &wanted).await?;
        let after = find(&mut writing, id).await?;
        let entry = Entry::changed(Action::ProjectChanged, &before, &after)?;
        writing.note(entry).await?;
        writing.finish(after, answer).await
    }

    /// The project called `id`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub async fn project(&self, id: ProjectId) -> StoreResult<Project> {
        let mut connection = self.read().await?;
        find(&mut connection, id).await
    }

    /// The project of this name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub async fn project_named(&self, name: &ProjectName) -> StoreResult<Project> {
        let mut connection = self.read().await?;
        let row = query("SELECT * FROM projects WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(&mut connection)
            .await?;
        project(&row.ok_or(StoreError::NotFound("project"))?)
    }

    /// The projects.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn projects(
        &self,
        window: &Window<ProjectId>,
    ) -> StoreResult<Listed<Project, ProjectId>> {
        let mut snapshot = self.browse().await?;
        let read = |row: &Row| project(row).map(Some);
        let query = listed();
        query.list(&mut snapshot, window, read).await
    }

    /// The projects for which an operator has opened something.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn opened_projects(&self) -> StoreResult<Vec<Project>> {
        let mut connection = self.read().await?;
        let rows = query("SELECT * FROM projects WHERE openings_json <> '{}'")
            .fetch_all(&mut connection)
            .await?;
        rows.iter().map(project).collect()
    }
}

async fn insert(connection: &mut Connection, project: &Project) -> StoreResult<()> {
    let inserted = query(
        "INSERT INTO projects (id, name, openings_json, quotas_json, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(project.id.to_string())
    .bind(project.name.as_str())
    .bind(to_json(&project.openings)?)
    .bind(to_json(&project.quotas)?)
    .bind(project.created_at.as_millis())
    .execute(connection)
    .await?;
    match inserted {
        0 => Err(StoreError::Exists("project")),
        _ => Ok(()),
    }
}

async fn update(connection: &mut Connection, project: &Project) -> StoreResult<()> {
    let updated = query(
        "UPDATE projects SET name = $2, openings_json = $3, quotas_json = $4, version = version + 1
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM projects WHERE name = $2 AND id <> $1)",
    )
    .bind(project.id.to_string())
    .bind(project.name.as_str())
    .bind(to_json(&project.openings)?)
    .bind(to_json(&project.quotas)?)
    .execute(connection)
    .await?;
    match updated {
        0 => Err(StoreError::Exists("project")),
        _ => Ok(()),
    }
}

/// What is asked for the projects.
pub(super) fn listed() -> Query {
    Query::of_all(&PROJECTS)
}

pub(super) async fn find(connection: &mut Connection, id: ProjectId) -> StoreResult<Project> {
    let row = query("SELECT * FROM projects WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    project(&row.ok_or(StoreError::NotFound("project"))?)
}

pub(super) fn project(row: &Row) -> StoreResult<Project> {
    Ok(Project {
        id: row.parsed("id")?,
        name: ProjectName::parse(row.text("name")?).map_err(|error| unreadable("name", error))?,
        openings: row.json::<Openings>("openings_json")?,
        version: row.number("version")?,
        quotas: row.json("quotas_json")?,
        removal: row.parsed_opt("removal_job_id")?,
        created_at: row.time("created_at")?,
    })
}
