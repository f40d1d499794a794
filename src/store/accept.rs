//! Accepting: many units in one transaction, each with a result of its own.

use std::collections::HashMap;

use super::{
    Connection, Store, StoreError, StoreResult, Writer,
    counters::{Counter, Deltas},
    dead_letters,
    event_keys::Keys,
    events, fanouts,
    journal::Journal,
    locks, retention, seen_types, skips,
    sql::{Insert, list, query},
    unit::{Acceptance, Asked, Continuation, Fate, NewDelivery, Unit},
};
use crate::domain::{
    ids::{DeliveryId, ProjectId},
    lease::Lease,
    time::Timestamp,
};

/// Under what circumstances units are written.
#[derive(Debug, Clone, Copy)]
pub struct AcceptContext {
    /// Under which lease what is begun as owned is held.
    pub lease: Lease,
    /// The time.
    pub now: Timestamp,
    /// Keys of events that came before this are forgotten.
    pub keys_since: Timestamp,
}

/// How often a group begins anew because another node was faster with the same keys. What was in its
/// way is there by the next round.
const MAX_ROUNDS: u32 = 16;

impl Store {
    /// Writes `units` in one transaction; what it gives is in their order. A unit whose result is
    /// not [`Acceptance::Stored`] has left nothing behind.
    ///
    /// # Errors
    /// If the transaction fails: nothing of any unit is durable then. If that is in doubt, what may have
    /// been begun as owned is released by [`Store::settle_doubts`].
    pub async fn accept(
        &self,
        units: &[&Unit],
        context: AcceptContext,
    ) -> StoreResult<Vec<Acceptance>> {
        for _ in 1..MAX_ROUNDS {
            match self.accept_once(units, context).await {
                Err(StoreError::Overtaken) => {}
                settled => return settled,
            }
        }
        self.accept_once(units, context).await
    }

    async fn accept_once(
        &self,
        units: &[&Unit],
        context: AcceptContext,
    ) -> StoreResult<Vec<Acceptance>> {
        let mut transaction = self.write_as(Writer::Accept).await?;
        let mut batch = Batch {
            units,
            results: vec![Acceptance::Stored; units.len()],
            deltas: Deltas::default(),
            journal: Journal::default(),
        };
        batch.leave_out_stale(&mut transaction).await?;
        batch.leave_out_lost(&mut transaction).await?;
        batch.claim(self, &mut transaction).await?;
        batch.carry_on(&mut transaction, context.now).await?;
        batch
            .leave_out_duplicates(&mut transaction, context)
            .await?;
        batch.write(&mut transaction, context).await?;
        batch.note(self, &mut transaction).await?;
        batch.deltas.write(&mut transaction).await?;
        let concluded = self
            .conclude(transaction, &batch.journal, context.now)
            .await;
        self.doubts.note(&concluded, context.lease, owned(units));
        concluded?;
        Ok(batch.results)
    }
}

/// What of `units` is to be begun as owned.
fn owned<'a>(units: &'a [&Unit]) -> impl Iterator<Item = DeliveryId> + 'a {
    let deliveries = units.iter().flat_map(|unit| &unit.deliveries);
    let owned =
        deliveries.filter(|delivery| matches!(delivery.fate, Fate::Pending { owned: true, .. }));
    owned.map(|delivery| delivery.id)
}

/// Units with what is known about them so far.
struct Batch<'a> {
    units: &'a [&'a Unit],
    results: Vec<Acceptance>,
    /// By how much it changes the counters.
    deltas: Deltas,
    /// What it lets happen.
    journal: Journal,
}

impl<'a> Batch<'a> {
    /// The units that are still to be written, with their places.
    fn going(&self) -> impl Iterator<Item = (usize, &'a Unit)> {
        let results = self.results.iter();
        let places = self.units.iter().zip(results).enumerate();
        places
            .filter(|(_, (_, result))| **result == Acceptance::Stored)
            .map(|(place, (unit, _))| (place, *unit))
    }

