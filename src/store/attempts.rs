//! Attempts: looking up what was sent and what came back.

mod list;

use std::time::Duration;

pub(super) use self::list::line_of;
pub use self::list::{AttemptFilter, AttemptLine};
use super::{
    Store, StoreError, StoreResult,
    list::least_after,
    sql::{Row, query, unreadable},
};
use crate::domain::{
    attempt::{Attempt, ErrorKind, Exchange, Failure, Response},
    ids::{AttemptKind, DeliveryId, ProjectId},
    webhook::Format,
};

/// An attempt with the format that its body had.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// The attempt.
    pub attempt: Attempt,
    /// The format: with the event it gives the body as it was sent.
    pub format: Format,
}

/// The most attempts of one delivery that are given at a time: the last ones.
pub const MAX_ATTEMPTS_SHOWN: u32 = 200;

impl Store {
    /// The attempts of a delivery of `project`, in their order; of very many the last
    /// [`MAX_ATTEMPTS_SHOWN`].
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn attempts(
        &self,
        project: ProjectId,
        delivery: DeliveryId,
    ) -> StoreResult<Vec<AttemptRecord>> {
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT * FROM attempts WHERE delivery_id = $1 AND project_id = $2 AND id >= $3
             ORDER BY id DESC LIMIT $4",
        )
        .bind(delivery.to_string())
        .bind(project.to_string())
        .bind(least_after::<AttemptKind, _>(delivery).to_string())
        .bind(MAX_ATTEMPTS_SHOWN)
        .fetch_all(&mut connection)
        .await?;
        rows.iter().rev().map(record).collect()
    }
}

impl Store {
    /// Attempt `number` of a delivery of `project`; the first one is 1.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such attempt.
    pub async fn attempt(
        &self,
        project: ProjectId,
        delivery: DeliveryId,
        number: u32,
    ) -> StoreResult<AttemptRecord> {
        let mut connection = self.read().await?;
        let row = query(
            "SELECT * FROM attempts WHERE delivery_id = $1 AND project_id = $2 AND number = $3
               AND id >= $4
             ORDER BY id DESC LIMIT 1",
        )
        .bind(delivery.to_string())
        .bind(project.to_string())
        .bind(number)
        .bind(least_after::<AttemptKind, _>(delivery).to_string())
        .fetch_optional(&mut connection)
        .await?;
        record(&row.ok_or(StoreError::NotFound("attempt"))?)
    }
}

fn record(row: &Row) -> StoreResult<AttemptRecord> {
    Ok(AttemptRecord {
        attempt: Attempt {
            id: row.parsed("id")?,
            delivery: row.parsed("delivery_id")?,
            project: row.parsed("project_id")?,
            endpoint: row.parsed("endpoint_id")?,
            number: row.number("number")?,
            started_at: row.time("started_at")?,
            url: row.text("url")?,
            request_headers: row.json("request_headers_json")?,
            exchange: exchange(row)?,
        },
        format: row.parsed("format")?,
    })
}

fn exchange(row: &Row) -> StoreResult<Exchange> {
    let result = match row.number_opt("status")? {
        Some(status) => Ok(Response {
            status,
            headers: row.json("response_headers_json")?,
            body: row.blob("response_body")?.into(),
            truncated: row.flag("response_truncated")?,
            broke_off: row
                .text_opt("response_broke_off")?
                .map(|text| failure(&text))
                .transpose()?,
        }),
        None => Err(Failure {
            kind: row.parsed("error_kind")?,
            message: row.text("error_message")?,
        }),
    };
    Ok(Exchange {
        address: row.parsed_opt("address")?,
        duration: Duration::from_millis(row.number("duration_ms")?),
        result,
    })
}

/// A failure as it is written into one column: the kind, a colon, the message.
fn failure(text: &str) -> StoreResult<Failure> {
    let (kind, message) = text.split_once(": ").unwrap_or((text, ""));
    let kind: ErrorKind = kind
        .parse()
        .map_err(|_| unreadable("response_broke_off", text))?;
    Ok(Failure::new(kind, message))
}
