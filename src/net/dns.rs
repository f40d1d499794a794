//! The HTTP client's way to names: every look-up is judged by the policy of the request that
//! causes it, and the connection goes to what was judged.

use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolving};

use super::{
    lookup::resolve_guarded,
    policy::Policy,
    resolver::Resolve,
    trace::{Phase, Trace},
};
use crate::domain::attempt::{ErrorKind, Failure};

/// A resolver that gives out judged addresses alone. Its errors are [`Failure`]s.
pub(super) struct GuardedDns {
    resolver: Arc<dyn Resolve>,
    policy: Arc<Policy>,
}

impl GuardedDns {
    pub(super) fn new(resolver: Arc<dyn Resolve>, policy: Arc<Policy>) -> Self {
        Self { resolver, policy }
    }
}

impl reqwest::dns::Resolve for GuardedDns {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, policy) = (Arc::clone(&self.resolver), Arc::clone(&self.policy));
        Box::pin(async move {
            let trace = Trace::current().ok_or_else(no_request)?;
            trace.enter(Phase::Resolving);
            let found = resolve_guarded(&*resolver, name.as_str(), trace.port, &policy).await;
            let addresses = found.map_err(Failure::from)?;
            trace.enter(Phase::Connecting);
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Without a request there is no port to judge, so nothing is let through.
fn no_request() -> Failure {
    Failure::new(
        ErrorKind::AddressRefused,
        "the name was looked up for no request",
    )
}
