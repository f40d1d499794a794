//! Listeners: every change makes a new revision and a new version of the project's rules.
//!
//! What the engine reads of them stands in [`rules`](super::rules).

mod list;
mod reactions;

use serde::Serialize;

use self::reactions::note_made;
pub use self::{
    list::ListenerFilter,
    reactions::{ByUrl, WantedReaction},
};
use super::{
    Connection, Store, StoreError, StoreResult,
    audit::Entry,
    change::{Change, Done},
    counters::{Counter, Deltas},
    rules,
    sql::{Row, query, to_json},
};
use crate::domain::{
    audit::Action,
    ids::{ListenerId, ProjectId},
    listener::{Listener, ListenerConfig},
    quota::Quota,
    time::Timestamp,
};

/// A listener that is to be made.
#[derive(Debug)]
pub struct NewListener {
    /// Its name.
    pub id: ListenerId,
    /// What users decide, but for its reactions.
    pub config: ListenerConfig,
    /// Its reactions.
    pub reactions: Vec<WantedReaction>,
}

/// A listener, and the endpoints that its reactions asked for by their URL.
#[derive(Debug)]
pub struct Placed {
    /// The listener as it is now.
    pub listener: Listener,
    /// The endpoints, in the order of the reactions.
    pub by_url: Vec<ByUrl>,
}

/// The state of the revision that ends a listener.
pub(super) const DELETED: &str = "deleted";

impl Store {
    /// Makes a listener, with the endpoints that its reactions ask for by their URL.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::UnknownEndpoint`] if a reaction names an endpoint that the project does not
    /// have.
    pub async fn insert_listener<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        new: NewListener,
        change: &Change,
        answer: impl FnOnce(&Placed) -> Result<A, E>,
    ) -> Result<Done<Placed, A>, E> {
        let mut writing = self.begin(project, change).await?;
        self.check_quota(&mut writing, project, Quota::Listeners, change.now)
            .await?;
        let NewListener {
            id,
            mut config,
            reactions,
        } = new;
        let by_url;
        (config.reactions, by_url) = self
            .resolve(&mut writing, project, reactions, change.now)
            .await?;
        let listener = Listener {
            id,
            project,
            revision: 1,
            config,
            created_at: change.now,
            updated_at: change.now,
        };
        let state = listener.config.state.as_str();
        add_revision(&mut writing, &listener, state).await?;
        count(&mut writing, project, 1).await?;
        note_made(&mut writing, &by_url).await?;
        let entry = Entry::made(Action::ListenerCreated, &listener)?;
        writing.note(entry).await?;
        writing.finish(Placed { listener, by_url }, answer).await
    }

    /// Makes a new revision of a listener: `apply` is given what holds, and nobody else changes
    /// it meanwhile; `reactions`, if there are any, replace all that it has. What comes out as it
    /// went in makes no revision.
    ///
    /// # Errors
    /// As [`Store::insert_listener`]; [`StoreError::NotFound`] if the project has no such listener.
    pub async fn change_listener<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: ListenerId,
        reactions: Option<Vec<WantedReaction>>,
        change: &Change,
        apply: impl FnOnce(&mut ListenerConfig),
        answer: impl FnOnce(&Placed) -> Result<A, E>,
    ) -> Result<Done<Placed, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let before = current(&mut writing, project, id).await?;
        change.if_match.check(before.revision.into())?;
        let mut listener = before.clone();
        apply(&mut listener.config);
        let mut by_url = Vec::new();
        if let Some(wanted) = reactions {
            (listener.config.reactions, by_url) = self
                .resolve(&mut writing, project, wanted, change.now)
                .await?;
        }
        note_made(&mut writing, &by_url).await?;
        if to_json(&listener.config)? != to_json(&before.config)? {
            listener.revision += 1;
            listener.updated_at = change.now;
            let state = listener.config.state.as_str();
            add_revision(&mut writing, &listener, state).await?;
            let entry = Entry::changed(Action::ListenerChanged, &before, &listener)?;
            writing.note(entry).await?;
        }
        writing.finish(Placed { listener, by_url }, answer).await
    }

    /// Deletes a listener; its deliveries go on.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if the project has no such listener.
    pub async fn delete_listener<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: ListenerId,
        change: &Change,
        answer: impl FnOnce(&Listener) -> Result<A, E>,
    ) -> Result<Done<Listener, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let last = current(&mut writing, project, id).await?;
        change.if_match.check(last.revision.into())?;
        let end = Listener {
            revision: last.revision + 1,
            updated_at: change.now,
            ..last.clone()
        };
        add_revision(&mut writing, &end, DELETED).await?;
        count(&mut writing, project, -1).await?;
        let entry = Entry::gone(Action::ListenerDeleted, &last)?;
        writing.note(entry).await?;
        writing.finish(last, answer).await
    }

    /// The current revision of a listener.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such listener.
    pub async fn listener(&self, project: ProjectId, id: ListenerId) -> StoreResult<Listener> {
        let mut connection = self.read().await?;
        current(&mut connection, project, id).await
    }
}

/// Counts that `project` has `number` more listeners.
async fn count(connection: &mut Connection, project: ProjectId, number: i64) -> StoreResult<()> {
    let mut deltas = Deltas::default();
    deltas.add(project, Counter::Listeners, number);
    deltas.write(connection).await
}

async fn current(
    connection: &mut Connection,
    project: ProjectId,
    id: ListenerId,
) -> StoreResult<Listener> {
    let row = query(
        "SELECT * FROM listener_revisions
         WHERE project_id = $1 AND listener_id = $2 AND until_version IS NULL AND state <> 'deleted'",
    )
    .bind(project.to_string())
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    listener(&row.ok_or(StoreError::NotFound("listener"))?)
}

/// Ends the current revision and begins `listener`, with the next version of the project's rules.
async fn add_revision(
    connection: &mut Connection,
    listener: &Listener,
    state: &str,
) -> StoreResult<()> {
    let version = rules::next_version(connection, listener.project).await?;
    query(
        "UPDATE listener_revisions SET until_version = $3, ended_at = $4
         WHERE project_id = $1 AND listener_id = $2 AND until_version IS NULL",
    )
    .bind(listener.project.to_string())
    .bind(listener.id.to_string())
    .bind(version)
    .bind(listener.updated_at.as_millis())
    .execute(&mut *connection)
    .await?;
    let ended_at = (state == DELETED).then_some(listener.updated_at);
    query(
        "INSERT INTO listener_revisions (project_id, listener_id, revision, from_version, state,
                                         config_json, created_at, updated_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(listener.project.to_string())
    .bind(listener.id.to_string())
    .bind(listener.revision)
    .bind(version)
    .bind(state)
    .bind(to_json(&listener.config)?)
    .bind(listener.created_at.as_millis())
    .bind(listener.updated_at.as_millis())
    .bind(ended_at.map(Timestamp::as_millis))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) fn listener(row: &Row) -> StoreResult<Listener> {
    Ok(Listener {
        id: row.parsed("listener_id")?,
        project: row.parsed("project_id")?,
        revision: row.number("revision")?,
        config: row.json("config_json")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
