//! Projects: the tenants.

use sqlx::sqlite::SqliteRow;

use super::{
    Connection, Store, StoreError, StoreResult,
    columns::{Columns as _, to_json},
};
use crate::domain::{
    ids::ProjectId,
    project::{Openings, Project, ProjectName},
};

impl Store {
    /// Makes a project.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is one of that name.
    pub async fn insert_project(&self, project: &Project) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        let inserted = sqlx::query(
            "INSERT INTO projects (id, name, openings_json, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(project.id.to_string())
        .bind(project.name.as_str())
        .bind(to_json(&project.openings)?)
        .bind(project.created_at.as_millis())
        .execute(&mut *transaction)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(StoreError::Exists("project"));
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Opens addresses for a project, or closes them again: `change` is given what is open, and
    /// nobody else changes it meanwhile.
    ///
    /// # Errors
    /// What `change` refuses; [`StoreError::NotFound`] if there is no such project.
    pub async fn change_openings<E: From<StoreError>>(
        &self,
        id: ProjectId,
        change: impl FnOnce(Openings) -> Result<Openings, E>,
    ) -> Result<Project, E> {
        let mut transaction = self.write().await?;
        let before = find(&mut transaction, id).await?;
        let openings = change(before.openings)?;
        sqlx::query("UPDATE projects SET openings_json = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(to_json(&openings)?)
            .execute(&mut *transaction)
            .await
            .map_err(StoreError::from)?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(Project { openings, ..before })
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
        let row = sqlx::query("SELECT * FROM projects WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(&mut *connection)
            .await?;
        project(&row.ok_or(StoreError::NotFound("project"))?)
    }

    /// Up to `limit` projects, the newest first, from before `before` on.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn projects(
        &self,
        before: Option<ProjectId>,
        limit: u32,
    ) -> StoreResult<Vec<Project>> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT * FROM projects WHERE ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2",
        )
        .bind(before.map(|before| before.to_string()))
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(project).collect()
    }

    /// The projects for which an operator has opened something.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn opened_projects(&self) -> StoreResult<Vec<Project>> {
        let mut connection = self.read().await?;
        let rows = sqlx::query("SELECT * FROM projects WHERE openings_json <> '{}'")
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(project).collect()
    }
}

async fn find(connection: &mut Connection, id: ProjectId) -> StoreResult<Project> {
    let row = sqlx::query("SELECT * FROM projects WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    project(&row.ok_or(StoreError::NotFound("project"))?)
}

pub(super) fn project(row: &SqliteRow) -> StoreResult<Project> {
    Ok(Project {
        id: row.parsed("id")?,
        name: ProjectName::parse(row.text("name")?)
            .map_err(|error| super::columns::unreadable("name", error))?,
        openings: row.json::<Openings>("openings_json")?,
        created_at: row.time("created_at")?,
    })
}
