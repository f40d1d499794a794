//! Planning: from an event to the unit that is written for it. `emit` reactions are followed at
//! once; what would make the unit too large is left as a fan-out.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    context::Context,
    directory::Directory,
    judge::{Judge, Judgement},
    rulebook::{ActiveListener, ActiveReaction, Rulebook},
};
use crate::{
    domain::{
        delivery::{Cause, DeadReason, SkipReason},
        draft::EventDraft,
        event::{Event, EventState},
        event_type::KnownViolation,
        ids::{EndpointId, EventId, ProjectId, emitted_event_id, platform_project},
        project::Project,
        retry::RetryPolicy,
        schema::{Validation, Violation},
        template::EmitTemplate,
        time::Timestamp,
    },
    rules::EventView,
    store::{
        StoreResult,
        unit::{
            Continuation, Cursor, EventKey, Fanout, Fate, MAX_DELIVERIES, MAX_EVENTS, MetEvent,
            NewDelivery, Unit,
        },
    },
};

/// How many listeners are looked at for one unit of a fan-out.
const FANOUT_PAGE: u32 = 500;

/// Makes units.
pub(crate) struct Planner {
    pub(super) context: Context,
    pub(super) rulebook: Arc<Rulebook>,
    pub(super) directory: Arc<Directory>,
    pub(super) judge: Judge,
}

impl Planner {
    /// The unit of an event that a producer sent, in a request that it may have marked; it is called
    /// `id`. The error says where it breaks its schema, if it is refused for that.
    pub(super) async fn sent(
        &self,
        project: &Project,
        id: EventId,
        draft: EventDraft,
        request: Option<EventKey>,
    ) -> StoreResult<Result<Unit, Violation>> {
        let hash = draft.hash();
        let named = draft.id.is_some();
        let now = self.context.clock.now();
        let event = draft.complete(id, project.id, project.name.as_str(), now);
        let key = named.then(|| EventKey {
            project: project.id,
            source: event.attributes.source.clone(),
            producer_id: event.attributes.id.clone(),
            hash,
        });
        let mut plan = self.plan(now);
        plan.unit.key = key;
        plan.unit.request = request;
        match plan.judge(&event).await? {
            Some(refused) => return Ok(Err(refused)),
            None => plan.admit(Arc::new(event)),
        }
        plan.follow().await.map(Ok)
    }

    /// The next unit of a fan-out.
    pub(super) async fn fanout(&self, from: &Fanout) -> StoreResult<Unit> {
        let store = &self.context.store;
        let event = Arc::new(store.any_event(from.event).await?.event);
        let page = store
            .listeners_at(
                from.project,
                from.rules_version,
                from.next.listener,
                FANOUT_PAGE,
            )
            .await?;
        let is_last = page.len() < FANOUT_PAGE as usize;
        let end = page.last().map(|last| Cursor {
            listener: Some(last.id),
            reaction: u32::MAX,
        });
        let view = EventView::of(&event);
        let active = page.into_iter().filter_map(ActiveListener::new);
        let matching: Vec<_> = active
            .filter(|active| active.rule.matches(&view))
            .map(Arc::new)
            .collect();
        let mut plan = self.plan(self.context.clock.now());
        let cut = plan.react(&event, &matching, from.next).await?;
        plan.unit.continues = Some(Continuation::Fanout {
            from: from.clone(),
            then: cut.or(end.filter(|_| !is_last)),
        });
        plan.follow().await
    }

    /// The unit of an event that could not be emitted at first, made by `listener` as it is now.
    /// The error says why it still cannot be.
    pub(super) async fn emission(
        &self,
        event: &Arc<Event>,
        listener: &ActiveListener,
        reaction: u32,
        settles: crate::domain::ids::DeliveryId,
    ) -> StoreResult<Result<Unit, String>> {
        let mut plan = self.plan(self.context.clock.now());
        let child = match listener.reactions.get(reaction as usize) {
            Some(ActiveReaction::Emit(template)) => {
                plan.child(event, listener, reaction, template).await?
            }
            _ => Err("the listener has no emit reaction in this place any more".to_owned()),
        };
        match child {
            Ok(child) => plan.admit(child),
            Err(why) => return Ok(Err(why)),
        }
        plan.unit.continues = Some(Continuation::Emission(settles));
        plan.follow().await.map(Ok)
    }

