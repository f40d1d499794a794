//! Fan-outs: what is left of units that were larger than a transaction.

use super::{
    Connection, Store, StoreResult,
    counters::{Counter, Deltas},
    sql::{Insert, Row, query},
    unit::{Cursor, Fanout},
};
use crate::domain::ids::{EventId, ListenerId, ProjectId};

impl Store {
    /// Up to `limit` fan-outs that are not done and stand after that one, the oldest events first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn fanouts(
        &self,
        after: Option<(EventId, ProjectId)>,
        limit: u32,
    ) -> StoreResult<Vec<Fanout>> {
        let mut connection = self.read().await?;
        let after = after.map(|(event, project)| (event.to_string(), project.to_string()));
        let (event, project) = after.unwrap_or_default();
        let rows = query(
            "SELECT event_id, project_id, rules_version, next_listener, next_reaction
             FROM fanouts WHERE (event_id, project_id) > ($1, $2)
             ORDER BY event_id, project_id LIMIT $3",
        )
        .bind(event)
        .bind(project)
        .bind(limit)
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(fanout).collect()
    }
}

pub(super) async fn insert(connection: &mut Connection, fanouts: &[&Fanout]) -> StoreResult<()> {
    let insert = Insert {
        into: "fanouts (event_id, project_id, rules_version, next_listener, next_reaction)",
        columns: 5,
        tail: "",
    };
    insert
        .run(connection, fanouts, |values, fanout| {
            values
                .bind(fanout.event.to_string())
                .bind(fanout.project.to_string())
                .bind(fanout.rules_version)
                .bind(listener_text(fanout.next.listener))
                .bind(fanout.next.reaction)
        })
        .await?;
    Ok(())
}

/// Moves a fan-out from where it stands in `from` to `then`, or removes it. Gives whether it stood
/// there.
pub(super) async fn advance(
    connection: &mut Connection,
    from: &Fanout,
    then: Option<Cursor>,
    deltas: &mut Deltas,
) -> StoreResult<bool> {
    let statement = match then {
        Some(_) => {
            "UPDATE fanouts SET next_listener = $5, next_reaction = $6
             WHERE event_id = $1 AND project_id = $2 AND next_listener = $3 AND next_reaction = $4"
        }
        None => {
            "DELETE FROM fanouts
             WHERE event_id = $1 AND project_id = $2 AND next_listener = $3 AND next_reaction = $4"
        }
    };
    let mut statement = query(statement)
        .bind(from.event.to_string())
        .bind(from.project.to_string())
        .bind(listener_text(from.next.listener))
        .bind(from.next.reaction);
    if let Some(then) = then {
        statement = statement
            .bind(listener_text(then.listener))
            .bind(then.reaction);
    }
    let moved = statement.execute(connection).await? == 1;
    if moved && then.is_none() {
        deltas.add(from.project, Counter::Fanouts, -1);
    }
    Ok(moved)
}

fn listener_text(listener: Option<ListenerId>) -> String {
    listener
        .map(|listener| listener.to_string())
        .unwrap_or_default()
}

fn fanout(row: &Row) -> StoreResult<Fanout> {
    let listener = row.text("next_listener")?;
    Ok(Fanout {
        event: row.parsed("event_id")?,
        project: row.parsed("project_id")?,
        rules_version: row.number("rules_version")?,
        next: Cursor {
            listener: match listener.is_empty() {
                true => None,
                false => Some(row.parsed("next_listener")?),
            },
            reaction: row.number("next_reaction")?,
        },
    })
}
