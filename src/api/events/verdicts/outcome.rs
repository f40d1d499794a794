//! What became of the reactions of listeners that matched: looked up for a whole page at a time.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    moment::{Moment, Rules},
    scan::Found,
    sentence,
    view::VerdictView,
};
use crate::{
    api::{
        deliveries::{Circumstances, skip_reason, summary},
        state::ApiState,
    },
    domain::{
        delivery::{Delivery, DeliveryState, SkipReason},
        event::EventState,
        ids::{DeliveryId, EndpointId, EventId, ListenerId, ProjectId, emitted_event_id},
        listener::{Listener, ListenerState, Reaction},
    },
    store::{StoreResult, circumstances::Standing, unit::Cursor, verdicts::CountedSkips},
};

/// What became of a reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Fate)]
pub enum Outcome {
    /// A delivery was made: its `state` says how far it has come.
    Delivery,
    /// It was skipped, which is a delivery that was never tried.
    Skipped,
    /// It was skipped and only counted: the listener had more than 1,000 such in that hour.
    SkippedUnlisted,
    /// Another event was emitted.
    Emitted,
    /// Another event was emitted that met nobody, because the listener had a part in bringing this
    /// one about, or the chain of causes is too long.
    LoopSuppressed,
    /// The event could not be emitted: there is a dead letter instead.
    EmitFailed,
    /// It is still to be carried out: the event has very many listeners.
    FanningOut,
    /// There is no trace of it any more.
    Unrecorded,
}

/// What became of one reaction of a listener.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReactionOutcome {
    /// Which of the listener's reactions, counted from 0.
    pub reaction: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// The same in a sentence.
    #[schema(example = "delivered at the 1st attempt, 200 after 12 ms")]
    pub summary: String,
    /// Where its webhook goes; left out for one that emits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "end_01h455vb4pex5vsknk084sn02q")]
    pub endpoint: Option<EndpointId>,
    /// The delivery, where there is one; that of a platform's listener is the platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    pub delivery: Option<DeliveryId>,
    /// Where the delivery stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<DeliveryState>,
    /// The event that was emitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub event: Option<EventId>,
}

/// The verdicts of `found`, with what became of those that matched.
///
/// # Errors
/// If the store cannot be read.
pub async fn conclude(
    state: &ApiState,
    moment: &Moment<'_>,
    found: Vec<Found>,
) -> StoreResult<Vec<VerdictView>> {
    let mut traces = HashMap::new();
    for rules in &moment.rules {
        let of_these = |found: &&Found| found.rules.project == rules.project;
        let reacted = found.iter().filter(of_these);
        let reacted = reacted.filter(|found| found.reacted(moment));
        let listeners: Vec<_> = reacted.map(|found| &found.met.listener).collect();
        let left = Traces::of(state, moment, *rules, &listeners).await?;
        traces.insert(rules.project, left);
    }
    let view = |found| verdict(moment, &traces, found);
    Ok(found.into_iter().map(view).collect())
}

fn verdict(moment: &Moment<'_>, traces: &HashMap<ProjectId, Traces>, found: Found) -> VerdictView {
    let (asked, reacted) = (found.was_asked(moment), found.reacted(moment));
    let listener = &found.met.listener;
    let traces = traces.get(&found.rules.project).filter(|_| reacted);
    let reactions = traces.map(|traces| {
        let mut reactions = traces.reactions(moment, listener);
        // Whether it matched is not known: what left no trace need not have been.
        if found.is_unknown() {
            reactions.retain(|reaction| reaction.outcome != Outcome::Unrecorded);
        }
        reactions
    });
    VerdictView {
        listener: listener.id,
        revision: listener.revision,
        name: listener.config.name.clone(),
        audience: found.rules.audience,
        state: listener.config.state,
        since: listener.updated_at,
        superseded: found.met.superseded,
        asked,
        summary: said(moment, &found),
        reactions: reactions.unwrap_or_default(),
        verdict: found.explanation,
    }
}

