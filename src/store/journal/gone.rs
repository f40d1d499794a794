//! What is gone from the journal: retention has taken it, from the beginning of each project on.

use crate::{
    domain::{happening::Place, ids::ProjectId},
    store::{
        Connection, StoreResult,
        sql::{Row, query, to_json},
    },
};

/// The end of a row of the journal.
pub(in crate::store) fn end_of(row: &Row) -> StoreResult<Place> {
    Ok(Place {
        position: row.number("position")?,
        number: row.number("entries")?,
    })
}

/// The place up to which the journal of `project` is gone: the beginning if all of it is kept.
pub(super) async fn gone(connection: &mut Connection, project: ProjectId) -> StoreResult<Place> {
    let row = query("SELECT position, entries FROM journal_gone WHERE project_id = $1")
        .bind(project.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map_or(Ok(Place::default()), end_of)
}

/// Notes up to where the journals of projects are gone. Whoever removes rows says so.
pub(in crate::store) async fn note_gone(
    connection: &mut Connection,
    places: &[(ProjectId, Place)],
) -> StoreResult<()> {
    let rows = places.iter().map(|(project, place)| {
        let Place { position, number } = *place;
        (project.to_string(), position, number)
    });
    query(
        "INSERT INTO journal_gone (project_id, position, entries)
         SELECT value ->> 0, CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT)
         FROM json_each($1) WHERE true
         ON CONFLICT (project_id) DO UPDATE
         SET position = excluded.position, entries = excluded.entries
         WHERE excluded.position > journal_gone.position",
    )
    .bind(to_json(&rows.collect::<Vec<_>>())?)
    .execute(connection)
    .await?;
    Ok(())
}
