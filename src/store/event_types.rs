//! The catalogue of event types: what users say about them, and what was seen of them. What is seen
//! is counted in [`seen_types`](super::seen_types).

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Connection, Store, StoreError, StoreResult,
    audit::Entry,
    change::{Change, Done},
    rules,
    sql::{Row, list, query, query_scalar},
};
use crate::domain::{
    audit::Action,
    event::EventType,
    event_type::{CatalogueEntry, Description, MAX_DESCRIBED, Seen},
    ids::ProjectId,
    time::Timestamp,
};

/// Which entries of the catalogue to list, and from where.
#[derive(Debug, Clone, Default)]
pub struct CatalogueFilter {
    /// Only types that begin so.
    pub prefix: String,
    /// Only types after this one.
    pub after: Option<EventType>,
}

/// Which types may be described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Any.
    Any,
    /// Those that were seen, or described before.
    Known,
}

/// A schema as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchema {
    /// The version of the project's rules with which it last changed.
    pub version: i64,
    /// Its text.
    pub text: String,
}

impl Store {
    /// Up to `limit` entries of the catalogue of `project` that `filter` lets through, by their names.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn catalogue(
        &self,
        project: ProjectId,
        filter: &CatalogueFilter,
        limit: u32,
    ) -> StoreResult<Vec<CatalogueEntry>> {
        let mut snapshot = self.snapshot().await?;
        let after = filter.after.as_ref().map_or("", EventType::as_str);
        let rows = query(
            "SELECT type FROM (SELECT DISTINCT type FROM seen_types
                               WHERE project_id = $1 AND type > $2 AND type >= $3 AND type < $4
                               ORDER BY type LIMIT $5) AS seen
             UNION
             SELECT type FROM (SELECT type FROM event_types
                               WHERE project_id = $1 AND type > $2 AND type >= $3 AND type < $4
                               ORDER BY type LIMIT $5) AS described
             ORDER BY type LIMIT $5",
        )
        .bind(project.to_string())
        .bind(after)
        .bind(&filter.prefix)
        .bind(format!("{}{}", filter.prefix, char::MAX))
        .bind(limit)
        .fetch_all(&mut snapshot)
        .await?;
        let types = rows.iter().map(|row| row.parsed("type"));
        let types = types.collect::<StoreResult<Vec<EventType>>>()?;
        entries(&mut snapshot, project, &types).await
    }

    /// The entry of `event_type` in the catalogue of `project`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if nobody has described the type, and no event of it was seen.
    pub async fn catalogue_entry(
        &self,
        project: ProjectId,
        event_type: &EventType,
    ) -> StoreResult<CatalogueEntry> {
        let mut snapshot = self.snapshot().await?;
        entry(&mut snapshot, project, event_type).await
    }

    /// How many events of `project` were of types that are not in its catalogue because it is full.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn uncatalogued(&self, project: ProjectId) -> StoreResult<u64> {
        let mut connection = self.read().await?;
        let row = query("SELECT uncatalogued FROM seen_totals WHERE project_id = $1")
            .bind(project.to_string())
            .fetch_optional(&mut connection)
            .await?;
        row.map_or(Ok(0), |row| row.number("uncatalogued"))
    }

    /// Changes what users say about a type: `apply` is given what holds, and nobody else changes it
    /// meanwhile. A schema or a validation that changes makes a new version of the project's rules,
    /// so that it counts for every event that is accepted after this. What comes out as it went in
    /// is not written.
    ///
    /// # Errors
    /// What `apply` and `answer` refuse, and what [`Store::begin`] does; [`StoreError::NotFound`] if
    /// it is [`Wanted::Known`] and the catalogue has no such type; [`StoreError::Full`] if users
    /// describe as many types as they may.
    pub async fn describe_type<A: Serialize, E: From<StoreError>>(
        &self,
        (project, event_type): (ProjectId, &EventType),
        wanted: Wanted,
        change: &Change,
        apply: impl FnOnce(&mut Description) -> Result<(), E>,
        answer: impl FnOnce(&CatalogueEntry) -> Result<A, E>,
    ) -> Result<Done<CatalogueEntry, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let before = match entry(&mut writing, project, event_type).await {
            Err(StoreError::NotFound(_)) if wanted == Wanted::Any => unknown(project, event_type),
            found => found?,
        };
        change.if_match.check(before.revision)?;
        let mut new = before.description.clone();
        apply(&mut new)?;
        if before.created_at.is_none() {
            check_room(&mut writing, project).await?;
        } else if new.says_like(&before.description) {
            return writing.finish(before, answer).await;
        }
        write(&mut writing, &before, &new, change.now).await?;
        let after = entry(&mut writing, project, event_type).await?;
        let noted = match before.created_at {
            None => Entry::made(Action::EventTypeDescribed, &after),
            Some(_) => Entry::changed(Action::EventTypeChanged, &before, &after),
        };
        writing.note(noted?).await?;
        writing.finish(after, answer).await
    }

    /// Takes a type out of the catalogue: what users said about it and what was seen of it. It comes
    /// back with the next event of it.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does; [`StoreError::NotFound`] if the
    /// catalogue has no such type.
    pub async fn forget_type<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        event_type: &EventType,
        change: &Change,
        answer: impl FnOnce(&CatalogueEntry) -> Result<A, E>,
    ) -> Result<Done<CatalogueEntry, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let last = entry(&mut writing, project, event_type).await?;
        change.if_match.check(last.revision)?;
        forget(&mut writing, &last).await?;
        writing
            .note(Entry::gone(Action::EventTypeForgotten, &last)?)
            .await?;
        writing.finish(last, answer).await
    }

    /// The schema of a type; none if it has none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn event_schema(
        &self,
        project: ProjectId,
        event_type: &EventType,
    ) -> StoreResult<Option<StoredSchema>> {
        let mut connection = self.read().await?;
        let row = query(
            "SELECT schema_json, version FROM event_types
             WHERE project_id = $1 AND type = $2 AND schema_json IS NOT NULL",
        )
        .bind(project.to_string())
        .bind(event_type.as_str())
        .fetch_optional(&mut connection)
        .await?;
        row.map(|row| {
            Ok(StoredSchema {
                version: row.number("version")?,
                text: row.text("schema_json")?,
            })
        })
        .transpose()
    }
}