fn said(moment: &Moment<'_>, found: &Found) -> String {
    if !found.is_readable {
        return "not asked: this version of the gateway cannot read its rule".to_owned();
    }
    let Some(explanation) = &found.explanation else {
        return match found.on {
            true => {
                "it waits for this type; what its `when` said cannot be told, since the payload \
                     of the event was erased"
            }
            false => "it does not wait for this type",
        }
        .to_owned();
    };
    let listener = &found.met.listener;
    match listener.config.state {
        ListenerState::Disabled => {
            let because = format!("it is disabled since {} at the latest", listener.updated_at);
            sentence::not_asked(explanation, &because)
        }
        ListenerState::Enabled if !moment.was_met() => {
            sentence::not_asked(explanation, "no listener was asked")
        }
        ListenerState::Enabled => sentence::verdict(explanation),
    }
}

/// What the reactions of the listeners of one audience have left behind.
struct Traces {
    /// How far the reactions have been carried out; none if all have.
    place: Option<Cursor>,
    deliveries: HashMap<(ListenerId, u32), Delivery>,
    circumstances: Circumstances,
    emitted: HashMap<EventId, EventState>,
    counted: HashMap<(ListenerId, SkipReason), CountedSkips>,
    standings: HashMap<EndpointId, Standing>,
}

impl Traces {
    async fn of(
        state: &ApiState,
        moment: &Moment<'_>,
        rules: Rules,
        listeners: &[&Listener],
    ) -> StoreResult<Self> {
        let (store, event) = (&state.store, moment.event);
        let ids: Vec<_> = listeners.iter().map(|listener| listener.id).collect();
        // First how far it has come, then what there is: what is done in between is found.
        let place = store.fanout_place(rules.project, event.id).await?;
        let deliveries = store.deliveries_for(rules.project, event.id, &ids).await?;
        let circumstances = Circumstances::of(state, &deliveries).await?;
        let emitted: Vec<_> = listeners
            .iter()
            .flat_map(|it| emissions(event.id, it))
            .collect();
        let missing = missing(listeners, &deliveries);
        let counted = store.counted_skips(rules.project, event.id, event.received_at, &missing);
        let counted = counted.await?;
        let skipping = listeners.iter().filter(|it| missing.contains(&it.id));
        let endpoints: Vec<_> = skipping.flat_map(|it| endpoints(it)).collect();
        Ok(Self {
            place,
            circumstances,
            emitted: store.event_states(&emitted).await?,
            counted,
            standings: store.endpoint_standings(&endpoints).await?,
            deliveries: by_reaction(deliveries),
        })
    }

    fn reactions(&self, moment: &Moment<'_>, listener: &Listener) -> Vec<ReactionOutcome> {
        let reactions = (0_u32..).zip(&listener.config.reactions);
        let view = |(index, reaction): (u32, &Reaction)| match reaction {
            Reaction::Webhook { endpoint } => self.webhook(moment, listener, index, *endpoint),
            Reaction::Emit(_) => self.emission(moment, listener, index),
        };
        reactions.map(view).collect()
    }

    fn webhook(
        &self,
        moment: &Moment<'_>,
        listener: &Listener,
        index: u32,
        endpoint: EndpointId,
    ) -> ReactionOutcome {
        let seen = self.delivery(listener, index);
        let view = seen.or_else(|| self.to_come(listener, index));
        let view = view.or_else(|| self.uncounted(moment, listener, index, endpoint));
        ReactionOutcome {
            endpoint: Some(endpoint),
            ..view.unwrap_or_else(|| ReactionOutcome::unrecorded(index))
        }
    }

    fn emission(&self, moment: &Moment<'_>, listener: &Listener, index: u32) -> ReactionOutcome {
        let child = emitted_event_id(moment.event.id, listener.id, index as usize);
        if let Some(state) = self.emitted.get(&child) {
            return ReactionOutcome::emitted(index, child, *state);
        }
        let seen = self.delivery(listener, index);
        let view = seen.or_else(|| self.to_come(listener, index));
        view.unwrap_or_else(|| ReactionOutcome::unrecorded(index))
    }

    fn delivery(&self, listener: &Listener, index: u32) -> Option<ReactionOutcome> {
        let delivery = self.deliveries.get(&(listener.id, index))?;
        let outcome = match (delivery.target, delivery.state) {
            (crate::domain::delivery::Target::Emit, _) => Outcome::EmitFailed,
            (_, DeliveryState::Skipped) => Outcome::Skipped,
            _ => Outcome::Delivery,
        };
        let around = self.circumstances.around(delivery);
        Some(ReactionOutcome {
            delivery: Some(delivery.id),
            state: Some(delivery.state),
            ..ReactionOutcome::new(index, outcome, summary(delivery, &around))
        })
    }

