//! What was found: what each thing is, where it is, and how it stands, in a sentence.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        delivery::{Delivery, DeliveryState},
        endpoint::Endpoint,
        event::Event,
        event_type::CatalogueEntry,
        ids::DeliveryId,
        job::Job,
        listener::{Listener, ListenerState},
        names::named,
        project::Project,
        refusal::{RefusalOutcome, RefusalRecord},
        time::Timestamp,
    },
    store::{
        api_keys::KeyRecord,
        find::{AttemptPlace, KnownEvent, MAX_COUNTED},
    },
};

named! {
    /// What something is.
    pub enum FoundKind {
        /// An event.
        Event = "event",
        /// A delivery.
        Delivery = "delivery",
        /// An attempt of a delivery.
        Attempt = "attempt",
        /// A listener.
        Listener = "listener",
        /// An endpoint.
        Endpoint = "endpoint",
        /// A type of events.
        EventType = "event_type",
        /// Something that was sent and did not become an event.
        Refusal = "refusal",
        /// A job.
        Job = "job",
        /// A project.
        Project = "project",
        /// An API key.
        Key = "key",
    }
}

named! {
    /// By what something was found.
    pub enum FoundBy {
        /// By its id.
        Id = "id",
        /// By the id that its producer gave it.
        EventId = "event_id",
        /// By its source and the id that its producer gave it.
        SourceAndId = "source_and_id",
        /// By the `Idempotency-Key` of the request that sent it.
        IdempotencyKey = "idempotency_key",
        /// By the first event of its chain of causes.
        Correlation = "correlation",
        /// By how its URL begins.
        Url = "url",
        /// By how its name begins.
        Name = "name",
        /// By how the type begins.
        Type = "type",
    }
}

/// Something that was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Hit {
    /// What it is.
    pub kind: FoundKind,
    /// By what it was found.
    pub by: FoundBy,
    /// Its id.
    #[schema(example = "dlv_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// Where it is: a path of this API; null if it is there no more.
    #[schema(example = "/v1/deliveries/dlv_01h455vb4pex5vsknk084sn02q")]
    pub path: Option<String>,
    /// The name of the project that it belongs to; null for an operator's key.
    #[schema(example = "default")]
    pub project: Option<String>,
    /// The state that it is in, where it has one.
    #[schema(example = "pending")]
    pub state: Option<String>,
    /// What it is and how it stands, in a sentence.
    #[schema(
        example = "a delivery of evt_01h455vb4pex5vsknk084sn02q: next attempt at 2026-01-01T00:00:05.000Z"
    )]
    pub summary: String,
}

impl Hit {
    /// An event, of whose deliveries so many are in which state.
    pub(super) fn event(by: FoundBy, event: &Event, counts: &[(DeliveryState, u32)]) -> Self {
        let attributes = &event.attributes;
        Self {
            kind: FoundKind::Event,
            by,
            path: Some(format!("/v1/events/{}", event.id)),
            id: event.id.to_string(),
            project: None,
            state: Some(event.state.to_string()),
            summary: format!(
                "an event {} that {} called {:?}, received at {}; {}",
                attributes.event_type.as_str(),
                attributes.source,
                attributes.id,
                event.received_at,
                deliveries(counts)
            ),
        }
    }

    /// An event that the log has lost.
    pub(super) fn lost_event(by: FoundBy, known: &KnownEvent) -> Self {
        Self {
            kind: FoundKind::Event,
            by,
            path: None,
            id: known.event.to_string(),
            project: None,
            state: None,
            summary: format!(
                "an event that was received at {} and is kept no longer; sent again with the same \
                 content it would be a duplicate",
                known.received_at
            ),
        }
    }

    /// A delivery that stands as `sentence` says.
    pub(super) fn delivery(delivery: &Delivery, sentence: &str) -> Self {
        let to = delivery.target.endpoint();
        let to = to.map_or(String::new(), |endpoint| format!(" to {endpoint}"));
        Self {
            kind: FoundKind::Delivery,
            by: FoundBy::Id,
            path: Some(format!("/v1/deliveries/{}", delivery.id)),
            id: delivery.id.to_string(),
            project: None,
            state: Some(delivery.state.to_string()),
            summary: format!("a delivery of {}{to}: {sentence}", delivery.event),
        }
    }

    /// An attempt.
    pub(super) fn attempt(id: String, place: &AttemptPlace) -> Self {
        let AttemptPlace {
            delivery,
            number,
            started_at,
            ..
        } = place;
        let (state, came_of_it) = match (&place.error, place.status) {
            (None, Some(status)) => ("succeeded", format!("answered with {status}")),
            (None, None) => ("succeeded", "answered".to_owned()),
            (Some(error), Some(status)) => ("failed", format!("{error}, answered with {status}")),
            (Some(error), None) => ("failed", error.clone()),
        };
        Self {
            kind: FoundKind::Attempt,
            by: FoundBy::Id,
            path: Some(attempt_path(*delivery, *number)),
            id,
            project: None,
            state: Some(state.to_owned()),
            summary: format!("attempt {number} of {delivery} at {started_at}: {came_of_it}"),
        }
    }

