//! The moment at which an event was accepted: who was to be asked, by which rules.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::auth::Caller,
    domain::{
        event::{Event, EventState},
        ids::{ProjectId, platform_project},
    },
    rules::{Asked, EventView},
    store::events::EventRecord,
};

/// Whose listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Those of the event's project.
    Project,
    /// Those of the platform, which hear the events of every project.
    Platform,
}

/// The listeners of a project as they were at a version of its rules.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whose they are, seen from the event.
    pub audience: Audience,
    /// The project.
    pub project: ProjectId,
    /// The version.
    pub version: i64,
}

/// An event and the rules that it met, as far as the caller may see them.
pub struct Moment<'a> {
    /// The event.
    pub event: &'a Event,
    /// The event as rules are asked about it.
    pub asked: Asked,
    /// The rules: the project's own, and for an operator the platform's.
    pub rules: Vec<Rules>,
}

impl<'a> Moment<'a> {
    /// The moment of an event, for `caller`.
    pub fn of(record: &'a EventRecord, caller: Caller) -> Self {
        let event = &record.event;
        let own = Rules {
            audience: Audience::Project,
            project: event.project,
            version: record.rules_version,
        };
        let platform = Rules {
            audience: Audience::Platform,
            project: platform_project(),
            version: record.platform_version,
        };
        let sees_platform = caller == Caller::Operator && own.project != platform.project;
        let rules = match event.state {
            EventState::Test => Vec::new(),
            EventState::Accepted | EventState::LoopSuppressed => {
                let platform = sees_platform.then_some(platform);
                std::iter::once(own).chain(platform).collect()
            }
        };
        Self {
            event,
            asked: Asked::of(&EventView::of(event)),
            rules,
        }
    }

    /// Whether listeners were asked at all.
    pub fn was_met(&self) -> bool {
        self.event.state == EventState::Accepted
    }

    /// Whether the payload of the event was erased, so that what a `when` says of it is not known.
    pub fn is_erased(&self) -> bool {
        self.event.erased_at.is_some()
    }

    /// What there is to know about the verdicts as a whole: why no listener was asked, or why nobody
    /// can tell.
    pub fn note(&self) -> Option<&'static str> {
        match self.event.state {
            EventState::Accepted if self.is_erased() => Some(
                "The payload of the event was erased: what a `when` said of it can be told no more.                  What came of it still stands here.",
            ),
            EventState::Accepted => None,
            EventState::LoopSuppressed => Some(
                "No listener was asked: the event came out of a loop of reactions, and was stored \
                 only. What stands here is what the listeners would have said.",
            ),
            EventState::Test => Some(
                "No listener was asked: the event tests an endpoint. GET /v1/deliveries?event= has \
                 its delivery.",
            ),
        }
    }
}
