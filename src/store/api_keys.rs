//! API keys: looked up by their public part, kept as a hash of the other.

use serde::Serialize;

use super::{
    Connection, Store, StoreError, StoreResult,
    audit::Entry,
    change::{Change, Done},
    list::{Index, Query, Table},
    sql::{Row, query, query_scalar, to_json, unreadable},
};
use crate::domain::{
    audit::Action,
    ids::{KeyId, ProjectId},
    list::{Listed, Window},
    scope::Scopes,
    time::Timestamp,
};

/// An API key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public part.
    pub id: KeyId,
    /// The project that it opens; none for an operator's, which opens all.
    pub project: Option<ProjectId>,
    /// What users call it.
    pub name: String,
    /// The SHA-256 of its secret part.
    pub hash: [u8; 32],
    /// What it may do.
    pub scopes: Scopes,
    /// How often it has changed, its making counted.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it no longer opens anything.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, right to a minute.
    pub last_used_at: Option<Timestamp>,
    /// The key that it was rotated to.
    pub successor: Option<KeyId>,
}

impl KeyRecord {
    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// How a key gets a successor.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// The name of the successor.
    pub successor: KeyId,
    /// The SHA-256 of its secret part.
    pub hash: [u8; 32],
    /// When the old key ends, if it does not before.
    pub old_end_at: Timestamp,
    /// When the key ends that makes it: the successor ends no later.
    pub until: Option<Timestamp>,
    /// What the key may do that makes it: the successor may do no more.
    pub scopes: Scopes,
}

/// All keys.
static KEYS: Table = Table {
    name: "api_keys",
    alias: "k",
    id: "id",
    owner: "project_id",
    columns: "k.*",
    join: "",
    always: None,
    all: Index::all("api_keys_by_project"),
    all_values: &[],
    indexes: &[],
};

impl Store {
    /// Keeps a key.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does.
    pub async fn insert_key<A: Serialize, E: From<StoreError>>(
        &self,
        key: KeyRecord,
        change: &Change,
        answer: impl FnOnce(&KeyRecord) -> Result<A, E>,
    ) -> Result<Done<KeyRecord, A>, E> {
        let mut writing = self.begin(key.project, change).await?;
        insert(&mut writing, &key).await?;
        let entry = Entry::made(Action::KeyCreated, &key)?;
        writing.note(entry).await?;
        writing.finish(key, answer).await
    }

    /// The key with this public part, live or not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub async fn key(&self, id: KeyId) -> StoreResult<KeyRecord> {
        let mut connection = self.read().await?;
        let row = query("SELECT * FROM api_keys WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut connection)
            .await?;
        key(&row.ok_or(StoreError::NotFound("key"))?)
    }

    /// The keys of `project`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn keys(
        &self,
        project: ProjectId,
        window: &Window<KeyId>,
    ) -> StoreResult<Listed<KeyRecord, KeyId>> {
        let mut snapshot = self.browse().await?;
        let read = |row: &Row| {
            let mut key = key(row)?;
            key.last_used_at = key.last_used_at.max(self.notes.last_use(key.id));
            Ok(Some(key))
        };
        let query = listed(project);
        query.list(&mut snapshot, window, read).await
    }

    /// Gives a key of `project` a successor of the same name and scopes, beside which it goes on for a
    /// while. What it gives is the successor.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if the project has no such key, [`StoreError::Unrotatable`] if the key
    /// does not live or has part in another rotation, [`StoreError::BeyondScopes`].
    pub async fn rotate_key<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: KeyId,
        rotation: Rotation,
        change: &Change,
        answer: impl FnOnce(&KeyRecord) -> Result<A, E>,
    ) -> Result<Done<KeyRecord, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let before = find(&mut writing, project, id).await?;
        change.if_match.check(before.version)?;
        check_rotation(&mut writing, &before, &rotation, change.now).await?;
        let successor = before.succeeded(&rotation, change.now);
        insert(&mut writing, &successor).await?;
        succeed(&mut writing, id, &rotation).await?;
        let after = find(&mut writing, project, id).await?;
        let entry = Entry::changed(Action::KeyRotated, &before, &after)?;
        writing.note(entry).await?;
        let entry = Entry::made(Action::KeyCreated, &successor)?;
        writing.note(entry).await?;
        writing.finish(successor, answer).await
    }

    /// Revokes a key of `project`; one that is revoked stays as it is.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if the project has no such key.
    pub async fn revoke_key<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: KeyId,
        change: &Change,
        answer: impl FnOnce(&KeyRecord) -> Result<A, E>,
    ) -> Result<Done<KeyRecord, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let before = find(&mut writing, project, id).await?;
        change.if_match.check(before.version)?;
        if before.revoked_at.is_some() {
            return writing.finish(before, answer).await;
        }
        revoke(&mut writing, id, change.now).await?;
        let after = find(&mut writing, project, id).await?;
        let entry = Entry::changed(Action::KeyRevoked, &before, &after)?;
        writing.note(entry).await?;
        writing.finish(after, answer).await
    }
}

