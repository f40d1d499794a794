//! What the reactions of a listener would do about an event.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    Tried,
    subject::{Destination, Plan, Tested},
};
use crate::domain::{
    cloudevents,
    endpoint::EndpointState,
    event::Event,
    ids::{EndpointId, emitted_event_id},
    template::EmitTemplate,
};

/// The most bytes of emitted events that one answer shows.
const MAX_SHOWN: usize = 1024 * 1024;

/// What a reaction would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Would {
    /// Send a webhook.
    Deliver,
    /// Skip it.
    Skip,
    /// Emit another event.
    Emit,
    /// Emit another event that meets nobody, because the listener had a part in bringing this one
    /// about, or the chain of causes is too long.
    EmitIntoLoop,
    /// Fail to emit: there would be a dead letter.
    Fail,
}

/// What one reaction would do about an event.
#[derive(Serialize, ToSchema)]
pub struct WouldView {
    /// Which of the listener's reactions, counted from 0.
    reaction: u32,
    /// What it would do.
    would: Would,
    /// The same in a sentence.
    #[schema(example = "sends a webhook to https://ci.example.com/hooks")]
    summary: String,
    /// The endpoint; left out for one that emits, and where an endpoint would be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "end_01h455vb4pex5vsknk084sn02q")]
    endpoint: Option<EndpointId>,
    /// Where the webhook would go.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://ci.example.com/hooks")]
    url: Option<String>,
    /// The CloudEvent that would be emitted; left out beyond a mebibyte of them in one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    event: Option<Box<RawValue>>,
}

/// How much more one answer may show.
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MAX_SHOWN)
    }
}

impl Tested {
    /// What the reactions would do about an event that matches.
    pub fn reactions(&self, tried: &Tried, room: &mut Room) -> Vec<WouldView> {
        let is_loop = tried.event.lineage.contains(self.id);
        let plans = (0_u32..).zip(&self.plans);
        let view = |(index, plan): (u32, &Plan)| match plan {
            Plan::Webhook(to) => WouldView::webhook(index, to, is_loop),
            Plan::Emit(Err(why)) => WouldView::new(index, Would::Fail, why.clone()),
            Plan::Emit(Ok(template)) => self.emission(index, template, tried, room),
        };
        plans.map(view).collect()
    }

    fn emission(
        &self,
        index: u32,
        template: &EmitTemplate,
        tried: &Tried,
        room: &mut Room,
    ) -> WouldView {
        let parent = &tried.event;
        match self.emitted(index, template, parent) {
            Err(why) => WouldView::new(index, Would::Fail, format!("cannot emit: {why}")),
            Ok(event) => {
                let is_loop = parent.lineage.contains(self.id) || event.lineage.is_too_long();
                let would = if is_loop {
                    Would::EmitIntoLoop
                } else {
                    Would::Emit
                };
                let summary = match is_loop {
                    true => "emits an event that meets nobody: it would go round in a loop",
                    false => "emits another event",
                };
                WouldView {
                    event: room.show(&event),
                    ..WouldView::new(index, would, summary.to_owned())
                }
            }
        }
    }

    /// The event as the engine would make it.
    fn emitted(
        &self,
        index: u32,
        template: &EmitTemplate,
        parent: &Event,
    ) -> Result<Event, String> {
        let source = format!("/listeners/{}", self.id);
        let draft = template.render(parent, &source);
        let draft = draft.map_err(|error| error.to_string())?;
        let id = emitted_event_id(parent.id, self.id, index as usize);
        let mut event = draft.complete(id, parent.project, "", parent.received_at);
        event.lineage = parent.lineage.child(parent.id, self.id);
        Ok(event)
    }
}

impl Room {
    fn show(&mut self, event: &Event) -> Option<Box<RawValue>> {
        let json = cloudevents::to_structured_json(event);
        self.0 = self.0.checked_sub(json.len())?;
        RawValue::from_string(String::from_utf8(json).ok()?).ok()
    }
}

impl WouldView {
    fn new(reaction: u32, would: Would, summary: String) -> Self {
        Self {
            reaction,
            would,
            summary,
            endpoint: None,
            url: None,
            event: None,
        }
    }

    fn webhook(reaction: u32, to: &Destination, is_loop: bool) -> Self {
        let url = to.url.as_deref().unwrap_or_default();
        let skip = match to.state {
            _ if is_loop => Some("the listener had a part in bringing the event about"),
            None => Some("the endpoint is deleted"),
            Some(EndpointState::Disabled) => Some("the endpoint is disabled"),
            Some(EndpointState::Enabled | EndpointState::Paused) => None,
        };
        let (would, summary) = match (skip, to.state, to.endpoint) {
            (Some(why), ..) => (Would::Skip, format!("skips: {why}")),
            (None, Some(EndpointState::Paused), _) => (
                Would::Deliver,
                format!("sends a webhook to {url} once the endpoint is enabled again"),
            ),
            (None, _, Some(_)) => (Would::Deliver, format!("sends a webhook to {url}")),
            (None, _, None) => (
                Would::Deliver,
                format!("sends a webhook to {url}, for which an endpoint is made"),
            ),
        };
        Self {
            endpoint: to.endpoint,
            url: to.url.clone(),
            ..Self::new(reaction, would, summary)
        }
    }
}
