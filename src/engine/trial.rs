//! Trying endpoints out: a delivery past all listeners, or one request to another URL.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;

use super::{
    context::Context,
    directory::LiveEndpoint,
    gateway::{AcceptError, Gateway},
    send,
};
use crate::{
    domain::{
        attempt::Attempt,
        draft::EventDraft,
        endpoint::{Endpoint, EndpointConfig},
        event::{Data, Event, EventState, EventType},
        ids::{DeliveryId, EndpointId, ProjectId},
        project::Project,
        signature::Secret,
        webhook::Headers,
    },
    net::departure::{MayLeave, Withheld},
    store::{
        StoreError,
        change::Change,
        queue::Job,
        unit::{Acceptance, Asked, Fate, MetEvent, NewDelivery, Unit},
    },
};

/// The type of the event that tests an endpoint where nobody says otherwise.
pub const TEST_EVENT_TYPE: &str = "riposte.endpoint.test";

/// The longest that a request to a test URL may take.
pub const MAX_TRIAL: Duration = Duration::from_secs(30);

/// The most requests to test URLs that are under way at a time for one project.
const MAX_TRIALS_OF_ONE: usize = 2;

/// The most requests to test URLs that are under way at a time.
const MAX_TRIALS: usize = 32;

/// The event that an endpoint is tested with.
#[derive(Debug, Clone)]
pub enum TestEvent {
    /// One that says that it is a test.
    Usual,
    /// One that is made for it. It meets no listener.
    New(Box<EventDraft>),
    /// One that is there.
    Stored(Arc<Event>),
}

/// A request to a test URL.
#[derive(Debug)]
pub struct TrialRequest {
    /// The endpoint in whose place the URL is tried: it says the format and the timeout, and nothing
    /// of what it keeps secret.
    pub endpoint: Endpoint,
    /// The URL.
    pub url: url::Url,
    /// What signs.
    pub secret: Secret,
    /// What is sent.
    pub event: TestEvent,
}

/// Why a test URL was not tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// As many requests are under way as may be, for the project or for all.
    #[error("too many requests to test URLs are under way")]
    Busy,
    /// The event cannot be made.
    #[error(transparent)]
    Event(#[from] AcceptError),
}

impl Gateway {
    /// Sends an event to an endpoint of `project`, past all listeners. It is tried once. `answer` says
    /// what repeats of the request are answered.
    ///
    /// # Errors
    /// What `answer` refuses; [`AcceptError`] if it could not be made durable;
    /// [`StoreError::Repeated`] if that was done before.
    pub async fn test_endpoint<A, E>(
        &self,
        project: &Project,
        endpoint: EndpointId,
        event: TestEvent,
        change: &Change,
        answer: impl FnOnce(DeliveryId) -> Result<A, E>,
    ) -> Result<DeliveryId, E>
    where
        A: Serialize,
        E: From<AcceptError> + From<StoreError>,
    {
        let Context {
            clock, ids, store, ..
        } = &self.parts.context;
        let now = clock.now();
        let is_new = !matches!(event, TestEvent::Stored(_));
        let event = self.event_of(project, endpoint, event)?;
        self.parts.directory.get(endpoint).await?;
        let met = is_new.then(|| MetEvent {
            event: Arc::clone(&event),
            rules_version: 0,
            platform_version: 0,
        });
        let delivery = ids.next(now);
        let asked = Asked::new(change, None, &answer(delivery)?)?;
        let unit = Unit {
            asked: Some(Arc::new(asked)),
            events: met.into_iter().collect(),
            deliveries: vec![NewDelivery {
                id: delivery,
                project: project.id,
                event,
                cause: None,
                endpoint: Some(endpoint),
                fate: Fate::Pending {
                    owned: false,
                    due: now,
                },
            }],
            ..Unit::default()
        };
        let committed = self.parts.committer.submit(unit, None).await;
        let accepted = committed.result().await.map_err(AcceptError::from)?;
        if accepted == Acceptance::Superseded {
            // The event was erased while this was on its way: asking again says so.
            return Err(AcceptError::Unavailable.into());
        }
        if let (Acceptance::Repeated, Some(idempotency)) = (accepted, &change.idempotency)
            && let Some(answered) = store.answered(idempotency).await?
        {
            return Err(StoreError::Repeated(answered).into());
        }
        Ok(delivery)
    }

