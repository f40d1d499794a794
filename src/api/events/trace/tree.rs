//! From chosen events to the tree that shows them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    MAX_DELIVERIES,
    choose::Chosen,
    view::{DeliveryNode, EventNode, ListenerNode, ReactionNode},
};
use crate::{
    api::{
        deliveries::{Circumstances, summary},
        state::ApiState,
    },
    domain::{
        delivery::{Delivery, Target},
        ids::{EventId, ListenerId, ProjectId, emitted_event_id, platform_project},
        listener::MAX_REACTIONS,
    },
    store::{
        StoreResult,
        events::EventRecord,
        trace::{Link, NamedRevision},
    },
};

/// The tree of a trace.
pub struct Tree {
    /// What nothing that is shown led to.
    pub roots: Vec<EventNode>,
    /// Whether an event has more deliveries than are shown.
    pub truncated: bool,
}

/// Grows the tree of `chosen` events, as far as `seen_by` sees it.
///
/// # Errors
/// If the store cannot be read.
pub async fn grow(
    state: &ApiState,
    asked: EventId,
    chosen: Chosen,
    seen_by: Option<ProjectId>,
) -> StoreResult<Tree> {
    let ids: Vec<_> = chosen.links.iter().map(|link| link.event).collect();
    let events = state.store.traced_events(&ids).await?;
    let deliveries = state
        .store
        .traced_deliveries(&ids, seen_by, MAX_DELIVERIES + 1);
    let deliveries = deliveries.await?;
    let circumstances = Circumstances::of(state, &deliveries).await?;
    let wanted = revisions(&events, &deliveries);
    let wood = Wood {
        asked,
        fanning_out: state.store.fanning_out(&ids, seen_by).await?,
        revisions: state.store.named_revisions(&wanted).await?,
        deliveries: by_event(deliveries),
        children: children(&chosen.links, &events),
        circumstances,
        events,
    };
    let mut roots = Vec::new();
    for link in &chosen.links {
        let is_below = link
            .cause
            .is_some_and(|cause| wood.events.contains_key(&cause));
        if !is_below {
            roots.extend(wood.event(link.event));
        }
    }
    Ok(Tree {
        truncated: wood.deliveries.values().any(|all| is_cut(all)),
        roots,
    })
}

/// All that a tree is made of.
struct Wood {
    asked: EventId,
    events: HashMap<EventId, EventRecord>,
    /// What came of each event, in the order of their names.
    children: HashMap<EventId, Vec<EventId>>,
    deliveries: HashMap<EventId, Vec<Delivery>>,
    circumstances: Circumstances,
    revisions: HashMap<(ListenerId, i64), NamedRevision>,
    fanning_out: HashSet<EventId>,
}

impl Wood {
    /// The tree below an event. Its depth is bounded by the hops that events may have.
    fn event(&self, id: EventId) -> Option<EventNode> {
        let record = self.events.get(&id)?;
        let event = &record.event;
        let attributes = &event.attributes;
        Some(EventNode {
            id,
            event_type: attributes.event_type.to_string(),
            subject: attributes.subject.clone(),
            state: event.state,
            time: attributes.time.clone(),
            erased_at: event.erased_at,
            received_at: event.received_at,
            project: event.project,
            is_asked: id == self.asked,
            fanning_out: self.fanning_out.contains(&id),
            truncated: self.deliveries.get(&id).is_some_and(|all| is_cut(all)),
            reactions: self.reactions(record),
        })
    }

