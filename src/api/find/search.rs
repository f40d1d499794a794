//! Looking everywhere where a text may lead: each place is asked once, along an index.

use super::{
    hit::{FoundBy, FoundKind, Hit},
    query::{source_and_id, url_beginnings},
};
use crate::{
    api::{
        access::Scope,
        auth::{Caller, InProject},
        deliveries,
        problem::ApiResult,
        state::ApiState,
    },
    domain::{
        any_id::AnyId,
        event::Event,
        idempotency::IdempotencyKey,
        ids::EventId,
        list::{Order, Window},
        project::Project,
    },
    store::{
        StoreError, StoreResult, event_types::CatalogueFilter, events::EventFilter,
        find::KnownEvent, refusals::RefusalFilter,
    },
};

/// The most things of a kind that are shown.
pub(super) const MAX_PER_KIND: u32 = 10;

/// How many are asked for: one more than are shown tells whether there are more.
const REACH: u32 = MAX_PER_KIND + 1;

/// A search in one project, and what it has found.
pub(super) struct Search<'a> {
    state: &'a ApiState,
    project: &'a Project,
    caller: Caller,
    /// What was found, in the order in which it was.
    pub(super) found: Vec<Hit>,
    /// What was looked for.
    pub(super) looked_for: Vec<&'static str>,
}

impl<'a> Search<'a> {
    /// A search for somebody, which has not begun.
    pub(super) fn new(state: &'a ApiState, by: &'a InProject) -> Self {
        Self {
            state,
            project: &by.project,
            caller: by.caller,
            found: Vec::new(),
            looked_for: Vec::new(),
        }
    }

    /// Looks for what is called `id`.
    pub(super) async fn id(&mut self, id: AnyId) -> ApiResult<()> {
        self.looked_for.push(id.kind());
        let found = self.called(id).await;
        self.found.extend(there(found)?);
        if let AnyId::Event(first) = id {
            self.chain(first).await?;
        }
        Ok(())
    }

    /// Looks for all that `text` may stand for beside an id of ours.
    pub(super) async fn text(&mut self, text: &str) -> ApiResult<()> {
        self.producer_id(text).await?;
        if let Some((source, id)) = source_and_id(text) {
            self.source_and_id(source, id).await?;
        }
        self.idempotency_key(text).await?;
        self.types(text).await?;
        self.urls(text).await?;
        self.names(text).await
    }

    /// What was found, a bounded number of each kind, and the kinds of which there is more.
    pub(super) fn bounded(mut self) -> (Vec<Hit>, Vec<FoundKind>) {
        let mut hits = Vec::new();
        let mut more = Vec::new();
        for kind in FoundKind::ALL {
            let (mut own, others): (Vec<_>, Vec<_>) =
                self.found.into_iter().partition(|hit| hit.kind == *kind);
            self.found = others;
            let mut seen = std::collections::HashSet::new();
            own.retain(|hit| seen.insert(hit.id.clone()));
            if own.len() > MAX_PER_KIND as usize {
                own.truncate(MAX_PER_KIND as usize);
                more.push(*kind);
            }
            hits.append(&mut own);
        }
        (hits, more)
    }

    async fn called(&self, id: AnyId) -> ApiResult<Hit> {
        let store = &self.state.store;
        let project = self.project.id;
        let by = FoundBy::Id;
        let hit = match id {
            AnyId::Event(id) => {
                self.event(by, &store.event(project, id).await?.event)
                    .await?
            }
            AnyId::Delivery(id) => {
                let delivery = store.delivery(project, id).await?;
                let sentence = deliveries::sentence(self.state, &delivery).await?;
                Hit::delivery(&delivery, &sentence)
            }
            AnyId::Attempt(id) => {
                let place = store.attempt_place(project, id).await?;
                Hit::attempt(id.to_string(), &place)
            }
            AnyId::Listener(id) => {
                let (listener, is_deleted) = store.listener_ever(project, id).await?;
                Hit::listener(by, &listener, is_deleted)
            }
            AnyId::Endpoint(id) => Hit::endpoint(by, &store.endpoint_ever(project, id).await?),
            AnyId::Job(id) => Hit::job(&store.job(project, id).await?),
            AnyId::Key(_) if !self.may_see_keys() => {
                return Err(StoreError::NotFound("key").into());
            }
            AnyId::Key(id) => {
                let key = store.key(id).await?;
                if key.project.is_some_and(|owner| owner != project) {
                    return Err(StoreError::NotFound("key").into());
                }
                if key.project.is_none() && self.caller != Caller::Operator {
                    return Err(StoreError::NotFound("key").into());
                }
                Hit::key(by, &key, self.state.clock.now())
            }
            AnyId::Project(id) if id == project || self.caller == Caller::Operator => {
                Hit::project(by, &store.project(id).await?)
            }
            AnyId::Project(_) => return Err(StoreError::NotFound("project").into()),
        };
        Ok(self.owned(hit))
    }

    fn may_see_keys(&self) -> bool {
        self.caller.scopes().contains(Scope::Admin)
    }

    /// The types that begin like `text`.
    async fn types(&mut self, text: &str) -> ApiResult<()> {
        self.looked_for.push("event types by how they begin");
        let filter = CatalogueFilter {
            prefix: text.to_owned(),
            after: None,
        };
        let entries = self.state.store.catalogue(self.project.id, &filter, REACH);
        let hits = entries.await?;
        self.keep(hits.iter().map(Hit::event_type).collect());
        Ok(())
    }

