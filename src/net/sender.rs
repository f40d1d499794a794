//! Sends webhooks: one guarded HTTP request, one exchange to record. It knows nothing of
//! deliveries and never tries again.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use hyper_util::client::legacy;
use rustls::ClientConfig;

use super::{
    classify::{classify, find, overdue},
    client::Clients,
    departure::{MayLeave, Withheld},
    guard::judge_url,
    incoming::{Capture, head},
    outgoing::outgoing,
    policy::PolicySource,
    resolver::Resolve,
    tls,
    trace::{Trace, remote_address},
};
use crate::{
    clock::Clock,
    domain::attempt::{ErrorKind, Exchange, Failure, Request, Response},
};

/// The longest head of an answer that is taken, in bytes of its header lines.
pub const MAX_HEAD_BYTES: u32 = 64 * 1024;
/// The most header lines of an answer that are taken.
pub const MAX_HEADER_LINES: usize = 100;

/// Carries requests to receivers. A simulation stands in for it.
pub trait Sender: Send + Sync {
    /// Sends `request` once, if it still may when its bytes leave. It always ends, at the latest with
    /// the request's timeout, and every failure is part of the exchange.
    ///
    /// # Errors
    /// [`Withheld`] if it may not leave: no receiver has got it then.
    fn send(
        &self,
        request: Request,
        may_leave: MayLeave,
    ) -> BoxFuture<'_, Result<Exchange, Withheld>>;
}

/// Time limits that hold for every request that has none of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a connection may take to be made: look-up, TCP and TLS together.
    pub connect: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
        }
    }
}

/// Sends over the network, to where the guard lets the project's webhooks go.
///
/// A request leaves as a POST with the headers that it has, in their order, followed by
/// `content-length`, `accept: */*` if it has no `accept` (the client beneath insists on one), and
/// `host`. Redirects are not followed, proxies of the environment not used, bodies not
/// decompressed.
pub struct HttpSender {
    clients: Clients,
    timeouts: Timeouts,
    policies: Arc<dyn PolicySource>,
    clock: Clock,
}

/// The sender cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct SenderError(#[from] rustls::Error);

impl HttpSender {
    /// A sender that asks `resolver` for addresses and `policies` for what is open.
    ///
    /// # Errors
    ///
    /// [`SenderError`] if TLS cannot be set up.
    pub fn new(
        resolver: Arc<dyn Resolve>,
        policies: Arc<dyn PolicySource>,
        clock: Clock,
        timeouts: Timeouts,
    ) -> Result<Self, SenderError> {
        let tls = tls::system_trust()?;
        Ok(Self::trusting(tls, resolver, policies, clock, timeouts))
    }

    pub(super) fn trusting(
        tls: ClientConfig,
        resolver: Arc<dyn Resolve>,
        policies: Arc<dyn PolicySource>,
        clock: Clock,
        timeouts: Timeouts,
    ) -> Self {
        Self {
            clients: Clients::new(resolver, tls),
            timeouts,
            policies,
            clock,
        }
    }

    async fn exchange(&self, request: Request, may_leave: MayLeave) -> Result<Exchange, Withheld> {
        may_leave.check()?;
        let begun = self.clock.elapsed();
        let trace = Trace::new(
            request.url.port_or_known_default().unwrap_or(0),
            self.clock.clone(),
            request.connect_timeout.unwrap_or(self.timeouts.connect),
        );
        let deadline = begun.saturating_add(request.timeout);
        let answer = self.answer(request, may_leave, &trace, deadline).await;
        if trace.is_withheld() {
            return Err(Withheld);
        }
        let (address, result) = match answer {
            Ok(response) => (
                response.remote_addr(),
                self.record(response, &trace, deadline).await,
            ),
            Err(failure) => (trace.address(), Err(failure)),
        };
        Ok(Exchange {
            address,
            duration: self.clock.elapsed().saturating_sub(begun),
            result,
        })
    }

    /// The answer once its head is there.
    async fn answer(
        &self,
        request: Request,
        may_leave: MayLeave,
        trace: &Arc<Trace>,
        deadline: Duration,
    ) -> Result<reqwest::Response, Failure> {
        let policy = self.policies.policy(request.project);
        judge_url(&request.url, &policy)?;
        let client = self.clients.get(&policy).map_err(|error| {
            Failure::new(
                ErrorKind::Unsendable,
                format!("no client can be made: {error}"),
            )
        })?;
        let sending = client.execute(outgoing(request, may_leave, Arc::clone(trace))?);
        match self
            .until(deadline, Arc::clone(trace).follow(sending))
            .await
        {
            Some(Ok(response)) => Ok(response),
            Some(Err(error)) => {
                trace.reached(address_in(&error));
                Err(classify(&error, trace))
            }
            None => Err(overdue(trace.phase())),
        }
    }

    /// What of the answer is recorded. Once its head is there, the status counts.
    async fn record(
        &self,
        mut response: reqwest::Response,
        trace: &Trace,
        deadline: Duration,
    ) -> Result<Response, Failure> {
        let headers = head(response.headers())?;
        let mut capture = Capture::default();
        let reading = capture.read(&mut response, trace);
        let broke_off = match self.until(deadline, reading).await {
            Some(outcome) => outcome.err(),
            None => Some(late_body()),
        };
        let (body, truncated) = capture.finish();
        Ok(Response {
            status: response.status().as_u16(),
            headers,
            body,
            truncated,
            broke_off,
        })
    }

    /// What `work` gives before `deadline`, a point of [`Clock::elapsed`].
    async fn until<T>(&self, deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
        let left = deadline.saturating_sub(self.clock.elapsed());
        self.clock.timeout(left, work).await
    }
}

impl Sender for HttpSender {
    fn send(
        &self,
        request: Request,
        may_leave: MayLeave,
    ) -> BoxFuture<'_, Result<Exchange, Withheld>> {
        Box::pin(self.exchange(request, may_leave))
    }
}

fn late_body() -> Failure {
    Failure::new(
        ErrorKind::BodyTimeout,
        "the receiver did not send the body of its answer in time",
    )
}

/// The address of the connection that `error` happened on, a reused one included.
fn address_in(error: &reqwest::Error) -> Option<SocketAddr> {
    remote_address(find::<legacy::Error>(error)?.connect_info()?)
}

#[cfg(test)]
mod body_tests;
#[cfg(test)]
mod departure_tests;
#[cfg(test)]
mod guard_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
