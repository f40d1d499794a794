//! Refusals: what was sent and did not become an event. The last of each project are kept, all are
//! counted.

use std::collections::{BTreeMap, HashMap};

use super::{
    Connection, Store, StoreResult,
    list::{Index, Query, Table},
    sql::{Insert, Row, query},
};
use crate::domain::{
    ids::{ProjectId, RefusalId},
    list::{Listed, Window},
    refusal::{MAX_KEPT, Refusal, RefusalOutcome, RefusalRecord, SentName},
    time::Timestamp,
};

/// What a project has sent in a while.
#[derive(Debug, Default)]
pub struct RefusalBatch {
    /// Some of it.
    pub kept: Vec<(Timestamp, Refusal)>,
    /// How much of it came to what, with which code.
    pub counts: BTreeMap<(RefusalOutcome, Option<&'static str>), u64>,
}

/// Which refusals to list, and from where.
#[derive(Debug, Clone, Default)]
pub struct RefusalFilter {
    /// Only those that came to this.
    pub outcome: Option<RefusalOutcome>,
    /// Only those of events that their producer gave this id.
    pub producer_id: Option<String>,
}

static REFUSALS: Table = Table {
    name: "refusals",
    alias: "r",
    id: "id",
    owner: "project_id",
    columns: "r.*",
    join: "",
    always: None,
    all: Index::all("refusals_by_project"),
    all_values: &[],
    indexes: &[Index::by("producer_id", "refusals_by_producer_id")],
};

/// How many came to what, ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalTotal {
    /// What they came to.
    pub outcome: RefusalOutcome,
    /// The code with which they were answered.
    pub code: Option<String>,
    /// How many there were.
    pub count: u64,
    /// When the last one was written down.
    pub last_at: Timestamp,
}

impl Store {
    /// Writes refusals down, in one transaction, and lets older ones go; `name` gives each a name.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is written then.
    pub async fn write_refusals(
        &self,
        batches: HashMap<ProjectId, RefusalBatch>,
        name: impl Fn(Timestamp) -> RefusalId,
    ) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        for (project, batch) in &batches {
            let named = batch.kept.iter();
            let named: Vec<_> = named.map(|(at, it)| (name(*at), *at, it)).collect();
            insert(&mut transaction, *project, &named).await?;
            trim(&mut transaction, *project).await?;
            let last = batch.kept.iter().map(|(at, _)| *at).max();
            count(&mut transaction, *project, batch, last.unwrap_or_default()).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The refusals of `project` that `filter` lets through, as far as `window` shows them.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn refusals(
        &self,
        project: ProjectId,
        filter: RefusalFilter,
        window: &Window<RefusalId>,
    ) -> StoreResult<Listed<RefusalRecord, RefusalId>> {
        let mut snapshot = self.browse().await?;
        let query = Query::of(&REFUSALS, project)
            .only("producer_id", filter.producer_id)
            .only("outcome", filter.outcome.map(RefusalOutcome::as_str));
        let read = |row: &Row| refusal(row).map(Some);
        query.list(&mut snapshot, window, read).await
    }

    /// How many refusals `project` has had, by what they came to.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn refusal_totals(&self, project: ProjectId) -> StoreResult<Vec<RefusalTotal>> {
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT outcome, code, count, last_at FROM refusal_totals
             WHERE project_id = $1 ORDER BY outcome, code",
        )
        .bind(project.to_string())
        .fetch_all(&mut connection)
        .await?;
        let total = |row: &Row| {
            Ok(RefusalTotal {
                outcome: row.parsed("outcome")?,
                code: Some(row.text("code")?).filter(|code| !code.is_empty()),
                count: row.number("count")?,
                last_at: row.time("last_at")?,
            })
        };
        rows.iter().map(total).collect()
    }
}

async fn insert(
    connection: &mut Connection,
    project: ProjectId,
    refusals: &[(RefusalId, Timestamp, &Refusal)],
) -> StoreResult<()> {
    let insert = Insert {
        into: "refusals (id, project_id, at, outcome, code, pointer, detail, event_id, producer_id, \
               source, type)",
        columns: 11,
        tail: "",
    };
    insert
        .run(connection, refusals, |values, (id, at, refusal)| {
            values
                .bind(id.to_string())
                .bind(project.to_string())
                .bind(at.as_millis())
                .bind(refusal.outcome.as_str())
                .bind(refusal.code)
                .bind(refusal.pointer.clone())
                .bind(refusal.detail.clone())
                .bind(refusal.event.map(|event| event.to_string()))
                .bind(refusal.sent.id.clone())
                .bind(refusal.sent.source.clone())
                .bind(refusal.sent.event_type.clone())
        })
        .await?;
    Ok(())
}

/// Lets go what is older than the last [`MAX_KEPT`].
async fn trim(connection: &mut Connection, project: ProjectId) -> StoreResult<()> {
    query(
        "DELETE FROM refusals WHERE project_id = $1 AND id <= (
             SELECT id FROM refusals WHERE project_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
    )
    .bind(project.to_string())
    .bind(MAX_KEPT)
    .execute(connection)
    .await?;
    Ok(())
}

async fn count(
    connection: &mut Connection,
    project: ProjectId,
    batch: &RefusalBatch,
    last: Timestamp,
) -> StoreResult<()> {
    let counts: Vec<_> = batch.counts.iter().collect();
    let insert = Insert {
        into: "refusal_totals (project_id, outcome, code, count, last_at)",
        columns: 5,
        tail: "ON CONFLICT (project_id, outcome, code) DO UPDATE SET \
               count = refusal_totals.count + excluded.count, \
               last_at = CASE WHEN refusal_totals.last_at < excluded.last_at \
                              THEN excluded.last_at ELSE refusal_totals.last_at END",
    };
    insert
        .run(connection, &counts, |values, ((outcome, code), count)| {
            values
                .bind(project.to_string())
                .bind(outcome.as_str())
                .bind(code.unwrap_or_default())
                .bind(i64::try_from(**count).unwrap_or(i64::MAX))
                .bind(last.as_millis())
        })
        .await?;
    Ok(())
}

fn refusal(row: &Row) -> StoreResult<RefusalRecord> {
    Ok(RefusalRecord {
        id: row.parsed("id")?,
        project: row.parsed("project_id")?,
        at: row.time("at")?,
        outcome: row.parsed("outcome")?,
        code: row.text_opt("code")?,
        pointer: row.text_opt("pointer")?,
        detail: row.text("detail")?,
        event: row.parsed_opt("event_id")?,
        sent: SentName {
            id: row.text_opt("producer_id")?,
            source: row.text_opt("source")?,
            event_type: row.text_opt("type")?,
        },
    })
}