    /// The events that came out of `first`.
    async fn chain(&mut self, first: EventId) -> ApiResult<()> {
        self.looked_for.push("events that came out of that event");
        let filter = EventFilter {
            correlation: Some(first),
            ..EventFilter::default()
        };
        self.events(FoundBy::Correlation, &filter).await
    }

    async fn producer_id(&mut self, text: &str) -> ApiResult<()> {
        self.looked_for.push("events by their producer's id");
        let filter = EventFilter {
            producer_id: Some(text.to_owned()),
            ..EventFilter::default()
        };
        self.events(FoundBy::EventId, &filter).await?;
        self.looked_for
            .push("what was refused, by its producer's id");
        let filter = RefusalFilter {
            producer_id: Some(text.to_owned()),
            ..RefusalFilter::default()
        };
        let window = Window::first(Order::Newest, REACH);
        let refusals = self.state.store.refusals(self.project.id, filter, &window);
        let refusals = refusals.await?.entries;
        self.keep(refusals.iter().map(Hit::refusal).collect());
        Ok(())
    }

    async fn source_and_id(&mut self, source: &str, id: &str) -> ApiResult<()> {
        self.looked_for
            .push("events by their source and their producer's id");
        let store = &self.state.store;
        let Some(known) = store.known_event(self.project.id, source, id).await? else {
            return Ok(());
        };
        self.known(FoundBy::SourceAndId, &known).await
    }

    async fn idempotency_key(&mut self, text: &str) -> ApiResult<()> {
        let Ok(key) = IdempotencyKey::parse(text.as_bytes()) else {
            return Ok(());
        };
        self.looked_for
            .push("events by the Idempotency-Key of their request");
        let store = &self.state.store;
        for known in store
            .events_of_request(self.project.id, &key, REACH)
            .await?
        {
            self.known(FoundBy::IdempotencyKey, &known).await?;
        }
        Ok(())
    }

    /// Finds an event of which the key is there; the log may have lost it.
    async fn known(&mut self, by: FoundBy, known: &KnownEvent) -> ApiResult<()> {
        let store = &self.state.store;
        let hit = match store.event(self.project.id, known.event).await {
            Ok(record) => self.event(by, &record.event).await?,
            Err(StoreError::NotFound(_)) => Hit::lost_event(by, known),
            Err(error) => return Err(error.into()),
        };
        self.found.push(self.owned(hit));
        Ok(())
    }

    async fn urls(&mut self, text: &str) -> ApiResult<()> {
        let beginnings = url_beginnings(text);
        if beginnings.is_empty() {
            return Ok(());
        }
        self.looked_for.push("endpoints by their URL");
        let store = &self.state.store;
        let endpoints = store
            .endpoints_at(self.project.id, &beginnings, REACH)
            .await?;
        let hits = endpoints.iter().map(|it| Hit::endpoint(FoundBy::Url, it));
        self.keep(hits.collect());
        Ok(())
    }

    async fn names(&mut self, text: &str) -> ApiResult<()> {
        self.looked_for
            .push("listeners and endpoints by their name");
        let (store, project) = (&self.state.store, self.project.id);
        let by = FoundBy::Name;
        let listeners = store.listeners_named(project, text, REACH).await?;
        let listeners = listeners.iter().map(|it| Hit::listener(by, it, false));
        self.keep(listeners.collect());
        let endpoints = store.endpoints_named(project, text, REACH).await?;
        self.keep(endpoints.iter().map(|it| Hit::endpoint(by, it)).collect());
        if self.may_see_keys() {
            self.looked_for.push("API keys by their name");
            let keys = store.keys_named(project, text, REACH).await?;
            let now = self.state.clock.now();
            self.keep(keys.iter().map(|it| Hit::key(by, it, now)).collect());
        }
        if self.caller == Caller::Operator {
            self.looked_for.push("projects by their name");
            let projects = store.projects_named_like(text, REACH).await?;
            self.keep(projects.iter().map(|it| Hit::project(by, it)).collect());
        }
        Ok(())
    }

    async fn events(&mut self, by: FoundBy, filter: &EventFilter) -> ApiResult<()> {
        let window = Window::first(Order::Newest, REACH);
        let events = self.state.store.events(self.project.id, filter, &window);
        for record in events.await?.entries {
            let hit = self.event(by, &record.event).await?;
            self.found.push(self.owned(hit));
        }
        Ok(())
    }

    async fn event(&self, by: FoundBy, event: &Event) -> StoreResult<Hit> {
        let store = &self.state.store;
        let counts = store.deliveries_by_state(self.project.id, event.id).await?;
        Ok(Hit::event(by, event, &counts))
    }

    fn keep(&mut self, hits: Vec<Hit>) {
        let hits: Vec<_> = hits.into_iter().map(|hit| self.owned(hit)).collect();
        self.found.extend(hits);
    }

    /// `hit` with the project that it is in.
    fn owned(&self, mut hit: Hit) -> Hit {
        let name = || self.project.name.as_str().to_owned();
        hit.project = hit.project.or_else(|| Some(name()));
        hit
    }
}

/// What was found; none if it is not there.
fn there(found: ApiResult<Hit>) -> ApiResult<Option<Hit>> {
    match found {
        Ok(hit) => Ok(Some(hit)),
        Err(problem) if problem.code == crate::api::problem::Code::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}