async fn entry(
    connection: &mut Connection,
    project: ProjectId,
    event_type: &EventType,
) -> StoreResult<CatalogueEntry> {
    let mut found = entries(connection, project, std::slice::from_ref(event_type)).await?;
    found.pop().ok_or(StoreError::NotFound("event type"))
}

/// Those of `types` that are in the catalogue of `project`, by their names.
async fn entries(
    connection: &mut Connection,
    project: ProjectId,
    types: &[EventType],
) -> StoreResult<Vec<CatalogueEntry>> {
    let rows = query(
        "SELECT w.value AS type, t.description, t.schema_json, t.example_json, t.validation,
                t.revision, t.created_at, t.updated_at, s.count, s.first_at, s.last_at, s.last_event,
                s.violations, s.violation_json
         FROM json_each($1) AS w
         LEFT JOIN event_types AS t ON t.type = w.value AND t.project_id = $2
         LEFT JOIN (SELECT type, CAST(sum(count) AS BIGINT) AS count, min(first_at) AS first_at,
                           max(last_at) AS last_at, max(last_event) AS last_event,
                           CAST(sum(violations) AS BIGINT) AS violations,
                           max(violation_json) AS violation_json
                    FROM seen_types
                    WHERE project_id = $2 AND type IN (SELECT value FROM json_each($1))
                    GROUP BY type) AS s ON s.type = w.value",
    )
    .bind(list(types))
    .bind(project.to_string())
    .fetch_all(connection)
    .await?;
    let entries = rows.iter().map(|row| catalogued(project, row));
    let mut entries = entries.collect::<StoreResult<Vec<_>>>()?;
    entries.retain(|entry| entry.created_at.is_some() || entry.seen.is_some());
    entries.sort_by(|one, other| one.event_type.as_str().cmp(other.event_type.as_str()));
    Ok(entries)
}

