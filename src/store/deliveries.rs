//! Deliveries: looking them up. What is done to them stands in [`act`](super::act).

use super::{
    Connection, Store, StoreError, StoreResult,
    counters::{self, Deltas},
    journal::Journal,
    list::{Fixed, Index, Query, Table},
    sql::{Builder, Row, list, query, span},
};
use crate::{
    domain::{
        attempt::ErrorKind,
        delivery::{CancelReason, Cause, Delivery, DeliveryState, Target},
        ids::{DeliveryId, DeliveryKind, EndpointId, EventId, ListenerId, ProjectId},
        list::{Listed, Window},
        status::Statuses,
        time::Timestamp,
    },
    rules::Subject,
};

/// Which deliveries to list; what is left out says nothing.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those of this event.
    pub event: Option<EventId>,
    /// Only those of this listener.
    pub listener: Option<ListenerId>,
    /// Only those to this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only those whose last attempt was answered so.
    pub status: Option<Statuses>,
    /// Only those whose last attempt failed in this way.
    pub error_kind: Option<ErrorKind>,
    /// Only those that stand where they do for this reason.
    pub reason: Option<String>,
    /// Only those of events of these types.
    pub event_type: Option<Subject>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those that have not changed since this time.
    pub unchanged_since: Option<Timestamp>,
}

/// Begins every query for deliveries; what follows is the project's id.
pub(super) const SELECT: &str = "SELECT d.*, q.due_at FROM deliveries AS d \
                      LEFT JOIN queue AS q ON q.delivery_id = d.id AND q.project_id = d.project_id \
                      WHERE d.project_id = ";

/// All deliveries.
static DELIVERIES: Table = Table {
    name: "deliveries",
    alias: "d",
    id: "id",
    owner: "project_id",
    columns: "d.*, q.due_at",
    join: " LEFT JOIN queue AS q ON q.delivery_id = d.id AND q.project_id = d.project_id",
    always: None,
    all: Index::all("deliveries_by_project"),
    all_values: &[],
    indexes: &[
        Index::by("event_id", "deliveries_by_event").few(),
        Index::by("listener_id", "deliveries_by_listener"),
        Index::by("endpoint_id", "deliveries_by_endpoint"),
        Index::by("status", "deliveries_by_status"),
        Index::by("error_kind", "deliveries_by_error_kind"),
        Index::by("reason", "deliveries_by_reason"),
        Index::by("event_type", "deliveries_by_type"),
        Index::by("state", "deliveries_by_state"),
    ],
};

/// Those that are dead: few beside all.
static DEAD_LETTERS: Table = Table {
    always: Some(Fixed {
        column: "state",
        is: "= 'dead'",
    }),
    all: Index::all("deliveries_by_state"),
    indexes: &[
        Index::by("event_id", "deliveries_by_event").few(),
        Index::by("listener_id", "dead_letters_by_listener"),
        Index::by("endpoint_id", "dead_letters_by_endpoint"),
        Index::by("status", "dead_letters_by_status"),
        Index::by("error_kind", "dead_letters_by_error_kind"),
        Index::by("reason", "dead_letters_by_reason"),
        Index::by("event_type", "dead_letters_by_type"),
    ],
    ..DELIVERIES
};

impl DeliveryFilter {
    /// What it asks of the deliveries of `project`.
    pub(super) fn query(&self, project: ProjectId) -> Query {
        let (table, state) = match self.state {
            Some(DeliveryState::Dead) => (&DEAD_LETTERS, None),
            state => (&DELIVERIES, state),
        };
        Query::of(table, project)
            .not_before::<DeliveryKind, _>(self.event)
            .only("event_id", self.event)
            .only("listener_id", self.listener)
            .only("endpoint_id", self.endpoint)
            .only("status", self.status)
            .only("error_kind", self.error_kind.map(ErrorKind::as_str))
            .only("reason", self.reason.as_deref())
            .only("event_type", self.event_type.as_ref())
            .only("state", state.map(DeliveryState::as_str))
            .check(
                "d.updated_at <= ",
                self.unchanged_since.map(Timestamp::as_millis),
                "",
            )
    }
}

