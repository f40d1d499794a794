//! Endpoints that fail: since when every attempt has, and which have failed for too long.
//!
//! An endpoint that does not fail has no row, so its attempts cost one look and no write.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::{
    Connection, StoreResult,
    record::{Disable, Outcome},
    sql::{list, query, to_json},
};
use crate::domain::{attempt::Attempt, endpoint::StateReason, ids::EndpointId, time::Timestamp};

/// Notes which endpoints fail and which do not any more. Gives the attempts that disable theirs, one
/// for each endpoint, in the order of endpoints: on PostgreSQL rows are locked by that order.
pub(super) async fn judge<'a>(
    connection: &mut Connection,
    outcomes: &[&'a Outcome],
) -> StoreResult<Vec<(&'a Attempt, StateReason)>> {
    let mut series = BTreeMap::<EndpointId, Series<'a>>::new();
    let mut in_time: Vec<_> = outcomes.to_vec();
    in_time.sort_by_key(|outcome| outcome.attempt.started_at);
    for outcome in in_time {
        let series = series.entry(outcome.attempt.endpoint).or_default();
        series.goes_on(outcome);
    }
    let endpoints: Vec<_> = series.keys().copied().collect();
    let known = known(connection, &endpoints).await?;
    let recovered = |endpoint: &EndpointId| series[endpoint].has_succeeded;
    let recovered: Vec<_> = known.keys().copied().filter(recovered).collect();
    forget(connection, &recovered).await?;
    let known_on = |endpoint: &EndpointId| {
        let since = known.get(endpoint).copied();
        since.filter(|_| !series[endpoint].has_succeeded)
    };
    let begun = series.iter().filter_map(|(endpoint, series)| {
        let first = series.first_failure?;
        known_on(endpoint).is_none().then_some(Begun {
            endpoint: *endpoint,
            since: first.started_at.as_millis(),
        })
    });
    let begun: Vec<_> = begun.collect();
    begin(connection, &begun).await?;
    let ends = series.iter();
    let ends = ends.filter_map(|(endpoint, series)| series.end(known_on(endpoint)));
    Ok(ends.collect())
}

/// How attempts to one endpoint went, in the order in which they began.
#[derive(Default)]
struct Series<'a> {
    has_succeeded: bool,
    /// The first that failed after the last that succeeded.
    first_failure: Option<&'a Attempt>,
    /// The last one, if it failed.
    last_failure: Option<&'a Outcome>,
    /// One that says that the receiver is gone.
    gone: Option<&'a Attempt>,
}

impl<'a> Series<'a> {
    fn goes_on(&mut self, outcome: &'a Outcome) {
        let attempt = &outcome.attempt;
        if attempt.exchange.is_success() {
            self.has_succeeded = true;
            (self.first_failure, self.last_failure) = (None, None);
            return;
        }
        self.first_failure.get_or_insert(attempt);
        self.last_failure = Some(outcome);
        if outcome.disable == Some(Disable::Gone) {
            self.gone = Some(attempt);
        }
    }

    /// The attempt that disables the endpoint, and why, if every attempt has failed since `known`, or
    /// since the first that failed here.
    fn end(&self, known: Option<Timestamp>) -> Option<(&'a Attempt, StateReason)> {
        if let Some(gone) = self.gone {
            return Some((gone, StateReason::Gone));
        }
        let last = self.last_failure?;
        let Some(Disable::FailingFor(bearable)) = last.disable else {
            return None;
        };
        let since = known.or(self.first_failure.map(|attempt| attempt.started_at))?;
        let has_lasted = last.attempt.started_at.since(since) >= bearable;
        has_lasted.then_some((&last.attempt, StateReason::Failing))
    }
}

/// Which of `endpoints` are known to fail, and since when. They are held.
async fn known(
    connection: &mut Connection,
    endpoints: &[EndpointId],
) -> StoreResult<HashMap<EndpointId, Timestamp>> {
    let lock = connection.by("", "ORDER BY endpoint_id FOR UPDATE");
    let rows = query(AssertSqlSafe(format!(
        "SELECT endpoint_id, since FROM failing_endpoints
         WHERE endpoint_id IN (SELECT value FROM json_each($1)) {lock}"
    )))
    .bind(list(endpoints))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.parsed("endpoint_id")?, row.time("since")?)))
        .collect()
}

/// Since when every attempt to `endpoint` has failed, if it fails.
pub(super) async fn since(
    connection: &mut Connection,
    endpoint: EndpointId,
) -> StoreResult<Option<Timestamp>> {
    let row = query("SELECT since FROM failing_endpoints WHERE endpoint_id = $1")
        .bind(endpoint.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.time("since")).transpose()
}

/// Forgets that `endpoints` fail.
pub(super) async fn forget(
    connection: &mut Connection,
    endpoints: &[EndpointId],
) -> StoreResult<()> {
    if endpoints.is_empty() {
        return Ok(());
    }
    query("DELETE FROM failing_endpoints WHERE endpoint_id IN (SELECT value FROM json_each($1))")
        .bind(list(endpoints))
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that these begin to fail, but for those that take nothing any more.
async fn begin(connection: &mut Connection, begun: &[Begun]) -> StoreResult<()> {
    if begun.is_empty() {
        return Ok(());
    }
    query(
        "INSERT INTO failing_endpoints (endpoint_id, project_id, since)
         SELECT e.id, e.project_id, CAST(w.value ->> 'since' AS BIGINT)
         FROM json_each($1) AS w JOIN endpoints AS e ON e.id = w.value ->> 'endpoint'
         WHERE e.deleted_at IS NULL AND e.state <> 'disabled'
         ORDER BY e.id
         ON CONFLICT DO NOTHING",
    )
    .bind(to_json(&begun)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// An endpoint that begins to fail.
#[derive(Serialize)]
struct Begun {
    endpoint: EndpointId,
    since: i64,
}