fn catalogued(project: ProjectId, row: &Row) -> StoreResult<CatalogueEntry> {
    let raw = |column| -> StoreResult<Option<Box<RawValue>>> {
        let is_there = row.text_opt(column)?.is_some();
        is_there.then(|| row.json(column)).transpose()
    };
    let seen = match row.number_opt("count")? {
        None => None,
        Some(count) => Some(Seen {
            count,
            first_at: row.time("first_at")?,
            last_at: row.time("last_at")?,
            last_event: row.parsed("last_event")?,
            violations: row.number("violations")?,
            last_violation: row
                .text_opt("violation_json")?
                .is_some()
                .then(|| row.json("violation_json"))
                .transpose()?,
        }),
    };
    Ok(CatalogueEntry {
        project,
        event_type: row.parsed("type")?,
        description: Description {
            description: row.text_opt("description")?,
            schema: raw("schema_json")?,
            example: raw("example_json")?,
            validation: row.parsed_opt("validation")?.unwrap_or_default(),
        },
        revision: row.number_opt("revision")?.unwrap_or(0),
        created_at: row.time_opt("created_at")?,
        updated_at: row.time_opt("updated_at")?,
        seen,
    })
}

async fn check_room(connection: &mut Connection, project: ProjectId) -> StoreResult<()> {
    let described: u32 = query_scalar("SELECT count(*) FROM event_types WHERE project_id = $1")
        .bind(project.to_string())
        .fetch_one(connection)
        .await?;
    match described < MAX_DESCRIBED {
        true => Ok(()),
        false => Err(StoreError::Full("described event types", MAX_DESCRIBED)),
    }
}

/// A type that is in no catalogue yet.
fn unknown(project: ProjectId, event_type: &EventType) -> CatalogueEntry {
    CatalogueEntry {
        project,
        event_type: event_type.clone(),
        description: Description::default(),
        revision: 0,
        created_at: None,
        updated_at: None,
        seen: None,
    }
}

/// Writes `new` in the place of what users said `before`.
async fn write(
    connection: &mut Connection,
    before: &CatalogueEntry,
    new: &Description,
    now: Timestamp,
) -> StoreResult<()> {
    let version = match new.judges_like(&before.description) {
        true => None,
        false => Some(rules::next_version(connection, before.project).await?),
    };
    // The time makes it another one than before the type was last forgotten.
    let revision = before.revision.saturating_add(1);
    let revision = revision.max(u64::try_from(now.as_millis()).unwrap_or(0));
    query(
        "INSERT INTO event_types (project_id, type, description, schema_json, example_json,
                                  validation, version, revision, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, 0), $8, $9, $9)
         ON CONFLICT (project_id, type) DO UPDATE SET description = excluded.description,
             schema_json = excluded.schema_json, example_json = excluded.example_json,
             validation = excluded.validation, version = coalesce($7, event_types.version),
             revision = excluded.revision, updated_at = excluded.updated_at",
    )
    .bind(before.project.to_string())
    .bind(before.event_type.as_str())
    .bind(&new.description)
    .bind(new.schema.as_ref().map(|schema| schema.get().to_owned()))
    .bind(new.example.as_ref().map(|example| example.get().to_owned()))
    .bind(new.validation.as_str())
    .bind(version)
    .bind(i64::try_from(revision).unwrap_or(i64::MAX))
    .bind(now.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes all that is known of a type.
async fn forget(connection: &mut Connection, last: &CatalogueEntry) -> StoreResult<()> {
    if !last.description.judges_like(&Description::default()) {
        rules::next_version(connection, last.project).await?;
    }
    for statement in [
        "DELETE FROM event_types WHERE project_id = $1 AND type = $2",
        "DELETE FROM seen_types WHERE project_id = $1 AND type = $2",
    ] {
        query(statement)
            .bind(last.project.to_string())
            .bind(last.event_type.as_str())
            .execute(&mut *connection)
            .await?;
    }
    if last.seen.is_some() {
        query("UPDATE seen_totals SET types = types - 1 WHERE project_id = $1")
            .bind(last.project.to_string())
            .execute(connection)
            .await?;
    }
    Ok(())
}
