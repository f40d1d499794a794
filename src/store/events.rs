//! Events: the log of what happened.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Connection, Store, StoreError, StoreResult,
    list::{Index, Query, Table},
    sql::{Insert, Row, list, query, query_scalar, span, unreadable},
    unit::MetEvent,
};
use crate::{
    domain::{
        event::{Attributes, Data, Event, EventState, ExtensionValue, Loss},
        ids::{EventId, ProjectId},
        lineage::Lineage,
        list::{Listed, Window},
    },
    rules::Subject,
};

/// Which events to list; what is left out says nothing.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only those of this chain of causes.
    pub correlation: Option<EventId>,
    /// Only those that a producer sent under this id.
    pub producer_id: Option<String>,
    /// Only those about this.
    pub subject: Option<String>,
    /// Only those that became this.
    pub state: Option<EventState>,
    /// Only those of these types.
    pub event_type: Option<Subject>,
    /// Only those from here.
    pub source: Option<String>,
}

/// All events.
static EVENTS: Table = Table {
    name: "events",
    alias: "e",
    id: "id",
    owner: "project_id",
    columns: "e.*",
    join: "",
    always: None,
    all: Index::all("events_by_project"),
    all_values: &[],
    indexes: &[
        Index::by("correlation_id", "events_by_correlation").few(),
        Index::by("producer_id", "events_by_producer_id"),
        Index::by("subject", "events_by_subject"),
        Index::by("state", "events_by_state").except("accepted"),
        Index::by("type", "events_by_type"),
        Index::by("source", "events_by_source"),
    ],
};

impl EventFilter {
    /// What it asks of the events of `project`.
    pub(super) fn query(&self, project: ProjectId) -> Query {
        Query::of(&EVENTS, project)
            .only("correlation_id", self.correlation)
            .only("producer_id", self.producer_id.as_deref())
            .only("subject", self.subject.as_deref())
            .only("state", self.state.map(EventState::as_str))
            .only("type", self.event_type.as_ref())
            .only("source", self.source.as_deref())
    }
}

/// An event as it is listed: all but its data.
#[derive(Debug, Clone)]
pub struct EventRecord {
    /// The event.
    pub event: Event,
    /// The version of its project's rules that it met.
    pub rules_version: i64,
    /// The version of the platform's rules that it met.
    pub platform_version: i64,
}

impl Store {
    /// The event called `id`, of `project`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such event.
    pub async fn event(&self, project: ProjectId, id: EventId) -> StoreResult<EventRecord> {
        let mut connection = self.read().await?;
        let row = query("SELECT * FROM events WHERE id = $1 AND project_id = $2")
            .bind(id.to_string())
            .bind(project.to_string())
            .fetch_optional(&mut connection)
            .await?;
        record(&row.ok_or(StoreError::NotFound("event"))?)
    }

    /// The event called `id`, whomever it belongs to.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub async fn any_event(&self, id: EventId) -> StoreResult<EventRecord> {
        let mut connection = self.read().await?;
        let row = query("SELECT * FROM events WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut connection)
            .await?;
        record(&row.ok_or(StoreError::NotFound("event"))?)
    }

    /// The events of `project` that `filter` lets through.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn events(
        &self,
        project: ProjectId,
        filter: &EventFilter,
        window: &Window<EventId>,
    ) -> StoreResult<Listed<EventRecord, EventId>> {
        let mut snapshot = self.browse().await?;
        let query = filter.query(project);
        let read = |row: &Row| record(row).map(Some);
        query.list(&mut snapshot, window, read).await
    }

    /// The same, up to the event whose data makes `bytes` with that of those before it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn events_within(
        &self,
        project: ProjectId,
        filter: &EventFilter,
        window: &Window<EventId>,
        bytes: usize,
    ) -> StoreResult<Listed<EventRecord, EventId>> {
        let mut snapshot = self.browse().await?;
        let query = filter.query(project);
        let read = |row: &Row| record(row).map(Some);
        let mut sum = 0;
        let enough = |record: &EventRecord| {
            sum += record.event.data.bytes().len();
            sum >= bytes
        };
        query.list_until(&mut snapshot, window, read, enough).await
    }
}

/// The attributes that have no column of their own.
#[derive(Serialize, Deserialize)]
struct FurtherAttributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataschema: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extensions: BTreeMap<String, ExtensionValue>,
}

