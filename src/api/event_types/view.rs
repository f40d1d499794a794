//! Event types as users see them.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::{
    domain::{
        audit::Realm,
        event::EventType,
        event_type::{CatalogueEntry, KnownViolation, Seen},
        ids::EventId,
        schema::Validation,
        time::Timestamp,
    },
    store::audit::Audited,
};

/// A type of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventTypeView {
    /// The type.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "site.deploy.failed")]
    event_type: EventType,
    /// What it means, in your words.
    #[schema(example = "A deployment has failed; the site is as it was.")]
    description: Option<String>,
    /// What the data of its events is like: a JSON Schema.
    #[schema(value_type = Option<Object>, example = json!({"type": "object", "required": ["site"]}))]
    schema: Option<Box<RawValue>>,
    /// The data of an event of it.
    #[schema(value_type = Option<Object>, example = json!({"site": "seven"}))]
    example: Option<Box<RawValue>>,
    /// What happens to events that break the schema.
    validation: Validation,
    /// What was seen of it; null if nothing was.
    seen: Option<SeenView>,
    /// When somebody first described it; null if nobody has.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When that description last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

/// What was seen of a type, since it is in the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeenView {
    /// How many events were taken.
    #[schema(example = 312)]
    count: u64,
    /// When the first one was received.
    #[schema(value_type = String, format = DateTime)]
    first_at: Timestamp,
    /// When the last one was received.
    #[schema(value_type = String, format = DateTime)]
    last_at: Timestamp,
    /// The last one.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    last_event: EventId,
    /// How many broke the schema and were taken all the same.
    #[schema(example = 0)]
    violations: u64,
    /// The last one that did; null if none did.
    last_violation: Option<ViolationView>,
}

/// An event that broke its schema and was taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct ViolationView {
    /// The event.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    event: EventId,
    /// The JSON Pointer to the place in it.
    #[schema(example = "/data/version")]
    pointer: String,
    /// What is wrong there.
    #[schema(example = "the value is not of type \"integer\"")]
    detail: String,
}

impl From<CatalogueEntry> for EventTypeView {
    fn from(entry: CatalogueEntry) -> Self {
        let said = entry.description;
        Self {
            event_type: entry.event_type,
            description: said.description,
            schema: said.schema,
            example: said.example,
            validation: said.validation,
            seen: entry.seen.map(SeenView::from),
            created_at: entry.created_at,
            updated_at: entry.updated_at,
        }
    }
}

impl Audited for CatalogueEntry {
    fn realm(&self) -> Realm {
        Realm::Project(self.project)
    }

    fn name(&self) -> String {
        self.event_type.to_string()
    }

    fn document(&self) -> serde_json::Result<Box<RawValue>> {
        // What was seen is nobody's change.
        let said = Self {
            seen: None,
            ..self.clone()
        };
        to_raw_value(&EventTypeView::from(said))
    }
}

impl From<Seen> for SeenView {
    fn from(seen: Seen) -> Self {
        Self {
            count: seen.count,
            first_at: seen.first_at,
            last_at: seen.last_at,
            last_event: seen.last_event,
            violations: seen.violations,
            last_violation: seen.last_violation.map(ViolationView::from),
        }
    }
}

impl From<KnownViolation> for ViolationView {
    fn from(violation: KnownViolation) -> Self {
        Self {
            event: violation.event,
            pointer: violation.pointer,
            detail: violation.detail,
        }
    }
}