    /// Sends one request to a test URL and gives what came of it, with the event that it carried.
    /// The guard holds it as it holds webhooks; nothing is stored.
    ///
    /// # Errors
    /// [`TrialError`] if it was not sent.
    pub async fn try_url(
        &self,
        project: &Project,
        request: TrialRequest,
    ) -> Result<(Attempt, Arc<Event>), TrialError> {
        let context = &self.parts.context;
        let trials = Arc::clone(&self.parts.trials);
        let _place = Trials::enter(trials, project.id).ok_or(TrialError::Busy)?;
        let TrialRequest {
            endpoint,
            url,
            secret,
            event,
        } = request;
        let event = self.event_of(project, endpoint.id, event)?;
        let now = context.clock.now();
        let job = Job {
            lease: context.lease(),
            delivery: context.ids.next(now),
            project: project.id,
            endpoint: endpoint.id,
            event: Arc::clone(&event),
            is_test: true,
            attempts: 0,
            attempts_before: 0,
            since: now,
        };
        let own = endpoint.config.timeout;
        let timeout = own.unwrap_or(context.settings.timeout).min(MAX_TRIAL);
        let live = LiveEndpoint::passing(elsewhere(endpoint, url), secret, timeout);
        let attempt = send::once(context, &job, &live, MayLeave::always()).await;
        Ok((attempt.map_err(|Withheld| TrialError::Busy)?, event))
    }

    fn event_of(
        &self,
        project: &Project,
        endpoint: EndpointId,
        event: TestEvent,
    ) -> Result<Arc<Event>, AcceptError> {
        let Context { clock, ids, .. } = &self.parts.context;
        let draft = match event {
            TestEvent::Stored(event) => return Ok(event),
            TestEvent::New(draft) => *draft,
            TestEvent::Usual => usual(endpoint)?,
        };
        let now = clock.now();
        let mut event = draft.complete(ids.next(now), project.id, project.name.as_str(), now);
        event.state = EventState::Test;
        Ok(Arc::new(event))
    }
}

/// The event that says that it is a test.
fn usual(endpoint: EndpointId) -> Result<EventDraft, AcceptError> {
    let event_type = EventType::parse(TEST_EVENT_TYPE);
    let event_type = event_type.map_err(|error| AcceptError::Refused(error.to_string()))?;
    let mut draft = EventDraft::new(event_type);
    draft.subject = Some(format!("endpoints/{endpoint}"));
    draft.data = Data::Json(Bytes::from_static(
        br#"{"message":"This is a test of your endpoint."}"#,
    ));
    Ok(draft)
}

/// The endpoint with another URL, and without its own headers: they may carry credentials.
fn elsewhere(endpoint: Endpoint, url: url::Url) -> Endpoint {
    Endpoint {
        config: EndpointConfig {
            url,
            headers: Headers::default(),
            ..endpoint.config
        },
        ..endpoint
    }
}

/// The requests to test URLs that are under way, by project.
#[derive(Debug, Default)]
pub(super) struct Trials(Mutex<HashMap<ProjectId, usize>>);

/// A request to a test URL that is under way, until it is dropped.
struct Trial {
    trials: Arc<Trials>,
    project: ProjectId,
}

impl Trials {
    /// Lets one more begin, if there is room.
    fn enter(trials: Arc<Self>, project: ProjectId) -> Option<Trial> {
        let mut under_way = trials.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = under_way.get(&project).copied().unwrap_or(0);
        if own >= MAX_TRIALS_OF_ONE || under_way.values().sum::<usize>() >= MAX_TRIALS {
            return None;
        }
        under_way.insert(project, own + 1);
        drop(under_way);
        Some(Trial { trials, project })
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let mut under_way = self.trials.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = under_way.get_mut(&self.project) {
            *own -= 1;
            if *own == 0 {
                under_way.remove(&self.project);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{default_project, platform_project};

    #[test]
    fn one_project_does_not_take_the_room_of_another() {
        let trials = Arc::new(Trials::default());
        let enter = |project| Trials::enter(Arc::clone(&trials), project);
        let own: Vec<_> = (0..MAX_TRIALS_OF_ONE)
            .map(|_| enter(default_project()).expect("room"))
            .collect();
        assert!(enter(default_project()).is_none());
        assert!(enter(platform_project()).is_some());
        drop(own);
        assert!(enter(default_project()).is_some());
        assert!(trials.0.lock().expect("a map").is_empty());
    }
}
