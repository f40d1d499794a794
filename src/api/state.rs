//! What every handler has at hand.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::stream::Streams;
use crate::{
    clock::Clock,
    domain::{api_key::ApiKey, chance::Chance, cloudevents, ids::Ids},
    engine::Gateway,
    net::{policies::Policies, resolver::Resolve},
    store::Store,
};

/// What is configured about the API.
#[derive(Debug)]
pub struct ApiSettings {
    /// The key that opens everything.
    pub operator_key: ApiKey,
    /// The most bytes of a request's body.
    pub request_bytes: usize,
    /// How large events may be.
    pub events: cloudevents::Limits,
    /// How long an old secret signs beside its successor.
    pub rotation_grace: Duration,
    /// The file that keeps the key of the secrets; none if it comes from the configuration.
    pub secrets_key_file: Option<PathBuf>,
    /// For how long a request is recognised by its idempotency key.
    pub idempotency_window: Duration,
}

/// What every handler has at hand.
#[derive(Clone)]
pub struct ApiState {
    /// What is configured.
    pub settings: Arc<ApiSettings>,
    /// The engine.
    pub gateway: Gateway,
    /// What is durable.
    pub store: Store,
    /// Where webhooks may go.
    pub policies: Arc<Policies>,
    /// How names become addresses.
    pub resolver: Arc<dyn Resolve>,
    /// The time.
    pub clock: Clock,
    /// The source of identifiers.
    pub ids: Arc<Ids>,
    /// The randomness.
    pub chance: Chance,
    /// Who follows what happens.
    pub streams: Arc<Streams>,
    /// Cancelled when the gateway is stopping.
    pub stopping: CancellationToken,
}