    fn plan(&self, now: Timestamp) -> Plan<'_> {
        Plan {
            planner: self,
            now,
            unit: Unit::default(),
            assumed: BTreeSet::new(),
            unmet: VecDeque::new(),
        }
    }
}

/// A unit that is being made.
struct Plan<'a> {
    planner: &'a Planner,
    now: Timestamp,
    unit: Unit,
    assumed: BTreeSet<(ProjectId, i64)>,
    /// Events of the unit that have not met the listeners yet.
    unmet: VecDeque<Arc<Event>>,
}

impl Plan<'_> {
    /// Makes `event` a part of the unit.
    fn admit(&mut self, event: Arc<Event>) {
        self.unmet.push_back(event);
    }

    /// Lets the events of the unit meet the listeners until there is no new one.
    async fn follow(mut self) -> StoreResult<Unit> {
        while let Some(event) = self.unmet.pop_front() {
            self.meet(event).await?;
        }
        self.unit.assumed = self.assumed.into_iter().collect();
        Ok(self.unit)
    }

    async fn meet(&mut self, event: Arc<Event>) -> StoreResult<()> {
        let mut versions = Vec::new();
        for project in audiences(event.project) {
            let view = EventView::of(&event);
            let mut met = self.planner.rulebook.meet(project, &view).await?;
            if event.state == EventState::LoopSuppressed {
                met.listeners.clear();
            }
            self.assumed.insert((project, met.version));
            versions.push(met.version);
            if let Some(next) = self
                .react(&event, &met.listeners, Cursor::default())
                .await?
            {
                self.unit.fanouts.push(Fanout {
                    event: event.id,
                    project,
                    rules_version: met.version,
                    next,
                });
            }
        }
        self.unit.events.push(MetEvent {
            event,
            rules_version: versions.first().copied().unwrap_or_default(),
            platform_version: versions.last().copied().unwrap_or_default(),
        });
        Ok(())
    }

    /// Carries out the reactions of `listeners` from `from` on. Gives where it stopped, if the unit
    /// has no room for all.
    async fn react(
        &mut self,
        event: &Arc<Event>,
        listeners: &[Arc<ActiveListener>],
        from: Cursor,
    ) -> StoreResult<Option<Cursor>> {
        for active in listeners {
            for (index, reaction) in (0_u32..).zip(&active.reactions) {
                let place = Cursor {
                    listener: Some(active.listener.id),
                    reaction: index,
                };
                if place < from {
                    continue;
                }
                if self.is_full() {
                    return Ok(Some(place));
                }
                self.carry_out(event, active, index, reaction).await?;
            }
        }
        Ok(None)
    }

    /// Whether the unit has no room for whatever a reaction may add.
    fn is_full(&self) -> bool {
        // The event that is meeting its listeners is in neither list.
        let events = self.unit.events.len() + self.unmet.len() + 1;
        events >= MAX_EVENTS || self.unit.deliveries.len() >= MAX_DELIVERIES
    }

    async fn carry_out(
        &mut self,
        event: &Arc<Event>,
        active: &ActiveListener,
        index: u32,
        reaction: &ActiveReaction,
    ) -> StoreResult<()> {
        match reaction {
            ActiveReaction::Webhook(endpoint) => {
                let fate = self.fate(event, active, *endpoint).await?;
                self.deliver(event, active, index, Some(*endpoint), fate);
            }
            ActiveReaction::Emit(template) => {
                match self.child(event, active, index, template).await? {
                    Ok(child) => self.admit(child),
                    Err(why) => self.bury(event, active, index, why),
                }
            }
            ActiveReaction::Unreadable(why) => self.bury(event, active, index, why.clone()),
        }
        Ok(())
    }

    async fn fate(
        &self,
        event: &Event,
        active: &ActiveListener,
        endpoint: EndpointId,
    ) -> StoreResult<Fate> {
        if event.lineage.contains(active.listener.id) {
            return Ok(Fate::Skipped(SkipReason::LoopSuppressed));
        }
        let live = self.planner.directory.get(endpoint).await?;
        Ok(match live {
            None => Fate::Skipped(SkipReason::EndpointDeleted),
            Some(live) if live.endpoint.deleted_at.is_some() => {
                Fate::Skipped(SkipReason::EndpointDeleted)
            }
            Some(live) if !live.endpoint.takes_deliveries() => {
                Fate::Skipped(SkipReason::EndpointDisabled)
            }
            Some(live) => Fate::Pending {
                owned: false,
                due: self.first_attempt(&live.retry),
            },
        })
    }

    /// When a delivery is first attempted: a schedule may begin with a wait.
    fn first_attempt(&self, policy: &RetryPolicy) -> Timestamp {
        let wait = policy.delay(1, self.planner.context.chance.unit());
        self.now.plus(wait.unwrap_or_default())
    }

    /// Judges an event of the unit by the schema of its type. Gives where it breaks it, if it is to be
    /// refused for that.
    async fn judge(&mut self, event: &Event) -> StoreResult<Option<Violation>> {
        let Judgement { version, broken } = self.planner.judge.judge(event).await?;
        self.assumed.insert((event.project, version));
        match broken {
            Some((Validation::Enforce, violation)) => return Ok(Some(violation)),
            Some((Validation::Warn, violation)) => {
                let known = KnownViolation::new(event.id, violation);
                self.unit.violations.push(known);
            }
            Some((Validation::Off, _)) | None => {}
        }
        Ok(None)
    }

    /// The event that `template` makes of `event`, or why it makes none.
    async fn child(
        &mut self,
        event: &Event,
        active: &ActiveListener,
        index: u32,
        template: &EmitTemplate,
    ) -> StoreResult<Result<Arc<Event>, String>> {
        let listener = &active.listener;
        let source = format!("/listeners/{}", listener.id);
        let draft = match template.render(event, &source) {
            Ok(draft) => draft,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let id = emitted_event_id(event.id, listener.id, index as usize);
        let mut child = draft.complete(id, listener.project, "", self.now);
        child.lineage = event.lineage.child(event.id, listener.id);
        if child.lineage.is_too_long() || event.lineage.contains(listener.id) {
            child.state = EventState::LoopSuppressed;
        }
        Ok(match self.judge(&child).await? {
            None => Ok(Arc::new(child)),
            Some(Violation { pointer, detail }) => {
                let event_type = &child.attributes.event_type;
                Err(format!(
                    "it breaks the schema of {event_type} at {pointer}: {detail}"
                ))
            }
        })
    }

    /// Makes a dead letter of a reaction that cannot be carried out.
    fn bury(&mut self, event: &Arc<Event>, active: &ActiveListener, index: u32, why: String) {
        let fate = Fate::Dead(DeadReason::EmitFailed, why);
        self.deliver(event, active, index, None, fate);
    }

    fn deliver(
        &mut self,
        event: &Arc<Event>,
        active: &ActiveListener,
        index: u32,
        endpoint: Option<EndpointId>,
        fate: Fate,
    ) {
        self.unit.deliveries.push(NewDelivery {
            id: self.planner.context.ids.next(self.now),
            project: active.listener.project,
            event: Arc::clone(event),
            cause: Some(Cause {
                listener: active.listener.id,
                revision: active.listener.revision,
                reaction: index,
            }),
            endpoint,
            fate,
        });
    }
}

/// Whose listeners hear the events of `project`: its own, and the platform's.
fn audiences(project: ProjectId) -> impl Iterator<Item = ProjectId> {
    let platform = platform_project();
    std::iter::once(project).chain((project != platform).then_some(platform))
}
