//! How far a request has come: what the parts of the HTTP client that know tell the sender, so
//! that a deadline that passes can say what was being waited for.
//!
//! The trace travels with the request as a task-local value. A connection that one request begins
//! and another one uses, which the client's pool may arrange, reports to the one that began it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};
use tower::{Layer, Service};

use super::classify::overdue;
use crate::{clock::Clock, domain::attempt::Failure};

tokio::task_local! {
    static CURRENT: Arc<Trace>;
}

/// One request's way.
#[derive(Debug)]
pub(super) struct Trace {
    /// The port that the request goes to.
    pub(super) port: u16,
    clock: Clock,
    /// How long a connection that it begins may take to be made.
    connect_timeout: Duration,
    phase: AtomicU8,
    address: OnceLock<SocketAddr>,
    withheld: AtomicBool,
}

/// What a request is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// It has a connection, or will be given one by the pool.
    Exchanging,
    /// Its host's name is being looked up.
    Resolving,
    /// Its connection is being made, TLS included.
    Connecting,
}

impl Trace {
    pub(super) fn new(port: u16, clock: Clock, connect_timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            port,
            clock,
            connect_timeout,
            phase: AtomicU8::new(Phase::Exchanging as u8),
            address: OnceLock::new(),
            withheld: AtomicBool::new(false),
        })
    }

    /// The trace of the request whose work this is, if it is any request's.
    pub(super) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// `work` as this request's.
    pub(super) async fn follow<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        let phase = self.phase.load(Ordering::Relaxed);
        [Phase::Resolving, Phase::Connecting]
            .into_iter()
            .find(|candidate| *candidate as u8 == phase)
            .unwrap_or(Phase::Exchanging)
    }

    /// Notes that the request was taken back when its body was asked for.
    pub(super) fn withhold(&self) {
        self.withheld.store(true, Ordering::Relaxed);
    }

    /// Whether the request was taken back.
    pub(super) fn is_withheld(&self) -> bool {
        self.withheld.load(Ordering::Relaxed)
    }

    /// The address that was reached, as far as it is known.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address.get().copied()
    }

    /// The address that was reached, from whoever knows it first.
    pub(super) fn reached(&self, address: Option<SocketAddr>) {
        if let Some(address) = address {
            // A second one is another connection's, begun for this request and then not used.
            let _ = self.address.set(address);
        }
    }
}

/// The address at the other end of a connection.
pub(super) fn remote_address(connection: &Connected) -> Option<SocketAddr> {
    let mut extensions = http::Extensions::new();
    connection.get_extras(&mut extensions);
    Some(extensions.get::<HttpInfo>()?.remote_addr())
}

/// Wraps a connector so that it tells the trace of the request it works for, and has as long as that
/// request lets a connection take.
#[derive(Debug, Clone, Copy)]
pub(super) struct TraceConnecting;

impl<S> Layer<S> for TraceConnecting {
    type Service = TracedConnector<S>;

    fn layer(&self, connector: S) -> Self::Service {
        TracedConnector(connector)
    }
}

/// See [`TraceConnecting`].
#[derive(Debug, Clone)]
pub(super) struct TracedConnector<S>(S);

impl<S, R> Service<R> for TracedConnector<S>
where
    S: Service<R>,
    S::Response: Connection,
    S::Error: From<Failure>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.0.call(request);
        let Some(trace) = Trace::current() else {
            return Box::pin(connecting);
        };
        Box::pin(async move {
            trace.enter(Phase::Connecting);
            let connecting = Arc::clone(&trace).follow(connecting);
            let made = trace.clock.timeout(trace.connect_timeout, connecting).await;
            let connection = made.ok_or_else(|| overdue(trace.phase()))??;
            trace.reached(remote_address(&connection.connected()));
            trace.enter(Phase::Exchanging);
            Ok(connection)
        })
    }
}
