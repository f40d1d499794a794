//! Endpoints: where webhooks go, and how.

use std::time::Duration;

use url::Url;

use super::{
    final_statuses::FinalStatuses,
    ids::{EndpointId, ProjectId},
    names::named,
    retry::RetryPolicy,
    signature::Secret,
    time::Timestamp,
    webhook::{Format, Headers},
};

/// The most requests that may be under way to one endpoint at a time.
pub const MAX_CONCURRENCY: u32 = 1_000;

/// The longest that a request may be allowed to take.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// The shortest that a request may be allowed to take.
pub const MIN_TIMEOUT: Duration = Duration::from_millis(100);

/// The longest that a connection may be allowed to take.
pub const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// The most secrets of one endpoint that sign at a time: each signs every request.
pub const MAX_LIVE_SECRETS: usize = 10;

named! {
    /// Whether webhooks go to an endpoint.
    pub enum EndpointState {
        /// They go.
        Enabled = "enabled",
        /// They are kept until it is enabled again.
        Paused = "paused",
        /// They are not made: what would have gone is skipped, what waited is a dead letter.
        Disabled = "disabled",
    }
}

named! {
    /// Why an endpoint is in its state.
    pub enum StateReason {
        /// A user set it.
        Requested = "requested",
        /// The receiver answered 410.
        Gone = "gone",
        /// Every attempt has failed for as long as the gateway bears it.
        Failing = "failing",
    }
}

/// What users decide about an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointConfig {
    /// What users call it.
    pub name: Option<String>,
    /// Where webhooks go.
    pub url: Url,
    /// Whether they go.
    pub state: EndpointState,
    /// How an event becomes a body.
    pub format: Format,
    /// How deliveries are tried again; none where the gateway's own policy serves.
    pub retry: Option<RetryPolicy>,
    /// How long a request may take; none where the gateway's own limit serves.
    pub timeout: Option<Duration>,
    /// How long a connection may take to be made, shorter than the request may; none where the
    /// gateway's own limit serves.
    pub connect_timeout: Option<Duration>,
    /// The statuses after which a delivery is not tried again.
    pub final_statuses: FinalStatuses,
    /// How many requests may be under way at a time; none where the gateway's own limit serves.
    pub concurrency: Option<u32>,
    /// Headers that every request has beside those of the webhook.
    pub headers: Headers,
}

impl EndpointConfig {
    /// An endpoint at `url` with the defaults in all else.
    pub fn new(url: Url) -> Self {
        Self {
            name: None,
            url,
            state: EndpointState::Enabled,
            format: Format::Standard,
            retry: None,
            timeout: None,
            connect_timeout: None,
            final_statuses: FinalStatuses::default(),
            concurrency: None,
            headers: Headers::default(),
        }
    }
}

/// An endpoint as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its name.
    pub id: EndpointId,
    /// Whom it belongs to.
    pub project: ProjectId,
    /// What users decided.
    pub config: EndpointConfig,
    /// How often it has changed, its making counted; a new secret is a change.
    pub version: u64,
    /// Why it is in its state.
    pub state_reason: StateReason,
    /// Since when it is in its state.
    pub state_since: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was deleted; what is left of it is for the deliveries that name it.
    pub deleted_at: Option<Timestamp>,
}

/// A secret of an endpoint, and how long it signs.
#[derive(Debug, Clone)]
pub struct LiveSecret {
    /// The secret.
    pub secret: Secret,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it no longer signs; none for the current one.
    pub expires_at: Option<Timestamp>,
}

impl LiveSecret {
    /// Whether it signs what leaves at `now`.
    pub fn signs_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl Endpoint {
    /// Whether webhooks may be made for it at all.
    pub fn takes_deliveries(&self) -> bool {
        self.deleted_at.is_none() && self.config.state != EndpointState::Disabled
    }

    /// Whether webhooks wait until it is enabled again.
    pub fn is_paused(&self) -> bool {
        self.deleted_at.is_none() && self.config.state == EndpointState::Paused
    }

    /// Whether webhooks may leave for it now.
    pub fn is_open(&self) -> bool {
        self.deleted_at.is_none() && self.config.state == EndpointState::Enabled
    }
}
