//! The journal: what happened in each project, in the order in which it became durable. It is
//! written by the steps that let something happen, in their transactions, and names what it tells
//! of; the details are read from the logs when somebody asks ([`read`]).
//!
//! Identifiers cannot give this order: they are drawn before what they name is committed. Positions
//! are given by the transaction ([`positions`]), so that whoever has read up to one has missed nothing
//! before it. They grow; whether they leave some out is nobody's business.

mod bells;
mod details;
mod gone;
mod positions;
mod read;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

pub(super) use self::{
    bells::Bells,
    gone::{end_of, note_gone},
    positions::{begin_after, first_of},
    read::first_since,
};
pub use self::{
    details::{AttemptBrief, DeliveryBrief, EndpointBrief, EventBrief},
    positions::Moment,
    read::{Happening, Page, Standing},
};
use super::{
    Connection, Store, StoreResult,
    sql::{Insert, Transaction, to_json},
};
use crate::domain::{
    delivery::DeliveryState,
    ids::{AttemptId, DeliveryId, EventId, ProjectId},
    time::Timestamp,
};

/// The most entries that a row has: what a reader takes at a time is bounded by rows.
const ROW_ENTRIES: usize = 250;

/// What a step has let happen so far.
#[derive(Debug, Default)]
pub(super) struct Journal(BTreeMap<ProjectId, Vec<Entry>>);

/// One thing that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Entry {
    /// An event was accepted.
    #[serde(rename = "e")]
    Event(EventId),
    /// An attempt has ended; the next one is due then, if there is to be one.
    #[serde(rename = "a")]
    Attempt(AttemptId, DeliveryId, Option<i64>),
    /// A delivery came into a state, for this reason.
    #[serde(rename = "d")]
    Delivery(DeliveryId, DeliveryState, Option<Cow<'static, str>>),
}

impl Journal {
    /// Notes that an event was accepted.
    pub(super) fn event(&mut self, project: ProjectId, event: EventId) {
        self.note(project, Entry::Event(event));
    }

    /// Notes that an attempt has ended.
    pub(super) fn attempt(
        &mut self,
        project: ProjectId,
        (attempt, delivery): (AttemptId, DeliveryId),
        next: Option<i64>,
    ) {
        self.note(project, Entry::Attempt(attempt, delivery, next));
    }

    /// Notes that a delivery came into a state.
    pub(super) fn delivery(
        &mut self,
        project: ProjectId,
        delivery: DeliveryId,
        state: DeliveryState,
        reason: Option<&'static str>,
    ) {
        let reason = reason.map(Cow::Borrowed);
        self.note(project, Entry::Delivery(delivery, state, reason));
    }

    fn note(&mut self, project: ProjectId, entry: Entry) {
        self.0.entry(project).or_default().push(entry);
    }

    async fn write(&self, connection: &mut Connection, now: Timestamp) -> StoreResult<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let next = positions::next(connection, self.0.keys()).await?;
        let mut rows = Vec::new();
        for (project, entries) in &self.0 {
            let size = ROW_ENTRIES.max(entries.len().div_ceil(positions::ROWS.into()));
            for (position, entries) in (next[project]..).zip(entries.chunks(size)) {
                rows.push((*project, position, entries.len(), to_json(&entries)?));
            }
        }
        let insert = Insert {
            into: "journal (project_id, position, written_at, entries, entries_json)",
            columns: 5,
            tail: "",
        };
        insert
            .run(
                connection,
                &rows,
                |values, (project, position, size, entries)| {
                    values
                        .bind(project.to_string())
                        .bind(*position)
                        .bind(now.as_millis())
                        .bind(i64::try_from(*size).unwrap_or(i64::MAX))
                        .bind(entries.clone())
                },
            )
            .await?;
        Ok(())
    }
}

impl Store {
    /// Ends a step: writes what it has let happen, makes all of it durable, and wakes who waits for
    /// news of those projects.
    pub(super) async fn conclude(
        &self,
        mut transaction: Transaction,
        journal: &Journal,
        now: Timestamp,
    ) -> StoreResult<()> {
        journal.write(&mut transaction, now).await?;
        transaction.commit().await?;
        self.bells.ring(journal.0.keys());
        Ok(())
    }
}
