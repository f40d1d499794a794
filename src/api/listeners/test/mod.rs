//! `/v1/listeners/test`: what a listener would say to events and do about them. Nothing is stored.

mod subject;
mod would;

use std::time::Duration;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use self::{
    subject::Tested,
    would::{Room, WouldView},
};
use crate::{
    api::{
        auth::InProject,
        events::{EventSummary, given::Given, verdicts::sentence},
        extract::Body,
        problem::{ApiResult, Problem},
        refusals::TestRefused,
        state::ApiState,
    },
    domain::{event::Event, listener::ListenerState, project::Project},
    rules::{Asked, EventView, Explanation},
};

/// The most events that a listener is tested with in one request; beyond, it is refused.
pub const MAX_EVENTS: usize = 100;

/// How long a test looks at events. Those that it does not come to have no verdict.
const TEST_TIME: Duration = Duration::from_millis(500);

/// A listener and the events to try it with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerTest {
    /// The listener: the id of one that is there, or a document like one that is to be made, of which
    /// only `on` must be there.
    #[schema(value_type = serde_json::Value, example = json!(
        {"on": ["site.deploy.*"], "when": {"data": {"environment": ["production"]}}}))]
    listener: Box<RawValue>,
    /// The events, 1 to 100: each either an event as it would be sent, in plain JSON or as a CloudEvent,
    /// or the id of one that is there.
    #[schema(value_type = Vec<serde_json::Value>, example = json!(
        [{"type": "site.deploy.failed", "data": {"environment": "production"}}, "evt_01h455vb4pex5vsknk084sn02q"]))]
    events: Vec<Box<RawValue>>,
}

/// What a listener would say to events.
#[derive(Serialize, ToSchema)]
pub struct TestResults {
    /// One result for each event, in their order.
    data: Vec<TestResult>,
}

/// What a listener would say to an event, and do about it.
#[derive(Serialize, ToSchema)]
pub struct TestResult {
    /// The event. One that was given in the request has an id that names nothing.
    event: EventSummary,
    /// Whether the event is one that is there.
    stored: bool,
    /// Whether it matches; null if there was no time left for it.
    matched: Option<bool>,
    /// The verdict in a sentence.
    #[schema(example = r#"did not match: data.environment is "staging", wanted "production""#)]
    summary: String,
    /// The verdict, clause by clause; null if there was no time left for it.
    verdict: Option<Explanation>,
    /// What the listener's reactions would do; empty if it does not match.
    reactions: Vec<WouldView>,
}

/// Try a listener out.
///
/// Says of each event whether the listener matches, clause by clause, and what its reactions would do:
/// where its webhooks would go, and the events that it would emit, or why it could not. Nothing is
/// stored and nothing sent. A document is checked as when a listener is made, its URLs too.
#[utoipa::path(post, path = "/v1/listeners/test", tag = "listeners",
    request_body(content = ListenerTest, examples(
        ("a rule that is to be made" = (value = json!({
            "listener": {"on": ["site.deploy.*"], "when": {"data": {"environment": ["production"]}}},
            "events": [
                {"type": "site.deploy.failed", "data": {"environment": "staging"}},
                {"type": "site.deploy.failed", "data": {"environment": "production"}}]}))),
        ("what is there" = (value = json!({
            "listener": "lis_01h455vb4pex5vsknk084sn02q",
            "events": ["evt_01h455vb4pex5vsknk084sn02q"]}))))),
    responses(
        (status = 200, description = "What it would do.", body = TestResults),
        TestRefused))]
pub async fn test(
    State(state): State<ApiState>,
    by: InProject,
    Body(document): Body<ListenerTest>,
) -> ApiResult<Json<TestResults>> {
    if !(1..=MAX_EVENTS).contains(&document.events.len()) {
        let detail = format!("give from 1 to {MAX_EVENTS} events");
        return Err(Problem::invalid("/events", detail));
    }
    let tested = Tested::read(&state, by.project.id, &document.listener).await?;
    let events = tried(&state, &by, &document.events).await?;
    let end = state.clock.elapsed() + TEST_TIME;
    let mut room = Room::default();
    let results = events
        .iter()
        .map(|event| match state.clock.elapsed() > end {
            true => TestResult::left_out(event),
            false => TestResult::of(&tested, event, &mut room),
        });
    Ok(Json(TestResults {
        data: results.collect(),
    }))
}

/// An event that a listener is tried with.
struct Tried {
    event: Event,
    /// Whether it is one that is there.
    stored: bool,
}

/// Reads the events, which stand at `/events`.
async fn tried(state: &ApiState, by: &InProject, given: &[Box<RawValue>]) -> ApiResult<Vec<Tried>> {
    let mut tried = Vec::with_capacity(given.len());
    for (index, given) in given.iter().enumerate() {
        let read = Given::read(state, by, given).await;
        let read = read.map_err(|problem| problem.below(&format!("/events/{index}")))?;
        tried.push(Tried::of(state, &by.project, read));
    }
    Ok(tried)
}

impl Tried {
    fn of(state: &ApiState, project: &Project, given: Given) -> Self {
        let now = state.clock.now();
        match given {
            Given::Stored(event) => Self {
                event,
                stored: true,
            },
            Given::Inline(draft) => Self {
                event: draft.complete(state.ids.next(now), project.id, project.name.as_str(), now),
                stored: false,
            },
        }
    }
}

impl TestResult {
    fn of(tested: &Tested, tried: &Tried, room: &mut Room) -> Self {
        let verdict = Asked::of(&EventView::of(&tried.event)).explain(&tested.rule);
        let reactions = match verdict.matched {
            true => tested.reactions(tried, room),
            false => Vec::new(),
        };
        let summary = match tested.state {
            ListenerState::Enabled => sentence::verdict(&verdict),
            ListenerState::Disabled => sentence::not_asked(&verdict, "the listener is disabled"),
        };
        Self {
            event: EventSummary::of(&tried.event),
            stored: tried.stored,
            matched: Some(verdict.matched),
            summary,
            verdict: Some(verdict),
            reactions,
        }
    }

    fn left_out(tried: &Tried) -> Self {
        Self {
            event: EventSummary::of(&tried.event),
            stored: tried.stored,
            matched: None,
            summary: "there was no time left for it: test with fewer events".to_owned(),
            verdict: None,
            reactions: Vec::new(),
        }
    }
}