    /// A listener as it is, or was when it was deleted.
    pub(super) fn listener(by: FoundBy, listener: &Listener, is_deleted: bool) -> Self {
        let Listener { id, config, .. } = listener;
        let path = match is_deleted {
            true => format!("/v1/deliveries?listener={id}"),
            false => format!("/v1/listeners/{id}"),
        };
        let state = match config.state {
            _ if is_deleted => "deleted",
            ListenerState::Enabled => "enabled",
            ListenerState::Disabled => "disabled",
        };
        let verb = if is_deleted { "waited" } else { "waits" };
        Self {
            kind: FoundKind::Listener,
            by,
            path: Some(path),
            id: id.to_string(),
            project: None,
            state: Some(state.to_owned()),
            summary: format!(
                "a listener{} that {verb} for {}: {state}, last changed at {}",
                called(config.name.as_deref()),
                config.on.join(", "),
                listener.updated_at
            ),
        }
    }

    /// An endpoint as it is, or was when it was deleted.
    pub(super) fn endpoint(by: FoundBy, endpoint: &Endpoint) -> Self {
        let Endpoint { id, config, .. } = endpoint;
        let (path, state, since) = match endpoint.deleted_at {
            Some(deleted) => (format!("/v1/deliveries?endpoint={id}"), "deleted", deleted),
            None => (
                format!("/v1/endpoints/{id}"),
                config.state.as_str(),
                endpoint.state_since,
            ),
        };
        Self {
            kind: FoundKind::Endpoint,
            by,
            path: Some(path),
            id: id.to_string(),
            project: None,
            state: Some(state.to_owned()),
            summary: format!(
                "an endpoint{} at {}: {state} since {since}",
                called(config.name.as_deref()),
                config.url
            ),
        }
    }

    /// A type of events.
    pub(super) fn event_type(entry: &CatalogueEntry) -> Self {
        let event_type = entry.event_type.to_string();
        let seen = match &entry.seen {
            None => "no event of it was seen".to_owned(),
            Some(seen) => format!("{} events, the last one at {}", seen.count, seen.last_at),
        };
        Self {
            kind: FoundKind::EventType,
            by: FoundBy::Type,
            path: Some(format!("/v1/event-types/{event_type}")),
            summary: format!("the event type {event_type}: {seen}"),
            id: event_type,
            project: None,
            state: None,
        }
    }

    /// Something that was sent and did not become an event.
    pub(super) fn refusal(refusal: &RefusalRecord) -> Self {
        let RefusalRecord {
            at, detail, event, ..
        } = refusal;
        let summary = match (refusal.outcome, event, &refusal.code) {
            (RefusalOutcome::Duplicate, Some(event), _) => {
                format!("sent again at {at}: a duplicate of {event}, so nothing was triggered")
            }
            (RefusalOutcome::Conflict, Some(event), _) => format!(
                "sent at {at} with other content than {event}, which has its source and id: a \
                 conflict, so it was not taken"
            ),
            (_, _, Some(code)) => format!("sent at {at} and refused ({code}): {detail}"),
            _ => format!("sent at {at} and refused: {detail}"),
        };
        Self {
            kind: FoundKind::Refusal,
            by: FoundBy::EventId,
            path: Some("/v1/refusals".to_owned()),
            id: refusal.id.to_string(),
            project: None,
            state: Some(refusal.outcome.to_string()),
            summary,
        }
    }

    /// A job.
    pub(super) fn job(job: &Job) -> Self {
        let done: u64 = job.tally.outcomes.values().sum();
        let of = job
            .total
            .map_or(String::new(), |total| format!(" of {total}"));
        Self {
            kind: FoundKind::Job,
            by: FoundBy::Id,
            path: Some(format!("/v1/jobs/{}", job.id)),
            id: job.id.to_string(),
            project: None,
            state: Some(job.state.to_string()),
            summary: format!(
                "a job of the kind {}, asked for at {}: {}, {done}{of} are looked at",
                job.task.kind(),
                job.created_at,
                job.state
            ),
        }
    }

    /// An API key.
    pub(super) fn key(by: FoundBy, key: &KeyRecord, now: Timestamp) -> Self {
        let (state, since) = match (key.revoked_at, key.expires_at) {
            (Some(revoked), _) => ("revoked", format!(" since {revoked}")),
            (None, Some(end)) if end <= now => ("expired", format!(" since {end}")),
            (None, Some(end)) => ("live", format!(" until {end}")),
            (None, None) => ("live", String::new()),
        };
        Self {
            kind: FoundKind::Key,
            by,
            path: Some("/v1/keys".to_owned()),
            id: key.id.to_string(),
            project: None,
            state: Some(state.to_owned()),
            summary: format!("an API key{}: {state}{since}", called(Some(&key.name))),
        }
    }

    /// A project.
    pub(super) fn project(by: FoundBy, project: &Project) -> Self {
        Self {
            kind: FoundKind::Project,
            by,
            path: Some(format!("/v1/projects/{}", project.id)),
            id: project.id.to_string(),
            project: Some(project.name.as_str().to_owned()),
            state: None,
            summary: format!("the project {}", project.name.as_str()),
        }
    }
}

/// Where attempt `number` of `delivery` is.
fn attempt_path(delivery: DeliveryId, number: u32) -> String {
    format!("/v1/deliveries/{delivery}/attempts/{number}")
}

/// What users call something, in quotes.
fn called(name: Option<&str>) -> String {
    name.map_or(String::new(), |name| format!(" called {name:?}"))
}

/// How many deliveries there are, by their state.
fn deliveries(counts: &[(DeliveryState, u32)]) -> String {
    let total: u32 = counts.iter().map(|(_, count)| count).sum();
    let parts: Vec<_> = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    match total {
        0 => "no delivery carries it".to_owned(),
        1 => format!("1 delivery, {}", counts[0].0),
        MAX_COUNTED.. => format!("of its first {total} deliveries {}", parts.join(", ")),
        _ => format!("{total} deliveries: {}", parts.join(", ")),
    }
}
