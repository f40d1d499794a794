//! Seen types: which types of events a project has had, counted in the transaction that accepts
//! the events, one row for each type of a group.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::{
    Connection, StoreResult,
    sql::{Insert, list, query, to_json},
    unit::{MetEvent, Unit},
};
use crate::domain::{
    event::EventState,
    event_type::{KnownViolation, MAX_SEEN},
    ids::{EventId, ProjectId},
    time::Timestamp,
};

/// What a group has of one type of one project.
#[derive(Debug, Serialize)]
struct Tally<'a> {
    project: ProjectId,
    #[serde(rename = "type")]
    event_type: &'a str,
    count: u64,
    last_event: EventId,
    violations: u64,
    /// The last violation, as it is stored.
    violation: Option<String>,
}

/// Counts the events of `units` by their types. Events that test an endpoint are nobody's.
pub(super) async fn count(
    connection: &mut Connection,
    units: &[&Unit],
    now: Timestamp,
) -> StoreResult<()> {
    let tallies = tallies(units)?;
    if tallies.is_empty() {
        return Ok(());
    }
    let known = add_to_known(connection, &tallies, now).await?;
    let is_new =
        |tally: &&Tally<'_>| !known.contains(&(tally.project, tally.event_type.to_owned()));
    let new: Vec<_> = tallies.iter().filter(is_new).collect();
    match new.is_empty() {
        true => Ok(()),
        false => begin(connection, new, now).await,
    }
}

fn tallies<'a>(units: &[&'a Unit]) -> StoreResult<Vec<Tally<'a>>> {
    let mut tallies = BTreeMap::new();
    for unit in units {
        let broken: HashMap<_, _> = unit.violations.iter().map(|it| (it.event, it)).collect();
        let counted = unit.events.iter().map(|MetEvent { event, .. }| event);
        for event in counted.filter(|event| event.state != EventState::Test) {
            let event_type = event.attributes.event_type.as_str();
            let tally = tallies.entry((event.project, event_type)).or_insert(Tally {
                project: event.project,
                event_type,
                count: 0,
                last_event: event.id,
                violations: 0,
                violation: None,
            });
            tally.count += 1;
            tally.last_event = tally.last_event.max(event.id);
            if let Some(violation) = broken.get(&event.id) {
                tally.violations += 1;
                tally.violation = Some(to_json::<KnownViolation>(violation)?);
            }
        }
    }
    Ok(tallies.into_values().collect())
}

/// Adds to the rows that are there, and gives which these are.
async fn add_to_known(
    connection: &mut Connection,
    tallies: &[Tally<'_>],
    now: Timestamp,
) -> StoreResult<HashSet<(ProjectId, String)>> {
    let rows = query(
        "UPDATE seen_types
         SET count = seen_types.count + CAST(w.value ->> 'count' AS BIGINT),
             last_at = CASE WHEN last_at < $2 THEN $2 ELSE last_at END,
             last_event = CASE WHEN last_event < w.value ->> 'last_event'
                               THEN w.value ->> 'last_event' ELSE last_event END,
             violations = violations + CAST(w.value ->> 'violations' AS BIGINT),
             violation_json = coalesce(w.value ->> 'violation', violation_json)
         FROM json_each($1) AS w
         WHERE seen_types.project_id = w.value ->> 'project'
           AND seen_types.type = w.value ->> 'type' AND seen_types.shard = $3
         RETURNING project_id, type",
    )
    .bind(to_json(&tallies)?)
    .bind(now.as_millis())
    .bind(connection.shard())
    .fetch_all(connection)
    .await?;
    let known = rows.iter();
    known
        .map(|row| Ok((row.parsed("project_id")?, row.text("type")?)))
        .collect()
}

/// Begins rows for types that are new, as far as their projects have room; the events of others are
/// counted together.
async fn begin(
    connection: &mut Connection,
    new: Vec<&Tally<'_>>,
    now: Timestamp,
) -> StoreResult<()> {
    let mut by_project: BTreeMap<ProjectId, Vec<&Tally<'_>>> = BTreeMap::new();
    for tally in new {
        by_project.entry(tally.project).or_default().push(tally);
    }
    for (project, tallies) in by_project {
        let room = MAX_SEEN.saturating_sub(seen(connection, project).await?);
        let counted = catalogued(connection, project, &tallies).await?;
        let is_known = |tally: &&Tally<'_>| counted.contains(tally.event_type);
        let (mut tallies, mut new): (Vec<_>, Vec<_>) = tallies.into_iter().partition(is_known);
        let beyond = new.split_off(new.len().min(room as usize));
        let types = new.len();
        tallies.append(&mut new);
        insert(connection, &tallies, now).await?;
        let uncatalogued = beyond.iter().map(|tally| tally.count).sum::<u64>();
        query(
            "UPDATE seen_totals SET types = types + $2, uncatalogued = uncatalogued + $3
             WHERE project_id = $1",
        )
        .bind(project.to_string())
        .bind(i64::try_from(types).unwrap_or(i64::MAX))
        .bind(i64::try_from(uncatalogued).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// How many types of `project` are catalogued. Nobody else adds one until this transaction ends.
async fn seen(connection: &mut Connection, project: ProjectId) -> StoreResult<u32> {
    let row = query(
        "INSERT INTO seen_totals (project_id, types, uncatalogued) VALUES ($1, 0, 0)
         ON CONFLICT (project_id) DO UPDATE SET types = seen_totals.types RETURNING types",
    );
    let row = row.bind(project.to_string()).fetch_one(connection).await?;
    row.number("types")
}

/// Those of the types that stand in the catalogue by now, in whatever shard.
async fn catalogued(
    connection: &mut Connection,
    project: ProjectId,
    tallies: &[&Tally<'_>],
) -> StoreResult<HashSet<String>> {
    let rows = query(
        "SELECT DISTINCT type FROM seen_types
         WHERE project_id = $1 AND type IN (SELECT value FROM json_each($2))",
    )
    .bind(project.to_string())
    .bind(list(tallies.iter().map(|tally| tally.event_type)))
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| row.text("type")).collect()
}

async fn insert(
    connection: &mut Connection,
    tallies: &[&Tally<'_>],
    now: Timestamp,
) -> StoreResult<()> {
    let insert = Insert {
        into: "seen_types (project_id, type, shard, count, first_at, last_at, last_event, violations, \
               violation_json)",
        columns: 9,
        // Another transaction of this node may have begun the row a moment ago.
        tail: "ON CONFLICT (project_id, type, shard) DO UPDATE SET \
               count = seen_types.count + excluded.count, last_at = excluded.last_at, \
               last_event = excluded.last_event, \
               violations = seen_types.violations + excluded.violations, \
               violation_json = coalesce(excluded.violation_json, seen_types.violation_json)",
    };
    let shard = connection.shard();
    insert
        .run(connection, tallies, |values, tally| {
            values
                .bind(tally.project.to_string())
                .bind(tally.event_type.to_owned())
                .bind(shard)
                .bind(i64::try_from(tally.count).unwrap_or(i64::MAX))
                .bind(now.as_millis())
                .bind(now.as_millis())
                .bind(tally.last_event.to_string())
                .bind(i64::try_from(tally.violations).unwrap_or(i64::MAX))
                .bind(tally.violation.clone())
        })
        .await?;
    Ok(())
}