    /// Leaves out units that were planned with rules that have changed since.
    async fn leave_out_stale(&mut self, connection: &mut Connection) -> StoreResult<()> {
        let assumed = self.units.iter().flat_map(|unit| &unit.assumed);
        let mut projects: Vec<_> = assumed.map(|(project, _)| *project).collect();
        projects.sort_unstable();
        projects.dedup();
        locks::hold_rules(connection, &projects).await?;
        let versions = rules_versions(connection, &projects).await?;
        for (place, unit) in self.units.iter().enumerate() {
            let holds = |(project, version)| versions.get(project) == Some(version);
            if !unit
                .assumed
                .iter()
                .map(|(project, version)| (project, version))
                .all(holds)
            {
                self.results[place] = Acceptance::Stale;
            }
        }
        Ok(())
    }

    /// Leaves out units that send an event which was there, if nothing is left of it by now.
    async fn leave_out_lost(&mut self, connection: &mut Connection) -> StoreResult<()> {
        let sent = |unit: &Unit| unit.events.is_empty() && unit.continues.is_none();
        let going = self.going().filter(|(_, unit)| sent(unit));
        let events: Vec<_> = going
            .filter_map(|(place, unit)| Some((place, unit.deliveries.first()?.event.id)))
            .collect();
        for (place, event) in events {
            if events::loss(connection, event).await?.is_some() {
                self.results[place] = Acceptance::Superseded;
            }
        }
        Ok(())
    }

