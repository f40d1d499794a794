//! What stands around deliveries: how their endpoints are, how their last attempts went, what is
//! due before them. Each is read for a whole page at a time.

use std::{collections::HashMap, time::Duration};

use url::Url;

use super::{
    Store, StoreResult,
    sql::{Row, list, query, query_scalar},
};
use crate::domain::{
    attempt::ErrorKind,
    endpoint::EndpointState,
    ids::{DeliveryId, EndpointId, ProjectId},
    time::Timestamp,
};

/// How far what is due before a delivery is counted.
pub const MAX_DUE_BEFORE: u32 = 1_000;

/// How an endpoint is, as far as deliveries to it are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: EndpointState,
    /// Since when it is in its state.
    pub since: Timestamp,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
}

/// How the last attempt of a delivery went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// Which attempt it was: the first one is 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    /// Why it failed; none if it did not.
    pub error: Option<ErrorKind>,
}

impl Store {
    /// How the endpoints called `ids` are, deleted ones too; what never was is left out. Whoever
    /// asks has deliveries that name them.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn endpoint_standings(
        &self,
        ids: &[EndpointId],
    ) -> StoreResult<HashMap<EndpointId, Standing>> {
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT id, state, state_since, deleted_at FROM endpoints
             WHERE id IN (SELECT value FROM json_each($1))",
        )
        .bind(list(ids))
        .fetch_all(&mut connection)
        .await?;
        rows.iter()
            .map(|row| Ok((row.parsed("id")?, standing(row)?)))
            .collect()
    }

    /// The endpoint of `project` that a listener would find under `url`, and how it is; none if one
    /// would be made.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn standing_at(
        &self,
        project: ProjectId,
        url: &Url,
    ) -> StoreResult<Option<(EndpointId, Standing)>> {
        let mut connection = self.read().await?;
        let row = query(
            "SELECT id, state, state_since, deleted_at FROM endpoints
             WHERE project_id = $1 AND url = $2 AND deleted_at IS NULL
             ORDER BY id LIMIT 1",
        )
        .bind(project.to_string())
        .bind(url.as_str())
        .fetch_optional(&mut connection)
        .await?;
        row.as_ref()
            .map(|row| Ok((row.parsed("id")?, standing(row)?)))
            .transpose()
    }

    /// How the last attempts of `deliveries` went; those without any are left out.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn last_attempts(
        &self,
        deliveries: &[DeliveryId],
    ) -> StoreResult<HashMap<DeliveryId, LastAttempt>> {
        let mut connection = self.read().await?;
        let rows = query(connection.by(
            "SELECT a.delivery_id, a.number, a.started_at, a.duration_ms, a.status, a.error_kind
             FROM json_each($1) AS w
             CROSS JOIN attempts AS a
             WHERE a.id = (SELECT id FROM attempts WHERE delivery_id = w.value
                           ORDER BY id DESC LIMIT 1)",
            "SELECT a.delivery_id, a.number, a.started_at, a.duration_ms, a.status, a.error_kind
             FROM json_each($1) AS w
             CROSS JOIN LATERAL (
                 SELECT * FROM attempts WHERE delivery_id = w.value
                 ORDER BY delivery_id DESC, id DESC LIMIT 1) AS a",
        ))
        .bind(list(deliveries))
        .fetch_all(&mut connection)
        .await?;
        let attempts = rows.iter().map(|row| {
            let last = LastAttempt {
                number: row.number("number")?,
                started_at: row.time("started_at")?,
                duration: Duration::from_millis(row.number("duration_ms")?),
                status: row.number_opt("status")?,
                error: row.parsed_opt("error_kind")?,
            };
            Ok((row.parsed("delivery_id")?, last))
        });
        attempts.collect()
    }

    /// How many deliveries to `endpoint` that nobody owns are due before `delivery`, which is due
    /// at `due`: counted up to [`MAX_DUE_BEFORE`].
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn due_before(
        &self,
        endpoint: EndpointId,
        due: Timestamp,
        delivery: DeliveryId,
    ) -> StoreResult<u32> {
        let mut connection = self.read().await?;
        let count: i64 = query_scalar(
            "SELECT count(*) FROM (
                 SELECT 1 FROM queue
                 WHERE endpoint_id = $1 AND owner IS NULL AND due_at <= $2
                   AND (due_at < $2 OR delivery_id < $3)
                 LIMIT $4) AS due",
        )
        .bind(endpoint.to_string())
        .bind(due.as_millis())
        .bind(delivery.to_string())
        .bind(MAX_DUE_BEFORE)
        .fetch_one(&mut connection)
        .await?;
        Ok(u32::try_from(count).unwrap_or(MAX_DUE_BEFORE))
    }
}

fn standing(row: &Row) -> StoreResult<Standing> {
    Ok(Standing {
        state: row.parsed("state")?,
        since: row.time("state_since")?,
        deleted_at: row.time_opt("deleted_at")?,
    })
}
