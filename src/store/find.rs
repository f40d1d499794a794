//! Finding things whose kind or project is not known: each look-up is served by an index and gives
//! a bounded number of rows.

use sqlx::AssertSqlSafe;

use super::{
    Connection, Store, StoreError, StoreResult,
    api_keys::{self, KeyRecord},
    listeners,
    sql::{Row, query},
    unit::EventKey,
};
use crate::domain::{
    any_id::AnyId,
    delivery::DeliveryState,
    endpoint::Endpoint,
    idempotency::IdempotencyKey,
    ids::{AttemptId, DeliveryId, EndpointId, EventId, ListenerId, ProjectId},
    listener::Listener,
    project::Project,
    time::Timestamp,
};

/// How many deliveries of an event are counted.
pub const MAX_COUNTED: u32 = 1_000;

/// An attempt, as far as it takes to find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptPlace {
    /// Its delivery.
    pub delivery: DeliveryId,
    /// Which attempt of its delivery it was: the first one is 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    /// Why it failed; none if it did not.
    pub error: Option<String>,
}

/// What is known of an event that a producer named, whatever has become of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEvent {
    /// The event.
    pub event: EventId,
    /// When it was received.
    pub received_at: Timestamp,
}

impl Store {
    /// The project that what is called `id` belongs to; none if there is no such thing, or it
    /// belongs to none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn owner_of(&self, id: AnyId) -> StoreResult<Option<ProjectId>> {
        let (table, column, id) = match id {
            AnyId::Project(id) => return Ok(Some(id)),
            AnyId::Event(id) => ("events", "id", id.to_string()),
            AnyId::Endpoint(id) => ("endpoints", "id", id.to_string()),
            AnyId::Delivery(id) => ("deliveries", "id", id.to_string()),
            AnyId::Attempt(id) => ("attempts", "id", id.to_string()),
            AnyId::Key(id) => ("api_keys", "id", id.to_string()),
            AnyId::Job(id) => ("jobs", "id", id.to_string()),
            AnyId::Listener(id) => ("listener_revisions", "listener_id", id.to_string()),
        };
        let statement = format!("SELECT project_id FROM {table} WHERE {column} = $1 LIMIT 1");
        let mut connection = self.read().await?;
        let row = query(AssertSqlSafe(statement))
            .bind(id)
            .fetch_optional(&mut connection)
            .await?;
        row.map_or(Ok(None), |row| row.parsed_opt("project_id"))
    }

    /// Where the attempt called `id`, of `project`, is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such attempt.
    pub async fn attempt_place(
        &self,
        project: ProjectId,
        id: AttemptId,
    ) -> StoreResult<AttemptPlace> {
        let mut connection = self.read().await?;
        let row = query(
            "SELECT delivery_id, number, started_at, status, error_kind
             FROM attempts WHERE id = $1 AND project_id = $2",
        )
        .bind(id.to_string())
        .bind(project.to_string())
        .fetch_optional(&mut connection)
        .await?;
        let row = row.ok_or(StoreError::NotFound("attempt"))?;
        Ok(AttemptPlace {
            delivery: row.parsed("delivery_id")?,
            number: row.number("number")?,
            started_at: row.time("started_at")?,
            status: row.number_opt("status")?,
            error: row.text_opt("error_kind")?,
        })
    }

    /// The endpoint called `id`, of `project`, deleted or not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project never had such an endpoint.
    pub async fn endpoint_ever(&self, project: ProjectId, id: EndpointId) -> StoreResult<Endpoint> {
        let mut connection = self.read().await?;
        let row = query("SELECT * FROM endpoints WHERE id = $1 AND project_id = $2")
            .bind(id.to_string())
            .bind(project.to_string())
            .fetch_optional(&mut connection)
            .await?;
        self.endpoint_of(&row.ok_or(StoreError::NotFound("endpoint"))?)
    }

    /// The last revision of a listener of `project`, and whether it is deleted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project never had such a listener.
    pub async fn listener_ever(
        &self,
        project: ProjectId,
        id: ListenerId,
    ) -> StoreResult<(Listener, bool)> {
        let mut connection = self.read().await?;
        let row = query(
            "SELECT * FROM listener_revisions WHERE project_id = $1 AND listener_id = $2
             ORDER BY revision DESC LIMIT 1",
        )
        .bind(project.to_string())
        .bind(id.to_string())
        .fetch_optional(&mut connection)
        .await?;
        let row = row.ok_or(StoreError::NotFound("listener"))?;
        let is_deleted = row.text("state")? == listeners::DELETED;
        Ok((listeners::listener(&row)?, is_deleted))
    }

    /// The event that a producer called `producer_id` at `source`, also where the log has lost it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn known_event(
        &self,
        project: ProjectId,
        source: &str,
        producer_id: &str,
    ) -> StoreResult<Option<KnownEvent>> {
        let mut connection = self.read().await?;
        let row = query(
            "SELECT event_id, received_at FROM event_keys
             WHERE project_id = $1 AND source = $2 AND producer_id = $3",
        )
        .bind(project.to_string())
        .bind(source)
        .bind(producer_id)
        .fetch_optional(&mut connection)
        .await?;
        row.as_ref().map(known).transpose()
    }

    /// Up to `limit` events of the request that its client marked with `key`, in their order, also
    /// where the log has lost them.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn events_of_request(
        &self,
        project: ProjectId,
        key: &IdempotencyKey,
        limit: u32,
    ) -> StoreResult<Vec<KnownEvent>> {
        let key = EventKey::of_request(project, key, 0, [0; 32]);
        let (first, end) = key.request_range();
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT event_id, received_at FROM event_keys
             WHERE project_id = $1 AND source = $2 AND producer_id >= $3 AND producer_id < $4
             ORDER BY event_id LIMIT $5",
        )
        .bind(project.to_string())
        .bind(key.source)
        .bind(first)
        .bind(end)
        .bind(limit)
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(known).collect()
    }

    /// Up to `limit` endpoints of `project` whose URL begins like one of `beginnings`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn endpoints_at(
        &self,
        project: ProjectId,
        beginnings: &[String],
        limit: u32,
    ) -> StoreResult<Vec<Endpoint>> {
        let mut connection = self.read().await?;
        let mut found = Vec::new();
        for beginning in beginnings {
            let rows = query(
                "SELECT * FROM endpoints
                 WHERE project_id = $1 AND url >= $2 AND url < $3 AND deleted_at IS NULL
                 ORDER BY url, id LIMIT $4",
            )
            .bind(project.to_string())
            .bind(beginning)
            .bind(end_of(beginning))
            .bind(limit)
            .fetch_all(&mut connection)
            .await?;
            for row in &rows {
                found.push(self.endpoint_of(row)?);
            }
        }
        found.truncate(limit as usize);
        Ok(found)
    }

    /// Up to `limit` endpoints of `project` whose name begins like `name`, whatever the case.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn endpoints_named(
        &self,
        project: ProjectId,
        name: &str,
        limit: u32,
    ) -> StoreResult<Vec<Endpoint>> {
        let mut connection = self.read().await?;
        let statement = "SELECT * FROM endpoints
             WHERE project_id = $1 AND lower(name) >= $2 AND lower(name) < $3
               AND deleted_at IS NULL AND name IS NOT NULL
             ORDER BY lower(name), id LIMIT $4";
        let rows = named(&mut connection, statement, project, name, limit).await?;
        rows.iter().map(|row| self.endpoint_of(row)).collect()
    }

    /// Up to `limit` listeners of `project` whose name begins like `name`, whatever the case.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn listeners_named(
        &self,
        project: ProjectId,
        name: &str,
        limit: u32,
    ) -> StoreResult<Vec<Listener>> {
        let mut connection = self.read().await?;
        let statement = connection.by(
            "SELECT * FROM listener_revisions
             WHERE project_id = $1 AND lower(config_json ->> 'name') >= $2
               AND lower(config_json ->> 'name') < $3
               AND until_version IS NULL AND state <> 'deleted'
             ORDER BY lower(config_json ->> 'name'), listener_id LIMIT $4",
            "SELECT * FROM (
                 SELECT *, lower((replace(config_json, '\\u0000', '\\ufffd')::json ->> 'name')
                                 COLLATE \"C\") AS called
                 FROM listener_revisions
                 WHERE project_id = $1 AND until_version IS NULL AND state <> 'deleted') AS l
             WHERE called >= $2 AND called < $3 ORDER BY called, listener_id LIMIT $4",
        );
        let rows = named(&mut connection, statement, project, name, limit).await?;
        rows.iter().map(listeners::listener).collect()
    }

    /// Up to `limit` keys of `project` whose name begins like `name`, whatever the case.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn keys_named(
        &self,
        project: ProjectId,
        name: &str,
        limit: u32,
    ) -> StoreResult<Vec<KeyRecord>> {
        let mut connection = self.read().await?;
        let statement = "SELECT * FROM api_keys
             WHERE project_id = $1 AND lower(name) >= $2 AND lower(name) < $3
             ORDER BY lower(name), id LIMIT $4";
        let rows = named(&mut connection, statement, project, name, limit).await?;
        rows.iter().map(api_keys::key).collect()
    }

    /// Up to `limit` projects whose name begins like `name`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn projects_named_like(&self, name: &str, limit: u32) -> StoreResult<Vec<Project>> {
        let mut connection = self.read().await?;
        let rows =
            query("SELECT * FROM projects WHERE name >= $1 AND name < $2 ORDER BY name LIMIT $3")
                .bind(name)
                .bind(end_of(name))
                .bind(limit)
                .fetch_all(&mut connection)
                .await?;
        rows.iter().map(super::projects::project).collect()
    }

    /// How many of the first [`MAX_COUNTED`] deliveries that carry `event` for `project` are in
    /// which state.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn deliveries_by_state(
        &self,
        project: ProjectId,
        event: EventId,
    ) -> StoreResult<Vec<(DeliveryState, u32)>> {
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT state, count(*) AS count
             FROM (SELECT state FROM deliveries WHERE event_id = $1 AND project_id = $2 LIMIT $3) AS counted
             GROUP BY state ORDER BY state",
        )
        .bind(event.to_string())
        .bind(project.to_string())
        .bind(MAX_COUNTED)
        .fetch_all(&mut connection)
        .await?;
        rows.iter()
            .map(|row| Ok((row.parsed("state")?, row.number("count")?)))
            .collect()
    }
}

/// The rows of `statement`, which looks in `project` for what is called like `name`.
async fn named(
    connection: &mut Connection,
    statement: &'static str,
    project: ProjectId,
    name: &str,
    limit: u32,
) -> StoreResult<Vec<Row>> {
    let beginning = name.to_ascii_lowercase();
    query(statement)
        .bind(project.to_string())
        .bind(&beginning)
        .bind(end_of(&beginning))
        .bind(limit)
        .fetch_all(connection)
        .await
}

fn known(row: &Row) -> StoreResult<KnownEvent> {
    Ok(KnownEvent {
        event: row.parsed("event_id")?,
        received_at: row.time("received_at")?,
    })
}

/// What comes after every text that begins with `beginning`.
fn end_of(beginning: &str) -> String {
    format!("{beginning}{}", char::MAX)
}
