//! The figures at the end: what the gateway's API says, what the receivers saw, and whether the two
//! agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Serialize;

use super::{
    DemoError,
    cast::{Customer, PROMISING},
    rest::{Counts, Delivery},
    stage::{Stage, projects},
};
use crate::domain::{delivery::DeliveryState, event::EventState, time::Timestamp};

/// All figures of a demo.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// How long it took.
    pub seconds: f64,
    /// Per project, what it has.
    pub projects: BTreeMap<&'static str, ProjectFigures>,
    /// Per receiver, in the order of the story, what it heard.
    pub receivers: Vec<ReceiverFigures>,
    /// From the gateway's taking an event to the receiver's having the webhook.
    pub latency: Latencies,
    /// Whether every event that was accepted, and every webhook that it promised, is accounted for.
    pub check: Check,
}

/// What a project has.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProjectFigures {
    /// Events.
    pub events: u64,
    /// Deliveries by state.
    pub deliveries: Counts,
}

/// What a receiver heard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceiverFigures {
    /// Who it is.
    pub receiver: &'static str,
    /// The webhooks that it took, by the customer that they are about.
    pub heard: BTreeMap<&'static str, usize>,
    /// The requests that reached it, the refused and the repeated ones included.
    pub requests: u32,
}

/// How long webhooks took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Latencies {
    /// At the first attempt, while there was one deploy at a time.
    pub calm: Option<Latency>,
    /// At the first attempt, in the busy moment.
    pub busy: Option<Latency>,
    /// With several attempts.
    pub retried: Option<Latency>,
}

/// How long some webhooks took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// How many there were.
    pub webhooks: usize,
    /// Half of them took no longer.
    pub p50_ms: u64,
    /// 99 of 100 took no longer.
    pub p99_ms: u64,
    /// None took longer.
    pub max_ms: u64,
}

/// The reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The events that were accepted.
    pub accepted: u64,
    /// The webhooks that they promise, by the listeners of the story.
    pub promised: u64,
    /// The deliveries by state, over all projects.
    pub deliveries: Counts,
    /// The webhooks that receivers took, each counted once.
    pub received: usize,
    /// Whether what is promised is what there is, and what is delivered is what was received.
    pub holds: bool,
}

/// What the API says, gathered.
#[derive(Default)]
struct Gathered {
    projects: BTreeMap<&'static str, ProjectFigures>,
    promised: u64,
    delivered: Vec<Delivery>,
}

impl Figures {
    /// Gathers them; the busy moment began at `busy_from`.
    ///
    /// # Errors
    /// If the gateway does not answer.
    pub async fn gather(
        stage: &Stage,
        took: Duration,
        busy_from: Timestamp,
    ) -> Result<Self, DemoError> {
        let gathered = Gathered::from_api(stage).await?;
        Ok(Self {
            seconds: took.as_secs_f64(),
            receivers: heard(stage),
            latency: gathered.latencies(stage, busy_from),
            check: gathered.check(stage),
            projects: gathered.projects,
        })
    }
}

impl Gathered {
    async fn from_api(stage: &Stage) -> Result<Self, DemoError> {
        let mut gathered = Self::default();
        for project in projects() {
            let rest = stage.operator.about(project);
            let stats = rest.stats().await?;
            let figures = ProjectFigures {
                events: stats.events,
                deliveries: stats.deliveries,
            };
            gathered.projects.insert(project, figures);
            let events = rest.events().await?;
            let promising = events.iter().filter(|event| {
                event.state == EventState::Accepted
                    && PROMISING.contains(&event.event_type.as_str())
            });
            gathered.promised += promising.count() as u64;
            let delivered = rest.deliveries(DeliveryState::Delivered).await?;
            gathered.delivered.extend(delivered);
        }
        Ok(gathered)
    }

    fn latencies(&self, stage: &Stage, busy_from: Timestamp) -> Latencies {
        let several = self.delivered.iter().filter(|one| one.attempt_count > 1);
        let several: BTreeSet<&str> = several.map(|one| one.id.as_str()).collect();
        let (mut calm, mut busy, mut retried) = (Vec::new(), Vec::new(), Vec::new());
        for receiver in stage.town.all() {
            for webhook in &receiver.inbox().memory().taken {
                let group = match several.contains(webhook.id.as_str()) {
                    true => &mut retried,
                    false if webhook.received_at >= busy_from => &mut busy,
                    false => &mut calm,
                };
                group.push(webhook.latency);
            }
        }
        Latencies {
            calm: Latency::of(calm),
            busy: Latency::of(busy),
            retried: Latency::of(retried),
        }
    }

    fn check(&self, stage: &Stage) -> Check {
        let mut deliveries = Counts::new();
        for (state, count) in self
            .projects
            .values()
            .flat_map(|project| &project.deliveries)
        {
            *deliveries.entry(*state).or_default() += count;
        }
        let mut received = BTreeSet::new();
        for receiver in stage.town.all() {
            let memory = receiver.inbox().memory();
            received.extend(memory.taken.iter().map(|webhook| webhook.id.clone()));
        }
        let delivered: BTreeSet<_> = self.delivered.iter().map(|one| one.id.clone()).collect();
        Check {
            accepted: self.projects.values().map(|project| project.events).sum(),
            promised: self.promised,
            received: received.len(),
            holds: deliveries.values().sum::<u64>() == self.promised && delivered == received,
            deliveries,
        }
    }
}

impl Latency {
    fn of(mut all: Vec<Duration>) -> Option<Self> {
        all.sort_unstable();
        let rank = |percent: usize| (all.len() * percent).div_ceil(100).saturating_sub(1);
        let at =
            |percent| Some(u64::try_from(all.get(rank(percent))?.as_millis()).unwrap_or(u64::MAX));
        Some(Self {
            webhooks: all.len(),
            p50_ms: at(50)?,
            p99_ms: at(99)?,
            max_ms: at(100)?,
        })
    }
}

fn heard(stage: &Stage) -> Vec<ReceiverFigures> {
    let figures = stage.town.all().map(|receiver| {
        let memory = receiver.inbox().memory();
        let of = |customer: Customer| {
            let taken = memory.taken.iter();
            let own = taken.filter(|webhook| webhook.data.customer == customer.name());
            (customer.name(), own.count())
        };
        ReceiverFigures {
            receiver: receiver.actor().name(),
            heard: Customer::ALL.map(of).into(),
            requests: memory.attempts.values().sum(),
        }
    });
    figures.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let millis = |all: std::ops::RangeInclusive<u64>| all.map(Duration::from_millis).collect();
        let latency = |p50_ms, p99_ms, max_ms, webhooks| {
            Some(Latency {
                webhooks,
                p50_ms,
                p99_ms,
                max_ms,
            })
        };
        assert_eq!(Latency::of(Vec::new()), None);
        assert_eq!(Latency::of(millis(7..=7)), latency(7, 7, 7, 1));
        assert_eq!(Latency::of(millis(1..=200)), latency(100, 198, 200, 200));
    }
}