pub(super) async fn insert(connection: &mut Connection, events: &[&MetEvent]) -> StoreResult<()> {
    let insert = Insert {
        into: "events (id, project_id, producer_id, source, type, subject, time, attributes_json, \
               data_kind, data, received_at, correlation_id, causation_id, path_json, state, \
               rules_version, platform_version)",
        columns: 17,
        tail: "",
    };
    insert
        .run(connection, events, |values, met| {
            let event = &met.event;
            let attributes = &event.attributes;
            let further = FurtherAttributes {
                datacontenttype: attributes.datacontenttype.clone(),
                dataschema: attributes.dataschema.clone(),
                extensions: attributes.extensions.clone(),
            };
            values
                .bind(event.id.to_string())
                .bind(event.project.to_string())
                .bind(&attributes.id)
                .bind(&attributes.source)
                .bind(attributes.event_type.as_str())
                .bind(&attributes.subject)
                .bind(&attributes.time)
                .bind(serde_json::json!(further).to_string())
                .bind(data_kind(&event.data))
                .bind(event.data.bytes())
                .bind(event.received_at.as_millis())
                .bind(event.lineage.correlation.to_string())
                .bind(event.lineage.causation.map(|id| id.to_string()))
                .bind(serde_json::json!(event.lineage.path).to_string())
                .bind(event.state.as_str())
                .bind(met.rules_version)
                .bind(met.platform_version)
        })
        .await?;
    Ok(())
}

/// Why nothing is left to send of the event called `id`; none if it is there. Then it stays until the
/// transaction ends: whoever removes or erases it meanwhile waits.
pub(super) async fn loss(connection: &mut Connection, id: EventId) -> StoreResult<Option<Loss>> {
    let erased: Option<bool> = query_scalar(connection.by(
        "SELECT erased_at IS NOT NULL FROM events WHERE id = $1",
        "SELECT erased_at IS NOT NULL FROM events WHERE id = $1 FOR SHARE",
    ))
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    Ok(match erased {
        None => Some(Loss::Gone),
        Some(true) => Some(Loss::Erased),
        Some(false) => None,
    })
}

/// The events called `ids`, by name.
pub(super) async fn load(
    connection: &mut Connection,
    ids: &[EventId],
) -> StoreResult<HashMap<EventId, Arc<Event>>> {
    let [first, last] = span(ids);
    let rows = query(
        "SELECT * FROM events
         WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $2 AND $3",
    )
    .bind(list(ids))
    .bind(first)
    .bind(last)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let event = record(row)?.event;
            Ok((event.id, Arc::new(event)))
        })
        .collect()
}

/// The event in a row that has all of its columns.
pub(super) fn record(row: &Row) -> StoreResult<EventRecord> {
    let further: FurtherAttributes = row.json("attributes_json")?;
    let event = Event {
        id: row.parsed("id")?,
        project: row.parsed("project_id")?,
        attributes: Attributes {
            id: row.text("producer_id")?,
            source: row.text("source")?,
            event_type: row.parsed("type")?,
            subject: row.text_opt("subject")?,
            time: row.text("time")?,
            datacontenttype: further.datacontenttype,
            dataschema: further.dataschema,
            extensions: further.extensions,
        },
        data: data(&row.text("data_kind")?, row.blob("data")?.into())?,
        received_at: row.time("received_at")?,
        lineage: Lineage {
            correlation: row.parsed("correlation_id")?,
            causation: row.parsed_opt("causation_id")?,
            path: row.json("path_json")?,
        },
        state: row.parsed::<EventState>("state")?,
        erased_at: row.time_opt("erased_at")?,
    };
    Ok(EventRecord {
        event,
        rules_version: row.number("rules_version")?,
        platform_version: row.number("platform_version")?,
    })
}

fn data_kind(data: &Data) -> &'static str {
    match data {
        Data::Absent => "absent",
        Data::Json(_) => "json",
        Data::Text(_) => "text",
        Data::Binary(_) => "binary",
    }
}

fn data(kind: &str, bytes: Bytes) -> StoreResult<Data> {
    match kind {
        "absent" => Ok(Data::Absent),
        "json" => Ok(Data::Json(bytes)),
        "text" => Ok(Data::Text(bytes)),
        "binary" => Ok(Data::Binary(bytes)),
        other => Err(unreadable("data_kind", other)),
    }
}