    /// Takes the keys of what was asked for, and leaves out what was done before. What is claimed is
    /// done by this unit, or by another that was faster: the answer is the same.
    async fn claim(&mut self, store: &Store, connection: &mut Connection) -> StoreResult<()> {
        for (place, asked) in self.asked() {
            match store.claim(connection, &asked.change).await {
                Ok(()) => {
                    store
                        .remember(connection, &asked.change, &asked.answer)
                        .await?;
                }
                Err(StoreError::Repeated(_) | StoreError::KeyReused) => {
                    self.results[place] = Acceptance::Repeated;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes down what was asked for and is done.
    async fn note(&self, store: &Store, connection: &mut Connection) -> StoreResult<()> {
        for (_, asked) in self.asked() {
            if let Some(entry) = &asked.entry {
                store.note(connection, &asked.change, entry.clone()).await?;
            }
        }
        Ok(())
    }

    fn asked(&self) -> Vec<(usize, &'a Asked)> {
        let going = self.going();
        let mut asked: Vec<_> = going
            .filter_map(|(place, unit)| Some((place, unit.asked.as_deref()?)))
            .collect();
        // In one order on all nodes, as above.
        asked.sort_by_cached_key(|(_, asked)| {
            let known = asked.change.idempotency.as_ref();
            known.map(|known| {
                (
                    known.realm.to_string(),
                    known.caller.to_string(),
                    known.key.as_str().to_owned(),
                )
            })
        });
        asked
    }

    /// Moves what units carry on with; each can be carried on with once.
    async fn carry_on(&mut self, connection: &mut Connection, now: Timestamp) -> StoreResult<()> {
        let mut continuing: Vec<_> = self
            .going()
            .filter_map(|(place, unit)| Some((place, unit.continues.as_ref()?)))
            .collect();
        // In one order on all nodes, so that they never wait for each other in a circle.
        continuing.sort_by_key(|(_, continuation)| match continuation {
            Continuation::Fanout { from, .. } => (from.event.to_string(), from.project.to_string()),
            Continuation::Emission(delivery) => (delivery.to_string(), String::new()),
        });
        for (place, continuation) in continuing {
            let moved = match continuation {
                Continuation::Fanout { from, then } => {
                    fanouts::advance(connection, from, *then, &mut self.deltas).await?
                }
                Continuation::Emission(delivery) => {
                    let (journal, deltas) = (&mut self.journal, &mut self.deltas);
                    dead_letters::settle_emission(connection, *delivery, now, journal, deltas)
                        .await?
                }
            };
            if !moved {
                self.results[place] = Acceptance::Superseded;
            }
        }
        Ok(())
    }

    /// Leaves out units whose event, or request, is there already, or stands in this batch before
    /// them.
    async fn leave_out_duplicates(
        &mut self,
        connection: &mut Connection,
        context: AcceptContext,
    ) -> StoreResult<()> {
        let going: Vec<_> = self.going().collect();
        let mut keys = Keys::of(connection, &going, context.keys_since).await?;
        for (place, unit) in going {
            if let Some(first) = unit.events.first() {
                self.results[place] = keys.judge(unit, first.event.id);
            }
        }
        keys.write(connection, context).await
    }

    async fn write(
        &mut self,
        connection: &mut Connection,
        context: AcceptContext,
    ) -> StoreResult<()> {
        let going: Vec<_> = self.going().map(|(_, unit)| unit).collect();
        let met: Vec<_> = going.iter().flat_map(|unit| &unit.events).collect();
        events::insert(connection, &met).await?;
        let (journal, deltas) = (&mut self.journal, &mut self.deltas);
        for event in met.iter().map(|met| &met.event) {
            journal.event(event.project, event.id);
            deltas.add(event.project, Counter::Events, 1);
            deltas.add_bytes(event.project, event.data.bytes());
        }
        retention::note_late(connection, &going, context.now).await?;
        seen_types::count(connection, &going, context.now).await?;
        let deliveries: Vec<_> = going.iter().flat_map(|unit| &unit.deliveries).collect();
        let deliveries = skips::count_excess(connection, deliveries, context.now, deltas).await?;
        insert_deliveries(connection, &deliveries, context.now).await?;
        for delivery in &deliveries {
            let (state, reason, _) = delivery.fate.written();
            journal.delivery(delivery.project, delivery.id, state, reason);
            deltas.add(delivery.project, Counter::of(state), 1);
        }
        enqueue(connection, &deliveries, context.lease).await?;
        let cursors: Vec<_> = going.iter().flat_map(|unit| &unit.fanouts).collect();
        fanouts::insert(connection, &cursors).await?;
        for fanout in cursors {
            deltas.add(fanout.project, Counter::Fanouts, 1);
        }
        Ok(())
    }
}

async fn rules_versions(
    connection: &mut Connection,
    projects: &[ProjectId],
) -> StoreResult<HashMap<ProjectId, i64>> {
    let rows = query(
        "SELECT id, rules_version FROM projects
         WHERE id IN (SELECT value FROM json_each($1)) AND state = 'active'",
    )
    .bind(list(projects))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.parsed("id")?, row.number("rules_version")?)))
        .collect()
}

async fn insert_deliveries(
    connection: &mut Connection,
    deliveries: &[&NewDelivery],
    now: Timestamp,
) -> StoreResult<()> {
    let insert = Insert {
        into: "deliveries (id, project_id, event_id, event_type, listener_id, listener_revision, \
               reaction, endpoint_id, state, reason, detail, created_at, since, updated_at)",
        columns: 14,
        tail: "",
    };
    insert
        .run(connection, deliveries, |values, delivery| {
            let (state, reason, detail) = delivery.fate.written();
            let cause = delivery.cause.as_ref();
            values
                .bind(delivery.id.to_string())
                .bind(delivery.project.to_string())
                .bind(delivery.event.id.to_string())
                .bind(delivery.event.attributes.event_type.as_str())
                .bind(cause.map(|cause| cause.listener.to_string()))
                .bind(cause.map(|cause| cause.revision))
                .bind(cause.map(|cause| cause.reaction))
                .bind(delivery.endpoint.map(|endpoint| endpoint.to_string()))
                .bind(state.as_str())
                .bind(reason)
                .bind(detail)
                .bind(now.as_millis())
                .bind(now.as_millis())
                .bind(now.as_millis())
        })
        .await?;
    Ok(())
}

async fn enqueue(
    connection: &mut Connection,
    deliveries: &[&NewDelivery],
    lease: Lease,
) -> StoreResult<()> {
    let waiting: Vec<_> = deliveries
        .iter()
        .filter_map(|delivery| match delivery.fate {
            Fate::Pending { owned, due } => Some((delivery, delivery.endpoint?, due, owned)),
            _ => None,
        })
        .collect();
    let insert = Insert {
        into: "queue (delivery_id, project_id, endpoint_id, due_at, owner)",
        columns: 5,
        tail: "",
    };
    insert
        .run(
            connection,
            &waiting,
            |values, (delivery, endpoint, due, owned)| {
                values
                    .bind(delivery.id.to_string())
                    .bind(delivery.project.to_string())
                    .bind(endpoint.to_string())
                    .bind(due.as_millis())
                    .bind(owned.then(|| lease.to_string()))
            },
        )
        .await?;
    Ok(())
}
