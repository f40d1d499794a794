//! Reactions as users write them, and their checking. Places are told from the reaction on.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    api::{
        endpoints::{EndpointDocument, EndpointWish},
        extract::read,
        problem::{ApiResult, Problem},
        state::ApiState,
    },
    domain::{listener::Reaction, template::EmitTemplate},
    store::listeners::WantedReaction,
};

/// What a listener triggers: either a webhook or another event.
#[derive(Default, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = r#"a reaction: {"webhook": …} or {"emit": …}"#
)]
pub struct ReactionDocument {
    /// A webhook to an endpoint.
    #[schema(value_type = Option<WebhookDocument>)]
    webhook: Option<Box<RawValue>>,
    /// Another event: the template that it is made of. `type` must be there; strings may hold
    /// placeholders such as `{{ event.data.site }}`.
    #[schema(value_type = Object, nullable,
        example = json!({"type": "usage.measured", "data": {"site": "{{ event.data.site }}"}}))]
    #[serde(default)]
    emit: Option<Box<RawValue>>,
}

/// Where a webhook goes.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "describes what is read by hand, so that errors name their place"
)]
enum WebhookDocument {
    /// To an endpoint that is there.
    #[schema(title = "By id")]
    Endpoint(EndpointReference),
    /// To the endpoint that has this URL. It is made if there is none; one that is there stays as
    /// it is.
    #[schema(title = "By URL")]
    Url(Box<EndpointDocument>),
}

/// Names an endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndpointReference {
    /// The endpoint.
    #[schema(example = "end_01h455vb4pex5vsknk084sn02q")]
    endpoint: String,
}

/// Whether a webhook names an endpoint; if not, it holds one.
#[derive(Deserialize)]
struct Probe {
    endpoint: Option<IgnoredAny>,
}

/// A reaction, checked but for its URL or the endpoint that it names.
pub enum ReactionWish {
    /// It says all.
    Ready(Reaction),
    /// A webhook to the endpoint that has this URL.
    ByUrl(Box<EndpointWish>),
}

impl ReactionDocument {
    /// Checks all that can be checked without asking anybody.
    ///
    /// # Errors
    /// The first thing that cannot be used.
    pub fn check(self) -> ApiResult<ReactionWish> {
        match (self.webhook, self.emit) {
            (Some(webhook), None) => {
                webhook_of(&webhook).map_err(|problem| problem.below("/webhook"))
            }
            (None, Some(emit)) => emission_of(emit).map_err(|problem| problem.below("/emit")),
            _ => Err(Problem::invalid(
                "",
                "a reaction has either a webhook or an emit, and not both",
            )),
        }
    }
}

impl ReactionWish {
    /// What the store is asked for.
    ///
    /// # Errors
    /// If an endpoint that would be made has a header that cannot be used.
    pub fn wanted(&self, state: &ApiState) -> ApiResult<WantedReaction> {
        Ok(match self {
            Self::Ready(reaction) => WantedReaction::Ready(reaction.clone()),
            Self::ByUrl(wish) => {
                let new = wish.as_ref().clone().into_new(state);
                let new = new.map_err(|problem| problem.below("/webhook"))?;
                WantedReaction::ByUrl(Box::new(new))
            }
        })
    }
}

fn webhook_of(webhook: &RawValue) -> ApiResult<ReactionWish> {
    let text = webhook.get().as_bytes();
    if !text.starts_with(b"{") {
        let detail = r#"give an endpoint or a URL: {"endpoint": "end_…"} or {"url": "https://…"}"#;
        return Err(Problem::invalid("", detail));
    }
    if read::<Probe>(text)?.endpoint.is_none() {
        let wish = read::<EndpointDocument>(text)?.check()?;
        return Ok(ReactionWish::ByUrl(Box::new(wish)));
    }
    // A text that is no id of an endpoint names none, like the id of another project's.
    let endpoint = read::<EndpointReference>(text)?.endpoint.parse();
    let unknown = |_| Problem::invalid("/endpoint", "the project has no such endpoint");
    Ok(ReactionWish::Ready(Reaction::Webhook {
        endpoint: endpoint.map_err(unknown)?,
    }))
}

fn emission_of(template: Box<RawValue>) -> ApiResult<ReactionWish> {
    match EmitTemplate::parse(template.get().as_bytes()) {
        Ok(_) => Ok(ReactionWish::Ready(Reaction::Emit(template))),
        Err(error) => Err(Problem::invalid(error.pointer, error.message)),
    }
}
