//! Listing attempts: what was sent when, and how it went; without headers and bodies.

use std::time::Duration;

use crate::{
    domain::{
        attempt::{AttemptOutcome, ErrorKind, Failure},
        ids::{AttemptId, AttemptKind, DeliveryId, EndpointId, ProjectId},
        list::{Listed, Window},
        status::Statuses,
        time::Timestamp,
    },
    store::{
        Connection, Store, StoreResult,
        list::{Index, Query, Table, Wanted},
        sql::{Row, query},
    },
};

/// Which attempts to list; what is left out says nothing.
#[derive(Debug, Clone, Default)]
pub struct AttemptFilter {
    /// Only those of this delivery.
    pub delivery: Option<DeliveryId>,
    /// Only those that were answered so.
    pub status: Option<Statuses>,
    /// Only those that failed in this way.
    pub error_kind: Option<ErrorKind>,
    /// Only those that ended so.
    pub outcome: Option<AttemptOutcome>,
    /// Only those that went to this endpoint.
    pub endpoint: Option<EndpointId>,
}

/// An attempt as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLine {
    /// Its name.
    pub id: AttemptId,
    /// The delivery that it was for.
    pub delivery: DeliveryId,
    /// The endpoint that it went to.
    pub endpoint: EndpointId,
    /// Which attempt of its delivery it was: the first one is 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// The URL that was asked.
    pub url: String,
    /// What it was answered with; none if it was not.
    pub status: Option<u16>,
    /// Why it failed; none if it did not.
    pub failure: Option<Failure>,
}

/// All attempts. Those that failed are found by what kinds of error there are, those that did not
/// by what statuses.
static ATTEMPTS: Table = Table {
    name: "attempts",
    alias: "a",
    id: "id",
    owner: "project_id",
    columns: "a.id, a.delivery_id, a.endpoint_id, a.number, a.started_at, a.duration_ms, a.url, \
              a.status, a.error_kind, a.error_message",
    join: "",
    always: None,
    all: Index::all("attempts_by_project"),
    all_values: &[],
    indexes: &[
        Index::by("delivery_id", "attempts_by_delivery").few(),
        Index::by("status", "attempts_by_status"),
        Index::by("error_kind", "attempts_by_error_kind"),
        Index::by("endpoint_id", "attempts_by_endpoint"),
    ],
};

impl AttemptFilter {
    /// What it asks of the attempts of `project`.
    pub(in crate::store) fn query(&self, project: ProjectId) -> Query {
        let ended = |outcome| self.outcome == Some(outcome);
        let taken = ended(AttemptOutcome::Succeeded).then_some(Statuses::Class(2));
        let failed = ended(AttemptOutcome::Failed).then(Wanted::anything);
        Query::of(&ATTEMPTS, project)
            .not_before::<AttemptKind, _>(self.delivery)
            .only("delivery_id", self.delivery)
            .only("status", self.status)
            .only("error_kind", self.error_kind.map(ErrorKind::as_str))
            .only("error_kind", failed)
            .only("endpoint_id", self.endpoint)
            .only("status", taken)
    }
}

impl Store {
    /// The attempts of `project` that `filter` lets through.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn list_attempts(
        &self,
        project: ProjectId,
        filter: &AttemptFilter,
        window: &Window<AttemptId>,
    ) -> StoreResult<Listed<AttemptLine, AttemptId>> {
        let mut snapshot = self.browse().await?;
        let query = filter.query(project);
        let read = |row: &Row| line(row).map(Some);
        query.list(&mut snapshot, window, read).await
    }
}

/// The attempt called `id`, if one is meant and it is there.
pub(in crate::store) async fn line_of(
    connection: &mut Connection,
    id: Option<AttemptId>,
) -> StoreResult<Option<AttemptLine>> {
    let Some(id) = id else { return Ok(None) };
    let row = query("SELECT * FROM attempts WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(line).transpose()
}

fn line(row: &Row) -> StoreResult<AttemptLine> {
    let kind: Option<ErrorKind> = row.parsed_opt("error_kind")?;
    let failure = kind.map(|kind| {
        let message = row.text_opt("error_message")?.unwrap_or_default();
        StoreResult::Ok(Failure::new(kind, message))
    });
    Ok(AttemptLine {
        id: row.parsed("id")?,
        delivery: row.parsed("delivery_id")?,
        endpoint: row.parsed("endpoint_id")?,
        number: row.number("number")?,
        started_at: row.time("started_at")?,
        duration: Duration::from_millis(row.number("duration_ms")?),
        url: row.text("url")?,
        status: row.number_opt("status")?,
        failure: failure.transpose()?,
    })
}