impl KeyRecord {
    /// The successor that `rotation` gives it.
    fn succeeded(&self, rotation: &Rotation, now: Timestamp) -> Self {
        Self {
            id: rotation.successor,
            hash: rotation.hash,
            version: 1,
            created_at: now,
            expires_at: earlier(self.expires_at, rotation.until),
            last_used_at: None,
            ..self.clone()
        }
    }
}

/// The first of two ends; none if there is no end.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// Whether a key may get a successor: at most two of a line live at a time.
async fn check_rotation(
    connection: &mut Connection,
    key: &KeyRecord,
    rotation: &Rotation,
    now: Timestamp,
) -> StoreResult<()> {
    if !key.is_live(now) {
        return Err(StoreError::Unrotatable("it is revoked, or over"));
    }
    if key.successor.is_some() {
        return Err(StoreError::Unrotatable(
            "it has a successor already; rotate that one",
        ));
    }
    if let Some(scope) = rotation.scopes.missing(key.scopes).iter().next() {
        return Err(StoreError::BeyondScopes(scope));
    }
    let predecessor: Option<i64> = query_scalar(
        "SELECT 1 FROM api_keys
         WHERE project_id = $1 AND successor_id = $2 AND revoked_at IS NULL AND expires_at > $3",
    )
    .bind(key.project.map(|project| project.to_string()))
    .bind(key.id.to_string())
    .bind(now.as_millis())
    .fetch_optional(connection)
    .await?;
    match predecessor {
        Some(_) => Err(StoreError::Unrotatable(
            "the key before it still opens; wait for its end, or revoke it",
        )),
        None => Ok(()),
    }
}

async fn succeed(connection: &mut Connection, id: KeyId, rotation: &Rotation) -> StoreResult<()> {
    query(
        "UPDATE api_keys SET expires_at = CASE WHEN expires_at < $2 THEN expires_at ELSE $2 END,
                             successor_id = $3, version = version + 1
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(rotation.old_end_at.as_millis())
    .bind(rotation.successor.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert(connection: &mut Connection, key: &KeyRecord) -> StoreResult<()> {
    query(
        "INSERT INTO api_keys (id, project_id, name, hash, created_at, expires_at, scopes_json)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key.id.to_string())
    .bind(key.project.map(|project| project.to_string()))
    .bind(&key.name)
    .bind(key.hash.as_slice())
    .bind(key.created_at.as_millis())
    .bind(key.expires_at.map(Timestamp::as_millis))
    .bind(scopes_json(key.scopes)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn revoke(connection: &mut Connection, id: KeyId, now: Timestamp) -> StoreResult<()> {
    query("UPDATE api_keys SET revoked_at = $2, version = version + 1 WHERE id = $1")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}

async fn find(
    connection: &mut Connection,
    project: ProjectId,
    id: KeyId,
) -> StoreResult<KeyRecord> {
    let row = query("SELECT * FROM api_keys WHERE id = $1 AND project_id = $2")
        .bind(id.to_string())
        .bind(project.to_string())
        .fetch_optional(connection)
        .await?;
    key(&row.ok_or(StoreError::NotFound("key"))?)
}

/// How scopes are kept: none says all.
fn scopes_json(scopes: Scopes) -> StoreResult<Option<String>> {
    let some = (scopes != Scopes::ALL).then(|| to_json(&scopes));
    some.transpose()
}

/// What is asked for the keys of `project`.
pub(super) fn listed(project: ProjectId) -> Query {
    Query::of(&KEYS, project)
}

pub(super) fn key(row: &Row) -> StoreResult<KeyRecord> {
    let hash = row.blob("hash")?;
    Ok(KeyRecord {
        id: row.parsed("id")?,
        project: row.parsed_opt("project_id")?,
        name: row.text("name")?,
        scopes: match row.text_opt("scopes_json")? {
            None => Scopes::ALL,
            Some(_) => row.json("scopes_json")?,
        },
        hash: hash
            .try_into()
            .map_err(|_| unreadable("hash", "not 32 bytes"))?,
        version: row.number("version")?,
        created_at: row.time("created_at")?,
        expires_at: row.time_opt("expires_at")?,
        revoked_at: row.time_opt("revoked_at")?,
        last_used_at: row.time_opt("last_used_at")?,
        successor: row.parsed_opt("successor_id")?,
    })
}
