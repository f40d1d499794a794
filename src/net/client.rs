//! The HTTP clients that carry webhooks: one for each policy, so that no connection that one
//! policy let through is used under another. Everything that a client would do of its own accord
//! (proxies, redirects, retries, decompression) is off.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use reqwest::{Client, redirect};
use rustls::ClientConfig;

use super::{
    dns::GuardedDns, policy::Policy, resolver::Resolve, sender::MAX_HEAD_BYTES,
    trace::TraceConnecting,
};

/// The most policies that have a client at once. Beyond, the one used least is given up together
/// with its idle connections; requests under way end as they would have.
const MAX_CLIENTS: u64 = 256;

/// Idle connections that are kept to one receiver; what comes back beyond is closed.
const MAX_IDLE_PER_HOST: usize = 16;

/// How long an idle connection is kept.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// How much of a body HTTP/2 may send before it is read, in bytes: the protocol's own default.
const HTTP2_WINDOW: u32 = 65_535;

/// How much of a head HTTP/2 takes in, in bytes. Beyond, the protocol ends the stream with an error
/// that does not say why; what lies between [`MAX_HEAD_BYTES`] and this is told as too large.
const HTTP2_HEAD_LIMIT: u32 = 4 * MAX_HEAD_BYTES;

/// Makes clients and keeps them.
pub(super) struct Clients {
    resolver: Arc<dyn Resolve>,
    tls: ClientConfig,
    by_policy: Cache<Arc<Policy>, Client>,
}

impl Clients {
    pub(super) fn new(resolver: Arc<dyn Resolve>, tls: ClientConfig) -> Self {
        Self {
            resolver,
            tls,
            by_policy: Cache::new(MAX_CLIENTS),
        }
    }

    /// The client for `policy`.
    pub(super) fn get(&self, policy: &Arc<Policy>) -> Result<Client, Arc<reqwest::Error>> {
        self.by_policy
            .try_get_with_by_ref(policy, || self.build(Arc::clone(policy)))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where clients are made"
    )]
    fn build(&self, policy: Arc<Policy>) -> reqwest::Result<Client> {
        Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(GuardedDns::new(Arc::clone(&self.resolver), policy))
            .connector_layer(TraceConnecting)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_LIMIT)
            .http2_initial_stream_window_size(HTTP2_WINDOW)
            .http2_max_header_list_size(HTTP2_HEAD_LIMIT)
            .build()
    }
}
