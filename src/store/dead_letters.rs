//! Dead letters: what is done to many of them at once. Which are meant is found in
//! [`find`](self::find).
//!
//! A step takes a page of them, so that no transaction is long; whoever has more comes again.

mod find;
mod groups;

use std::collections::{HashMap, HashSet};

pub use self::{
    find::{Counted, Found, From},
    groups::{COUNT_BUDGET, DeadGroup, DeadGroups, MAX_CAUSES},
};
use super::{
    Connection, Store, StoreResult, act,
    counters::Deltas,
    deliveries,
    deliveries::Closing,
    hold,
    jobs::Step,
    journal::Journal,
    locks,
    sql::{Row, list, query},
};
use crate::domain::{
    delivery::{CancelReason, DeliveryState},
    endpoint::EndpointState,
    event::Loss,
    ids::{DeliveryId, EndpointId, ProjectId},
    job::{Outcome, Tally},
    time::Timestamp,
};

/// The most dead letters that a step takes: what one transaction redrives or discards.
pub const MAX_PAGE: u32 = 1_000;

/// What came of a wish to redrive a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redrive {
    /// It is due now, at this endpoint, and begins its retry policy anew.
    Due(EndpointId),
    /// It is an event that could not be emitted: there is nothing to send.
    Emission,
    /// Nothing is left of its event: it stays dead.
    NothingLeft(Loss),
    /// Its endpoint is disabled: it stays dead.
    EndpointDisabled,
    /// Its endpoint is deleted: it stays dead.
    EndpointDeleted,
    /// It is no dead letter, but in this state.
    NotDead(DeliveryState),
    /// The project has no such delivery.
    NotFound,
}

/// What came of a wish to discard a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discard {
    /// It is cancelled, and no dead letter any more.
    Discarded,
    /// It was no dead letter, but in this state.
    NotDead(DeliveryState),
    /// The project has no such delivery.
    NotFound,
}

impl Store {
    /// Makes those of `ids` due now that are dead letters of the step's project, and moves the job,
    /// in one transaction. Gives what came of each, in their order; none if the step was not to be
    /// done any more. At most [`MAX_PAGE`] should be given.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is redriven then.
    pub async fn redrive(
        &self,
        step: &Step<'_>,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Option<Vec<(DeliveryId, Redrive)>>> {
        let mut transaction = self.write().await?;
        locks::own_changes(&mut transaction, step.job.project.into()).await?;
        if !step.may_go(&mut transaction).await? {
            transaction.commit().await?;
            return Ok(None);
        }
        let standings = standings(&mut transaction, step.job.project, ids).await?;
        let results: Vec<_> = standings
            .iter()
            .map(|standing| (standing.id, standing.redrive()))
            .collect();
        let due: Vec<_> = results
            .iter()
            .filter(|(_, redrive)| matches!(redrive, Redrive::Due(_)))
            .map(|(id, _)| *id)
            .collect();
        let mut journal = Journal::default();
        act::reopen(&mut transaction, &due, &mut journal, now).await?;
        let mut tally = Tally::default();
        for (id, redrive) in &results {
            redrive.tell(*id, &mut tally);
        }
        step.write(&mut transaction, tally, now).await?;
        self.conclude(transaction, &journal, now).await?;
        Ok(Some(results))
    }

    /// Cancels those of `ids` that are dead letters of the step's project, and moves the job, in one
    /// transaction. Gives what came of each, in their order; none if the step was not to be done any
    /// more. At most [`MAX_PAGE`] should be given. Their last error stays with them.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is discarded then.
    pub async fn discard(
        &self,
        step: &Step<'_>,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Option<Vec<(DeliveryId, Discard)>>> {
        let mut transaction = self.write().await?;
        locks::own_changes(&mut transaction, step.job.project.into()).await?;
        if !step.may_go(&mut transaction).await? {
            transaction.commit().await?;
            return Ok(None);
        }
        let standings = standings(&mut transaction, step.job.project, ids).await?;
        let results: Vec<_> = standings
            .iter()
            .map(|standing| (standing.id, standing.discard()))
            .collect();
        let discarded: Vec<_> = results
            .iter()
            .filter(|(_, discard)| *discard == Discard::Discarded)
            .map(|(id, _)| *id)
            .collect();
        let (mut journal, closing) = (
            Journal::default(),
            Closing::called_off(CancelReason::Discarded),
        );
        deliveries::close(&mut transaction, &discarded, closing, &mut journal, now).await?;
        let mut tally = Tally::default();
        for (id, discard) in &results {
            discard.tell(*id, &mut tally);
        }
        step.write(&mut transaction, tally, now).await?;
        self.conclude(transaction, &journal, now).await?;
        Ok(Some(results))
    }