    /// The reactions to an event: by listener and place, tests of endpoints last.
    fn reactions(&self, record: &EventRecord) -> Vec<ReactionNode> {
        let mut reactions: BTreeMap<(ListenerId, u32), ReactionNode> = BTreeMap::new();
        let mut tests = Vec::new();
        let id = record.event.id;
        let deliveries = self.deliveries.get(&id).into_iter().flatten();
        for delivery in deliveries.take(MAX_DELIVERIES as usize) {
            let node = self.delivery(delivery);
            let Some(cause) = delivery.cause else {
                tests.push(ReactionNode {
                    delivery: Some(node),
                    ..ReactionNode::default()
                });
                continue;
            };
            let reaction = reactions.entry((cause.listener, cause.reaction));
            let reaction = reaction.or_default();
            reaction.listener = Some(self.listener(record, cause.listener, delivery.project));
            reaction.reaction = Some(cause.reaction);
            reaction.delivery = Some(node);
        }
        for child in self.children.get(&id).into_iter().flatten() {
            let Some((listener, place)) = self.origin(id, *child) else {
                continue;
            };
            let Some(node) = self.event(*child) else {
                continue;
            };
            let reaction = reactions.entry((listener, place)).or_default();
            reaction.listener = Some(self.listener(record, listener, node.project));
            reaction.reaction = Some(place);
            reaction.event = Some(Box::new(node));
        }
        reactions.into_values().chain(tests).collect()
    }

    /// Which reaction of which listener `child` came out of: that is what its name was made of.
    fn origin(&self, parent: EventId, child: EventId) -> Option<(ListenerId, u32)> {
        let listener = *self.events.get(&child)?.event.lineage.path.last()?;
        let made = |place: &usize| emitted_event_id(parent, listener, *place) == child;
        let place = (0..MAX_REACTIONS).find(made)?;
        Some((listener, u32::try_from(place).ok()?))
    }

    fn listener(&self, met_by: &EventRecord, id: ListenerId, project: ProjectId) -> ListenerNode {
        let named = self.revisions.get(&(id, version(met_by, project)));
        ListenerNode {
            id,
            revision: named.map(|named| named.revision),
            name: named.and_then(|named| named.name.clone()),
            project,
        }
    }

    fn delivery(&self, delivery: &Delivery) -> DeliveryNode {
        DeliveryNode {
            id: delivery.id,
            endpoint: match delivery.target {
                Target::Webhook(endpoint) => Some(endpoint),
                Target::Emit => None,
            },
            state: delivery.state,
            attempts: delivery.attempts,
            summary: summary(delivery, &self.circumstances.around(delivery)),
        }
    }
}

fn is_cut(deliveries: &[Delivery]) -> bool {
    deliveries.len() > MAX_DELIVERIES as usize
}

/// The version of the rules of `project` that an event has met.
fn version(record: &EventRecord, project: ProjectId) -> i64 {
    match project == platform_project() {
        true => record.platform_version,
        false => record.rules_version,
    }
}

/// The listeners that had a part, each at the version that its event met.
fn revisions(
    events: &HashMap<EventId, EventRecord>,
    deliveries: &[Delivery],
) -> HashSet<(ListenerId, i64)> {
    let delivering = deliveries.iter().filter_map(|delivery| {
        let event = events.get(&delivery.event)?;
        Some((delivery.cause?.listener, version(event, delivery.project)))
    });
    let emitting = events
        .values()
        .filter_map(|EventRecord { event: child, .. }: &EventRecord| {
            let parent = events.get(&child.lineage.causation?)?;
            Some((*child.lineage.path.last()?, version(parent, child.project)))
        });
    delivering.chain(emitting).collect()
}

fn by_event(deliveries: Vec<Delivery>) -> HashMap<EventId, Vec<Delivery>> {
    let mut by_event: HashMap<EventId, Vec<Delivery>> = HashMap::new();
    for delivery in deliveries {
        by_event.entry(delivery.event).or_default().push(delivery);
    }
    by_event
}

fn children(
    links: &[Link],
    events: &HashMap<EventId, EventRecord>,
) -> HashMap<EventId, Vec<EventId>> {
    let mut children: HashMap<EventId, Vec<EventId>> = HashMap::new();
    for link in links {
        if let Some(cause) = link.cause.filter(|cause| events.contains_key(cause)) {
            children.entry(cause).or_default().push(link.event);
        }
    }
    children
}