impl Store {
    /// The delivery called `id`, of `project`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such delivery.
    pub async fn delivery(&self, project: ProjectId, id: DeliveryId) -> StoreResult<Delivery> {
        let mut connection = self.read().await?;
        find(&mut connection, project, id).await
    }

    /// The deliveries of `project` that `filter` lets through.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn deliveries(
        &self,
        project: ProjectId,
        filter: &DeliveryFilter,
        window: &Window<DeliveryId>,
    ) -> StoreResult<Listed<Delivery, DeliveryId>> {
        let mut snapshot = self.browse().await?;
        let query = filter.query(project);
        let read = |row: &Row| delivery(row).map(Some);
        query.list(&mut snapshot, window, read).await
    }
}

/// The delivery called `id`, of `project`.
pub(super) async fn find(
    connection: &mut Connection,
    project: ProjectId,
    id: DeliveryId,
) -> StoreResult<Delivery> {
    let mut query = Builder::new(SELECT);
    query.push_bind(project.to_string());
    query.push(" AND d.id = ").push_bind(id.to_string());
    let row = query.build().fetch_optional(connection).await?;
    delivery(&row.ok_or(StoreError::NotFound("delivery"))?)
}

/// The state that deliveries are closed in, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    pub(super) state: DeliveryState,
    pub(super) reason: &'static str,
}

impl Closing {
    /// They are called off.
    pub(super) const fn called_off(reason: CancelReason) -> Self {
        Self {
            state: DeliveryState::Cancelled,
            reason: reason.as_str(),
        }
    }
}

/// Puts deliveries, which are held, into a state that they stay in.
pub(super) async fn close(
    connection: &mut Connection,
    ids: &[DeliveryId],
    Closing { state, reason }: Closing,
    journal: &mut Journal,
    now: Timestamp,
) -> StoreResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let before = counters::states(&mut *connection, ids).await?;
    let [first, last] = span(ids);
    let closed = query(
        "UPDATE deliveries SET state = $2, reason = $3, updated_at = $4, cancel_requested = 0
         WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $5 AND $6
         RETURNING id, project_id",
    )
    .bind(list(ids))
    .bind(state.as_str())
    .bind(reason)
    .bind(now.as_millis())
    .bind(first)
    .bind(last)
    .fetch_all(&mut *connection)
    .await?;
    for row in &closed {
        let (project, id) = (row.parsed("project_id")?, row.parsed("id")?);
        journal.delivery(project, id, state, Some(reason));
    }
    Deltas::moving(before, state).write(connection).await
}

/// The delivery in a row of [`SELECT`].
pub(super) fn delivery(row: &Row) -> StoreResult<Delivery> {
    let listener = row.parsed_opt("listener_id")?;
    let cause = listener.map(|listener| {
        StoreResult::Ok(Cause {
            listener,
            revision: row.number("listener_revision")?,
            reaction: row.number("reaction")?,
        })
    });
    Ok(Delivery {
        id: row.parsed("id")?,
        project: row.parsed("project_id")?,
        event: row.parsed("event_id")?,
        event_type: row.parsed("event_type")?,
        cause: cause.transpose()?,
        target: row
            .parsed_opt("endpoint_id")?
            .map_or(Target::Emit, Target::Webhook),
        state: row.parsed("state")?,
        reason: row.text_opt("reason")?,
        detail: row.text_opt("detail")?,
        error_kind: row.parsed_opt("error_kind")?,
        status: row.number_opt("status")?,
        attempts: row.number("attempts")?,
        next_attempt_at: row.time_opt("due_at")?,
        cancel_requested: row.flag("cancel_requested")?,
        created_at: row.time("created_at")?,
        since: row.time("since")?,
        updated_at: row.time("updated_at")?,
    })
}
