//! A store that is filled as the engine fills it: a million deliveries of a week.

use std::{path::Path, sync::Arc, time::Duration};

use riposte::{
    domain::{
        chance::Chance,
        delivery::Cause,
        draft::EventDraft,
        event::{Data, EventType},
        ids::{DeliveryId, EndpointId, EventId, Ids, ListenerId, ProjectId, default_project},
        lease::Lease,
        seal::{Keyring, SealingKey},
        time::Timestamp,
    },
    store::{
        Store, StoreSettings,
        accept::AcceptContext,
        unit::{EventKey, Fate, MetEvent, NewDelivery, Unit},
    },
};
use serde_json::json;

use super::{
    Result,
    gateway::{Gateway, database},
    outcome::{outcome, scatter},
};

/// How many events are accepted in one transaction, and how many deliveries each has.
pub(crate) const BATCH: usize = 500;
pub(crate) const DELIVERIES_EACH: usize = 4;

/// What is set up: the first endpoint gets half of all deliveries.
pub(crate) const ENDPOINTS: usize = 60;
pub(crate) const LISTENERS: usize = 400;

/// When the first event comes; the others follow over a week.
pub(crate) const BEGIN: Timestamp = Timestamp::from_millis(1_760_000_000_000);
pub(crate) const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What deliveries are made for.
pub(crate) struct World {
    pub(crate) endpoints: Vec<EndpointId>,
    pub(crate) listeners: Vec<ListenerId>,
    /// Where nobody looks; the first project has most of all.
    pub(crate) others: Vec<ProjectId>,
}

/// What lists are asked about.
pub(crate) struct Names {
    pub(crate) event: EventId,
    pub(crate) delivery: DeliveryId,
    pub(crate) middle: Timestamp,
}

impl World {
    pub(crate) async fn set_up(gateway: &Gateway) -> Result<Self> {
        let mut endpoints = Vec::new();
        for number in 0..ENDPOINTS {
            let url = format!("https://1.1.1.1/hooks/{number}");
            let body = json!({"name": format!("endpoint {number}"), "url": url});
            endpoints.push(gateway.post("/v1/endpoints", &body).await?.parse()?);
        }
        let mut listeners = Vec::new();
        for number in 0..LISTENERS {
            let endpoint: &EndpointId = &endpoints[number % ENDPOINTS];
            let reactions = json!([{"webhook": {"endpoint": endpoint.to_string()}}]);
            let on = ["site.deploy.*", "site.>", "domain.records.updated"][number % 3];
            let body =
                json!({"name": format!("listener {number}"), "on": [on], "reactions": reactions});
            listeners.push(gateway.post("/v1/listeners", &body).await?.parse()?);
        }
        let ids = Ids::new(Chance::seeded(11));
        Ok(Self {
            endpoints,
            listeners,
            others: (0..3).map(|_| ids.next(BEGIN)).collect(),
        })
    }

    /// Fills the store, as events come in and are delivered.
    pub(crate) async fn fill(&self, directory: &Path, deliveries: usize) -> Result<Names> {
        let chance = Chance::seeded(13);
        let keyring = Keyring::new(SealingKey::generate(&chance), Vec::new());
        let store = Store::open(StoreSettings {
            readers: 1,
            ..StoreSettings::at(database(directory), keyring, chance.clone())
        })
        .await?;
        let ids = Ids::new(chance);
        let lease = Lease::first(ids.next(BEGIN));
        let events = deliveries / DELIVERIES_EACH;
        let mut names = None;
        for first in (0..events).step_by(BATCH) {
            let part = first as f64 / events as f64;
            let now = BEGIN.plus(WEEK.mul_f64(part));
            let numbers = first..events.min(first + BATCH);
            let units: Vec<_> = numbers.map(|number| self.unit(&ids, number, now)).collect();
            if part >= 0.5 && names.is_none() {
                names = Some(Names {
                    event: units[0].events[0].event.id,
                    delivery: units[0].deliveries[0].id,
                    middle: now,
                });
            }
            let context = AcceptContext {
                lease,
                now,
                keys_since: BEGIN,
            };
            store
                .accept(&units.iter().collect::<Vec<_>>(), context)
                .await?;
            let owned = units.iter().flat_map(|unit| &unit.deliveries);
            let outcomes: Vec<_> = owned
                .filter(|delivery| matches!(delivery.fate, Fate::Pending { owned: true, .. }))
                .filter_map(|delivery| Some(outcome(&ids, delivery, delivery.endpoint?, now)))
                .collect();
            store.record(lease, &outcomes, now).await?;
        }
        store.close().await;
        Ok(names.ok_or("too few deliveries")?)
    }

    pub(crate) fn unit(&self, ids: &Ids, number: usize, now: Timestamp) -> Unit {
        let draw = scatter(number);
        let project = match draw % 10 {
            0 => self.others[draw / 10 % self.others.len()],
            _ => default_project(),
        };
        let event_type = match draw % 1_000 {
            0..600 => "site.deploy.succeeded",
            600..900 => "site.version.uploaded",
            900..999 => "domain.records.updated",
            _ => "site.deploy.failed",
        };
        let mut draft =
            EventDraft::new(EventType::parse(event_type).unwrap_or_else(|error| panic!("{error}")));
        draft.source = Some(format!("/services/{}", draw % 7));
        draft.subject = Some(format!("site/{}", draw % 5_000));
        draft.id = Some(format!("event-{number}"));
        let environment = ["production", "staging"][draw % 2];
        let data = json!({"site": draw % 5_000, "environment": environment,
                          "message": "x".repeat(200)});
        draft.data = Data::Json(data.to_string().into());
        let event = Arc::new(draft.complete(ids.next(now), project, "default", now));
        let deliveries = (0..DELIVERIES_EACH).map(|place| {
            let draw = scatter(number * DELIVERIES_EACH + place);
            let far = now.plus(WEEK * 10_000);
            NewDelivery {
                id: ids.next(now),
                project,
                event: Arc::clone(&event),
                cause: Some(Cause {
                    listener: self.listeners[draw % LISTENERS],
                    revision: 1,
                    reaction: 0,
                }),
                endpoint: Some(
                    self.endpoints[if draw.is_multiple_of(2) {
                        0
                    } else {
                        draw % ENDPOINTS
                    }],
                ),
                // Some wait for a long time yet.
                fate: Fate::Pending {
                    owned: draw % 100 >= 3,
                    due: far,
                },
            }
        });
        Unit {
            key: Some(EventKey {
                project,
                source: event.attributes.source.clone(),
                producer_id: event.attributes.id.clone(),
                hash: [0; 32],
            }),
            deliveries: deliveries.collect(),
            events: vec![MetEvent {
                event,
                rules_version: 0,
                platform_version: 0,
            }],
            ..Unit::default()
        }
    }
}