    /// Notes why an event could still not be emitted when that was tried again.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn note_emission(
        &self,
        id: DeliveryId,
        why: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        query(
            "UPDATE deliveries SET detail = $2, updated_at = $3 WHERE id = $1 AND state = 'dead'",
        )
        .bind(id.to_string())
        .bind(why)
        .bind(now.as_millis())
        .execute(&mut transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}

impl Redrive {
    /// Counts what came of `id`. Events that could not be emitted are counted by whoever emits them.
    fn tell(self, id: DeliveryId, tally: &mut Tally) {
        match self {
            Self::Due(_) => tally.count(Outcome::Redriven),
            Self::Emission => {}
            Self::NothingLeft(loss) => tally.lost(id, loss),
            Self::EndpointDisabled => tally.fail(
                id,
                Outcome::EndpointDisabled,
                "its endpoint is disabled: enable the endpoint, then redrive",
            ),
            Self::EndpointDeleted => tally.fail(
                id,
                Outcome::EndpointDeleted,
                "its endpoint is deleted: it can only be discarded",
            ),
            Self::NotDead(state) => not_dead(id, state, tally),
            Self::NotFound => not_found(id, tally),
        }
    }
}

impl Discard {
    /// Counts what came of `id`.
    fn tell(self, id: DeliveryId, tally: &mut Tally) {
        match self {
            Self::Discarded => tally.count(Outcome::Discarded),
            Self::NotDead(state) => not_dead(id, state, tally),
            Self::NotFound => not_found(id, tally),
        }
    }
}

fn not_dead(id: DeliveryId, state: DeliveryState, tally: &mut Tally) {
    let detail = format!("it is {state}, which is no dead letter");
    tally.fail(id, Outcome::NotDead, detail);
}

fn not_found(id: DeliveryId, tally: &mut Tally) {
    tally.fail(id, Outcome::NotFound, "there is no such delivery");
}

/// Marks the dead letter of an event that is emitted after all. Gives whether it was one.
pub(super) async fn settle_emission(
    connection: &mut Connection,
    id: DeliveryId,
    now: Timestamp,
    journal: &mut Journal,
    deltas: &mut Deltas,
) -> StoreResult<bool> {
    let settled = query(
        "UPDATE deliveries SET state = 'delivered', reason = NULL, detail = NULL, updated_at = $2
         WHERE id = $1 AND state = 'dead' AND endpoint_id IS NULL
         RETURNING project_id",
    )
    .bind(id.to_string())
    .bind(now.as_millis())
    .fetch_optional(connection)
    .await?;
    let Some(row) = settled else {
        return Ok(false);
    };
    let project = row.parsed("project_id")?;
    let (from, to) = (DeliveryState::Dead, DeliveryState::Delivered);
    journal.delivery(project, id, to, None);
    deltas.moved(project, from, to, 1);
    Ok(true)
}

/// Where a delivery and its endpoint stand.
struct Standing {
    id: DeliveryId,
    /// None if the project has no such delivery.
    state: Option<DeliveryState>,
    endpoint: Option<EndpointId>,
    endpoint_state: Option<EndpointState>,
    is_endpoint_deleted: bool,
    /// Why nothing is left of its event, if nothing is.
    loss: Option<Loss>,
}

impl Standing {
    fn redrive(&self) -> Redrive {
        match self.state {
            None => return Redrive::NotFound,
            Some(DeliveryState::Dead) => {}
            Some(other) => return Redrive::NotDead(other),
        }
        if let Some(loss) = self.loss {
            return Redrive::NothingLeft(loss);
        }
        match (self.endpoint, self.endpoint_state) {
            (None, _) => Redrive::Emission,
            (Some(_), None) => Redrive::EndpointDeleted,
            (Some(_), Some(_)) if self.is_endpoint_deleted => Redrive::EndpointDeleted,
            (Some(_), Some(EndpointState::Disabled)) => Redrive::EndpointDisabled,
            (Some(endpoint), Some(EndpointState::Enabled | EndpointState::Paused)) => {
                Redrive::Due(endpoint)
            }
        }
    }

    fn discard(&self) -> Discard {
        match self.state {
            None => Discard::NotFound,
            Some(DeliveryState::Dead) => Discard::Discarded,
            Some(other) => Discard::NotDead(other),
        }
    }
}

/// Where deliveries of `project` stand; those that are dead are held.
async fn standings(
    connection: &mut Connection,
    project: ProjectId,
    ids: &[DeliveryId],
) -> StoreResult<Vec<Standing>> {
    let held = hold::ended(connection, ids).await?;
    let held: HashSet<_> = held.into_iter().map(|(_, id)| id).collect();
    let rows = query(
        "SELECT w.value AS id, d.state, d.endpoint_id,
                e.state AS endpoint_state, e.deleted_at IS NOT NULL AS is_endpoint_deleted,
                v.id IS NULL AS is_event_gone, v.erased_at IS NOT NULL AS is_event_erased
         FROM json_each($1) AS w
         LEFT JOIN deliveries AS d ON d.id = w.value AND d.project_id = $2
         LEFT JOIN endpoints AS e ON e.id = d.endpoint_id
         LEFT JOIN events AS v ON v.id = d.event_id",
    )
    .bind(list(ids))
    .bind(project.to_string())
    .fetch_all(connection)
    .await?;
    let standings = rows.iter().map(|row| {
        let mut standing = standing(row)?;
        if !held.contains(&standing.id) && standing.state.is_some() {
            // It has died since, or is about to be something else.
            standing.state = Some(DeliveryState::Pending);
        }
        Ok((standing.id, standing))
    });
    let mut standings = standings.collect::<StoreResult<HashMap<_, _>>>()?;
    Ok(ids.iter().filter_map(|id| standings.remove(id)).collect())
}

fn standing(row: &Row) -> StoreResult<Standing> {
    let flag = |column| row.flag(column);
    let loss = match (flag("is_event_gone")?, flag("is_event_erased")?) {
        (true, _) => Some(Loss::Gone),
        (false, true) => Some(Loss::Erased),
        (false, false) => None,
    };
    Ok(Standing {
        id: row.parsed("id")?,
        state: row.parsed_opt("state")?,
        endpoint: row.parsed_opt("endpoint_id")?,
        endpoint_state: row.parsed_opt("endpoint_state")?,
        is_endpoint_deleted: flag("is_endpoint_deleted")?,
        loss,
    })
}
