//! Endpoints as the API shows them.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::{
    domain::{
        audit::Realm,
        duration::HumanDuration,
        endpoint::{Endpoint, EndpointState, LiveSecret, StateReason},
        final_statuses::FinalStatusDocument,
        ids::EndpointId,
        retry::RetryDocument,
        signature::Secret,
        time::Timestamp,
        webhook::Format,
    },
    store::audit::Audited,
};

/// An endpoint.
#[derive(Serialize, ToSchema)]
pub struct EndpointView {
    /// Its name in Riposte.
    #[schema(value_type = String, example = "end_01h455vb4pex5vsknk084sn02q")]
    id: EndpointId,
    /// What you call it.
    name: Option<String>,
    /// Where webhooks go, normalised.
    url: String,
    /// Whether they go.
    state: EndpointState,
    /// Why it is in its state.
    state_reason: StateReason,
    /// Since when it is in its state.
    #[schema(value_type = String, format = DateTime)]
    state_since: Timestamp,
    /// How an event becomes a request.
    format: Format,
    /// How deliveries are tried again; null where it is as the gateway is configured.
    retry: Option<RetryDocument>,
    /// How long a request may take; null where it is as the gateway is configured.
    #[schema(value_type = Option<String>, example = "15s")]
    timeout: Option<HumanDuration>,
    /// How long the connection may take to be made; null where it is as the gateway is configured.
    #[schema(value_type = Option<String>, example = "3s")]
    connect_timeout: Option<HumanDuration>,
    /// Statuses after which a delivery is a dead letter at once and not tried again.
    #[schema(example = json!([400, 422]))]
    final_statuses: Vec<FinalStatusDocument>,
    /// How many requests may be under way at a time; null where it is as the gateway is
    /// configured.
    concurrency: Option<u32>,
    /// Headers that every request has beside those of the webhook; the values of those that look
    /// like credentials are `[hidden]`.
    #[schema(value_type = BTreeMap<String, String>)]
    headers: IndexMap<String, String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Endpoint> for EndpointView {
    fn from(endpoint: Endpoint) -> Self {
        let config = endpoint.config;
        Self {
            id: endpoint.id,
            name: config.name,
            url: config.url.into(),
            state: config.state,
            state_reason: endpoint.state_reason,
            state_since: endpoint.state_since,
            format: config.format,
            retry: config.retry.map(RetryDocument::from),
            timeout: config.timeout.map(HumanDuration),
            connect_timeout: config.connect_timeout.map(HumanDuration),
            final_statuses: config.final_statuses.into(),
            concurrency: config.concurrency,
            headers: config.headers.redacted(),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

impl Audited for Endpoint {
    fn realm(&self) -> Realm {
        Realm::Project(self.project)
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn document(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&EndpointView::from(self.clone()))
    }
}

/// An endpoint that was made.
#[derive(Serialize, ToSchema)]
pub struct CreatedEndpoint {
    #[serde(flatten)]
    pub(super) endpoint: EndpointView,
    /// The secret with which its webhooks are signed.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(super) secret: String,
    /// What was accepted but should be looked at: a name that does not resolve.
    pub(super) warnings: Vec<String>,
}

/// An endpoint that was changed.
#[derive(Serialize, ToSchema)]
pub struct ChangedEndpoint {
    #[serde(flatten)]
    pub(super) endpoint: EndpointView,
    /// What was accepted but should be looked at: a name that does not resolve.
    pub(super) warnings: Vec<String>,
}

/// The secrets of an endpoint.
#[derive(Serialize, ToSchema)]
pub struct SecretsView {
    /// The current secret: the one to verify webhooks with.
    secret: String,
    /// All that sign now, the newest first; each webhook has a signature of each.
    secrets: Vec<SecretView>,
}

/// A secret that signs.
#[derive(Serialize, ToSchema)]
pub struct SecretView {
    /// The secret.
    secret: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it no longer signs; null for the current one.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl From<Vec<LiveSecret>> for SecretsView {
    fn from(live: Vec<LiveSecret>) -> Self {
        let secrets: Vec<_> = live.iter().map(SecretView::of).collect();
        let newest = secrets.first().map(|newest| newest.secret.clone());
        Self {
            secret: newest.unwrap_or_default(),
            secrets,
        }
    }
}

impl SecretView {
    fn of(live: &LiveSecret) -> Self {
        Self {
            secret: shown(&live.secret),
            created_at: live.created_at,
            expires_at: live.expires_at,
        }
    }
}

/// A secret for its owner.
pub fn shown(secret: &Secret) -> String {
    secret.expose().to_string()
}
