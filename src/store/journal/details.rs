//! What the logs still know of what a journal tells of.

use std::{collections::HashMap, time::Duration};

use super::{Entry, Happening};
use crate::{
    domain::{
        event::{EventState, EventType},
        happening::{HappeningKind, Place},
        ids::{AttemptId, DeliveryId, EndpointId, EventId, ListenerId, ProjectId},
        time::Timestamp,
    },
    store::{
        Connection, StoreResult,
        sql::{Row, list, query},
    },
};

/// What is told of an event.
#[derive(Debug, Clone)]
pub struct EventBrief {
    /// Its name.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// To what.
    pub subject: Option<String>,
    /// Where it came from.
    pub source: String,
    /// The first event of its chain.
    pub correlation: EventId,
    /// The event that it came out of.
    pub causation: Option<EventId>,
    /// Whether it met the listeners.
    pub state: EventState,
}

/// What is told of a delivery.
#[derive(Debug, Clone)]
pub struct DeliveryBrief {
    /// Its name.
    pub id: DeliveryId,
    /// The event that it carries.
    pub event: EventId,
    /// The listener that it was made for; none for a test.
    pub listener: Option<ListenerId>,
    /// Where it goes; none for an event that could not be emitted.
    pub endpoint: Option<EndpointBrief>,
}

/// What is told of an endpoint, as it is now.
#[derive(Debug, Clone)]
pub struct EndpointBrief {
    /// Its name in Riposte.
    pub id: EndpointId,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Where it is.
    pub url: Option<String>,
}

/// What is told of an attempt.
#[derive(Debug, Clone)]
pub struct AttemptBrief {
    /// Its name.
    pub id: AttemptId,
    /// Which attempt of its delivery; the first one is 1.
    pub number: u32,
    /// How long it took.
    pub duration: Duration,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why it failed; none where the receiver took it.
    pub error: Option<(String, String)>,
    /// When the next one is due, if there is to be one.
    pub next_at: Option<Timestamp>,
}

/// What is known of what a page tells of.
#[derive(Default)]
pub(super) struct Details {
    events: HashMap<EventId, EventBrief>,
    deliveries: HashMap<DeliveryId, DeliveryBrief>,
    attempts: HashMap<AttemptId, AttemptBrief>,
}

impl Details {
    /// Looks up what `entries` of `project` name.
    pub(super) async fn of(
        connection: &mut Connection,
        project: ProjectId,
        entries: &[(Place, Timestamp, Entry)],
    ) -> StoreResult<Self> {
        let (mut events, mut deliveries, mut attempts) = (Vec::new(), Vec::new(), Vec::new());
        for (_, _, entry) in entries {
            match entry {
                Entry::Event(id) => events.push(*id),
                Entry::Delivery(id, ..) => deliveries.push(*id),
                Entry::Attempt(id, delivery, _) => {
                    attempts.push(*id);
                    deliveries.push(*delivery);
                }
            }
        }
        let attempts = load_attempts(connection, project, &attempts).await?;
        let deliveries = load_deliveries(connection, project, &deliveries).await?;
        events.extend(deliveries.values().map(|delivery| delivery.event));
        Ok(Self {
            events: load_events(connection, &events).await?,
            deliveries,
            attempts,
        })
    }

    /// What an entry tells.
    pub(super) fn tell(&self, (place, at, entry): (Place, Timestamp, Entry)) -> Happening {
        let happening = |kind| Happening {
            place,
            at,
            kind,
            event: None,
            delivery: None,
            attempt: None,
            state: None,
            reason: None,
        };
        match entry {
            Entry::Event(id) => Happening {
                event: self.events.get(&id).cloned(),
                ..happening(HappeningKind::EventAccepted)
            },
            Entry::Attempt(id, delivery, next) => {
                let attempt = self.attempts.get(&id).cloned();
                Happening {
                    event: self.event_of(delivery),
                    delivery: self.deliveries.get(&delivery).cloned(),
                    attempt: attempt.map(|attempt| AttemptBrief {
                        next_at: next.map(Timestamp::from_millis),
                        ..attempt
                    }),
                    ..happening(HappeningKind::AttemptMade)
                }
            }
            Entry::Delivery(id, state, reason) => Happening {
                event: self.event_of(id),
                delivery: self.deliveries.get(&id).cloned(),
                state: Some(state),
                reason: reason.map(Into::into),
                ..happening(state.into())
            },
        }
    }

    fn event_of(&self, delivery: DeliveryId) -> Option<EventBrief> {
        let event = self.deliveries.get(&delivery)?.event;
        self.events.get(&event).cloned()
    }
}

async fn load_attempts(
    connection: &mut Connection,
    project: ProjectId,
    ids: &[AttemptId],
) -> StoreResult<HashMap<AttemptId, AttemptBrief>> {
    let rows = query(
        "SELECT id, number, duration_ms, status, error_kind, error_message FROM attempts
         WHERE id IN (SELECT value FROM json_each($1)) AND project_id = $2",
    )
    .bind(list(ids))
    .bind(project.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let error = row
                .text_opt("error_kind")?
                .zip(row.text_opt("error_message")?);
            let brief = AttemptBrief {
                id: row.parsed("id")?,
                number: row.number("number")?,
                duration: Duration::from_millis(row.number("duration_ms")?),
                status: row.number_opt("status")?,
                error,
                next_at: None,
            };
            Ok((brief.id, brief))
        })
        .collect()
}

async fn load_deliveries(
    connection: &mut Connection,
    project: ProjectId,
    ids: &[DeliveryId],
) -> StoreResult<HashMap<DeliveryId, DeliveryBrief>> {
    let rows = query(
        "SELECT d.id, d.event_id, d.listener_id, d.endpoint_id, e.name, e.url
         FROM deliveries AS d LEFT JOIN endpoints AS e ON e.id = d.endpoint_id
         WHERE d.id IN (SELECT value FROM json_each($1)) AND d.project_id = $2",
    )
    .bind(list(ids))
    .bind(project.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let brief = DeliveryBrief {
                id: row.parsed("id")?,
                event: row.parsed("event_id")?,
                listener: row.parsed_opt("listener_id")?,
                endpoint: endpoint(row)?,
            };
            Ok((brief.id, brief))
        })
        .collect()
}

fn endpoint(row: &Row) -> StoreResult<Option<EndpointBrief>> {
    let Some(id) = row.parsed_opt("endpoint_id")? else {
        return Ok(None);
    };
    Ok(Some(EndpointBrief {
        id,
        name: row.text_opt("name")?,
        url: row.text_opt("url")?,
    }))
}

/// Events by their names, whomever they belong to: what the platform delivers are its customers'.
async fn load_events(
    connection: &mut Connection,
    ids: &[EventId],
) -> StoreResult<HashMap<EventId, EventBrief>> {
    let rows = query(
        "SELECT id, type, subject, source, correlation_id, causation_id, state FROM events
         WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(list(ids))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let brief = EventBrief {
                id: row.parsed("id")?,
                event_type: row.parsed("type")?,
                subject: row.text_opt("subject")?,
                source: row.text("source")?,
                correlation: row.parsed("correlation_id")?,
                causation: row.parsed_opt("causation_id")?,
                state: row.parsed("state")?,
            };
            Ok((brief.id, brief))
        })
        .collect()
}
