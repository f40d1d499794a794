//! The keys of events: what makes an event, or the request that sent it, the same as one that came
//! before.

use std::collections::HashMap;

use super::{
    Connection, Store, StoreError, StoreResult,
    accept::AcceptContext,
    sql::{Insert, Row, query, query_scalar, to_json},
    unit::{Acceptance, EventKey, Unit},
};
use crate::domain::{
    ids::{EventId, ProjectId},
    time::Timestamp,
};

type Identity<'a> = (ProjectId, &'a str, &'a str);

type OwnedIdentity = (ProjectId, String, String);

/// What was sent under a key, and the event that it led to.
type Sent = (Vec<u8>, EventId);

/// The keys that are there already, and those that are to be.
pub(super) struct Keys<'a> {
    known: HashMap<OwnedIdentity, Sent>,
    /// Those that are there and do not count any more.
    forgotten: Vec<OwnedIdentity>,
    fresh: Vec<(&'a EventKey, EventId)>,
}

impl<'a> Keys<'a> {
    /// Those of `units` that are there and not forgotten.
    pub(super) async fn of(
        connection: &mut Connection,
        units: &[(usize, &'a Unit)],
        since: Timestamp,
    ) -> StoreResult<Self> {
        let keys = units
            .iter()
            .flat_map(|(_, unit)| unit.key.iter().chain(&unit.request));
        let wanted: Vec<_> = keys.map(identity).collect();
        let mut keys = Self {
            known: HashMap::new(),
            forgotten: Vec::new(),
            fresh: Vec::new(),
        };
        for row in &find(connection, &wanted).await? {
            let identity = (
                row.parsed("project_id")?,
                row.text("source")?,
                row.text("producer_id")?,
            );
            match row.time("received_at")? < since {
                true => keys.forgotten.push(identity),
                false => {
                    let sent = (row.blob("hash")?, row.parsed("event_id")?);
                    keys.known.insert(identity, sent);
                }
            }
        }
        Ok(keys)
    }

    /// What becomes of a unit whose first event is `event`: it is stored under its keys, unless one
    /// of these is taken.
    pub(super) fn judge(&mut self, unit: &'a Unit, event: EventId) -> Acceptance {
        let by_request = self.look_up(unit.request.as_ref(), |_| Acceptance::KeyReused);
        if let Some(taken) = by_request {
            return taken;
        }
        let by_key = self.look_up(unit.key.as_ref(), Acceptance::Conflict);
        let result = by_key.unwrap_or(Acceptance::Stored);
        match result {
            Acceptance::Stored => {
                self.take(unit.key.as_ref(), event);
                self.take(unit.request.as_ref(), event);
            }
            // Its event came before in another request: this one is known by its own key too.
            Acceptance::Duplicate(first) => self.take(unit.request.as_ref(), first),
            _ => {}
        }
        result
    }

    fn look_up(
        &self,
        key: Option<&EventKey>,
        other: fn(EventId) -> Acceptance,
    ) -> Option<Acceptance> {
        let key = key?;
        let (hash, first) = self.known.get(&owned_identity(key))?;
        Some(match hash[..] == key.hash {
            true => Acceptance::Duplicate(*first),
            false => other(*first),
        })
    }

    fn take(&mut self, key: Option<&'a EventKey>, event: EventId) {
        if let Some(key) = key {
            let sent = (key.hash.to_vec(), event);
            self.known.insert(owned_identity(key), sent);
            self.fresh.push((key, event));
        }
    }

    /// Writes those that are new or were forgotten.
    ///
    /// # Errors
    /// [`StoreError::Overtaken`] if another node has written one of them since they were looked up.
    pub(super) async fn write(
        mut self,
        connection: &mut Connection,
        context: AcceptContext,
    ) -> StoreResult<()> {
        // In the order of the key: two nodes that insert the same keys never wait for each other
        // in a circle.
        self.fresh
            .sort_by(|(one, _), (other, _)| identity(one).cmp(&identity(other)));
        forget(connection, self.forgotten).await?;
        let insert = Insert {
            into: "event_keys (project_id, source, producer_id, hash, event_id, received_at)",
            columns: 6,
            tail: "ON CONFLICT (project_id, source, producer_id) DO NOTHING RETURNING event_id",
        };
        let written = insert
            .run(connection, &self.fresh, |values, (key, event)| {
                values
                    .bind(key.project.to_string())
                    .bind(&key.source)
                    .bind(&key.producer_id)
                    .bind(key.hash.as_slice())
                    .bind(event.to_string())
                    .bind(context.now.as_millis())
            })
            .await?;
        match written.len() == self.fresh.len() {
            true => Ok(()),
            false => Err(StoreError::Overtaken),
        }
    }
}

/// Removes keys that do not count any more.
async fn forget(connection: &mut Connection, mut keys: Vec<OwnedIdentity>) -> StoreResult<()> {
    if keys.is_empty() {
        return Ok(());
    }
    keys.sort_unstable();
    query(
        "DELETE FROM event_keys WHERE (project_id, source, producer_id) IN (
             SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1))",
    )
    .bind(to_json(&keys)?)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Whether another request than the one of these keys came under the same mark since `since`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn is_anothers(&self, key: &EventKey, since: Timestamp) -> StoreResult<bool> {
        let (first, end) = key.request_range();
        let mut connection = self.read().await?;
        let other: Option<i64> = query_scalar(
            "SELECT 1 FROM event_keys
             WHERE project_id = $1 AND source = $2 AND producer_id >= $3 AND producer_id < $4
               AND hash <> $5 AND received_at >= $6 LIMIT 1",
        )
        .bind(key.project.to_string())
        .bind(&key.source)
        .bind(first)
        .bind(end)
        .bind(key.hash.as_slice())
        .bind(since.as_millis())
        .fetch_optional(&mut connection)
        .await?;
        Ok(other.is_some())
    }
}

fn identity(key: &EventKey) -> Identity<'_> {
    (key.project, &key.source, &key.producer_id)
}

fn owned_identity(key: &EventKey) -> OwnedIdentity {
    (key.project, key.source.clone(), key.producer_id.clone())
}

/// The keys called `wanted` that are there, forgotten or not.
async fn find(connection: &mut Connection, wanted: &[Identity<'_>]) -> StoreResult<Vec<Row>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let found = query(
        "SELECT k.project_id, k.source, k.producer_id, k.hash, k.event_id, k.received_at
         FROM json_each($1) AS w
         JOIN event_keys AS k ON k.project_id = w.value ->> 0
                             AND k.source = w.value ->> 1
                             AND k.producer_id = w.value ->> 2",
    );
    found.bind(to_json(&wanted)?).fetch_all(connection).await
}
