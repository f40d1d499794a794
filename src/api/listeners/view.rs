//! Listeners as the API shows them.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use super::{document::ListenerWish, reaction::ReactionWish};
use crate::{
    api::endpoints::{EndpointWish, shown},
    domain::{
        audit::Realm,
        ids::{EndpointId, ListenerId},
        listener::{Listener, ListenerState, Reaction},
        time::Timestamp,
    },
    store::{
        audit::Audited,
        listeners::{ByUrl, Placed},
    },
};

/// A listener.
#[derive(Serialize, ToSchema)]
pub struct ListenerView {
    /// Its name in Riposte; the same through all revisions.
    #[schema(value_type = String, example = "lis_01h455vb4pex5vsknk084sn02q")]
    id: ListenerId,
    /// What you call it.
    name: Option<String>,
    /// Whether it is asked.
    state: ListenerState,
    /// The event types that it waits for.
    on: Vec<String>,
    /// The event pattern that the content must match, as it was written; null where every content
    /// does.
    #[schema(value_type = Option<Object>)]
    when: Option<Box<RawValue>>,
    /// What it triggers.
    reactions: Vec<ReactionView>,
    /// Which revision it is: the first is 1, and every change makes another.
    revision: u32,
    /// When the listener was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When this revision was made.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// What a listener triggers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReactionView {
    /// A webhook to an endpoint.
    Webhook {
        /// The endpoint.
        #[schema(value_type = String, example = "end_01h455vb4pex5vsknk084sn02q")]
        endpoint: EndpointId,
    },
    /// Another event.
    Emit(TemplateView),
}

/// The template that an event is made of, as it was written.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct TemplateView(Box<RawValue>);

impl From<Listener> for ListenerView {
    fn from(listener: Listener) -> Self {
        let config = listener.config;
        Self {
            id: listener.id,
            name: config.name,
            state: config.state,
            on: config.on,
            when: config.when,
            reactions: config.reactions.into_iter().map(Into::into).collect(),
            revision: listener.revision,
            created_at: listener.created_at,
            updated_at: listener.updated_at,
        }
    }
}

impl From<Reaction> for ReactionView {
    fn from(reaction: Reaction) -> Self {
        match reaction {
            Reaction::Webhook { endpoint } => Self::Webhook { endpoint },
            Reaction::Emit(template) => Self::Emit(TemplateView(template)),
        }
    }
}

impl Audited for Listener {
    fn realm(&self) -> Realm {
        Realm::Project(self.project)
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn document(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&ListenerView::from(self.clone()))
    }
}

impl Placed {
    /// Which version the listener is of.
    pub fn version(&self) -> u64 {
        self.listener.revision.into()
    }
}

/// A listener that was made or changed.
#[derive(Serialize, ToSchema)]
pub struct PlacedListener {
    #[serde(flatten)]
    listener: ListenerView,
    /// The endpoints of the reactions that were given by URL, each once.
    endpoints: Vec<RegisteredEndpoint>,
    /// What was accepted but should be looked at: a name that does not resolve, or an endpoint
    /// that was there already and is not as it was asked for.
    warnings: Vec<String>,
}

/// An endpoint that a reaction asked for by its URL.
#[derive(Serialize, ToSchema)]
pub struct RegisteredEndpoint {
    /// The endpoint.
    #[schema(value_type = String, example = "end_01h455vb4pex5vsknk084sn02q")]
    id: EndpointId,
    /// Where its webhooks go, normalised.
    url: String,
    /// Whether it was made by this request; if not, it was there and stays as it is.
    created: bool,
    /// The secret with which its webhooks are signed, if it was made by this request; that of an
    /// older one is at `/v1/endpoints/{id}/secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
}

impl PlacedListener {
    /// What came of `wish`; `warnings` are those that there were before.
    pub fn new(placed: &Placed, wish: &ListenerWish, mut warnings: Vec<String>) -> Self {
        let differing = placed.by_url.iter().filter(|found| found.differs(wish));
        warnings.extend(differing.map(|found| {
            format!(
                "reaction {}: there is an endpoint with this URL, {}, which stays as it is; PATCH /v1/endpoints/{} changes it",
                found.reaction, found.endpoint.id, found.endpoint.id
            )
        }));
        let mut endpoints: Vec<_> = placed.by_url.iter().map(RegisteredEndpoint::of).collect();
        let mut seen = std::collections::HashSet::new();
        endpoints.retain(|endpoint| seen.insert(endpoint.id));
        Self {
            listener: placed.listener.clone().into(),
            endpoints,
            warnings,
        }
    }
}

impl RegisteredEndpoint {
    fn of(found: &ByUrl) -> Self {
        Self {
            id: found.endpoint.id,
            url: found.endpoint.config.url.to_string(),
            created: found.secret.is_some(),
            secret: found.secret.as_ref().map(shown),
        }
    }
}

impl ByUrl {
    /// Whether it is an endpoint that was there before, and not as `wish` wants it.
    fn differs(&self, wish: &ListenerWish) -> bool {
        let wished = wish.reactions.as_deref().unwrap_or_default();
        match wished.get(self.reaction) {
            Some(ReactionWish::ByUrl(wish)) => self.secret.is_none() && !self.fulfils(wish),
            _ => false,
        }
    }

    fn fulfils(&self, wish: &EndpointWish) -> bool {
        let mut wanted = self.endpoint.config.clone();
        wish.secret.is_none() && wish.apply(&mut wanted).is_ok() && wanted == self.endpoint.config
    }
}