    /// The reaction, if the event's fan-out has not come to it yet.
    fn to_come(&self, listener: &Listener, index: u32) -> Option<ReactionOutcome> {
        let own = Cursor {
            listener: Some(listener.id),
            reaction: index,
        };
        self.place.filter(|place| *place <= own)?;
        let summary = "still to come: the event's fan-out is under way".to_owned();
        Some(ReactionOutcome::new(index, Outcome::FanningOut, summary))
    }

    /// The reaction, if it was skipped without a row of its own.
    fn uncounted(
        &self,
        moment: &Moment<'_>,
        listener: &Listener,
        index: u32,
        endpoint: EndpointId,
    ) -> Option<ReactionOutcome> {
        let is_loop = moment.event.lineage.contains(listener.id);
        let reasons = SkipReason::ALL.iter().copied();
        let mut reasons =
            reasons.filter(|reason| (*reason == SkipReason::LoopSuppressed) == is_loop);
        let (reason, counted) =
            reasons.find_map(|reason| Some((reason, self.counted.get(&(listener.id, reason))?)))?;
        let standing = self.standings.get(&endpoint).copied();
        let summary = format!(
            "skipped: {}; only counted, as one of {} in the minute of {}",
            skip_reason(reason, counted.minute, standing),
            counted.count,
            counted.minute
        );
        Some(ReactionOutcome::new(
            index,
            Outcome::SkippedUnlisted,
            summary,
        ))
    }
}

impl ReactionOutcome {
    fn new(reaction: u32, outcome: Outcome, summary: String) -> Self {
        Self {
            reaction,
            outcome,
            summary,
            endpoint: None,
            delivery: None,
            state: None,
            event: None,
        }
    }

    fn emitted(reaction: u32, event: EventId, state: EventState) -> Self {
        let (outcome, summary) = match state {
            EventState::LoopSuppressed => (
                Outcome::LoopSuppressed,
                format!("emitted {event}, which met nobody: it would have gone round in a loop"),
            ),
            EventState::Accepted | EventState::Test => {
                (Outcome::Emitted, format!("emitted {event}"))
            }
        };
        Self {
            event: Some(event),
            ..Self::new(reaction, outcome, summary)
        }
    }

    fn unrecorded(reaction: u32) -> Self {
        let summary = "there is no trace of it any more".to_owned();
        Self::new(reaction, Outcome::Unrecorded, summary)
    }
}

fn by_reaction(deliveries: Vec<Delivery>) -> HashMap<(ListenerId, u32), Delivery> {
    let keyed = deliveries.into_iter().filter_map(|delivery| {
        let cause = delivery.cause?;
        Some(((cause.listener, cause.reaction), delivery))
    });
    keyed.collect()
}

/// The events that `listener` emits for `event`, whether it did or not.
fn emissions(event: EventId, listener: &Listener) -> Vec<EventId> {
    let reactions = listener.config.reactions.iter().enumerate();
    let emitting = reactions.filter(|(_, reaction)| matches!(reaction, Reaction::Emit(_)));
    emitting
        .map(|(index, _)| emitted_event_id(event, listener.id, index))
        .collect()
}

fn endpoints(listener: &Listener) -> Vec<EndpointId> {
    let reactions = listener.config.reactions.iter();
    let endpoints = reactions.filter_map(|reaction| match reaction {
        Reaction::Webhook { endpoint } => Some(*endpoint),
        Reaction::Emit(_) => None,
    });
    endpoints.collect()
}

/// The listeners that have fewer deliveries than webhooks.
fn missing(listeners: &[&Listener], deliveries: &[Delivery]) -> Vec<ListenerId> {
    let mut made: HashMap<ListenerId, usize> = HashMap::new();
    let causes = deliveries.iter().filter_map(|delivery| delivery.cause);
    for cause in causes {
        *made.entry(cause.listener).or_default() += 1;
    }
    let lacks = |listener: &&&Listener| {
        endpoints(listener).len() > made.get(&listener.id).copied().unwrap_or(0)
    };
    let missing = listeners.iter().filter(lacks);
    missing.map(|listener| listener.id).collect()
}
