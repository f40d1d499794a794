//! Sending: from a job to the request that leaves, and from what came back to what follows.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;

use super::{commit, context::Context, directory::LiveEndpoint, lanes::Lanes, record::Recorder};
use crate::{
    domain::{
        attempt::{Attempt, ErrorKind, Exchange, Failure, Request},
        delivery::DeadReason,
        event::{Event, ExtensionValue},
        retry::{self, Progress, RetryPolicy, Verdict},
        signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign},
        time::Timestamp,
        webhook::{HIDDEN, render},
    },
    net::departure::{MayLeave, Withheld},
    store::{
        queue::Job,
        record::{Disable, Outcome},
    },
};

/// What the gateway calls itself.
const USER_AGENT: &str = concat!("riposte/", env!("CARGO_PKG_VERSION"));

/// The CloudEvents extensions that go through as the headers of W3C Trace Context.
const TRACE_HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// Attempts a delivery once and hands the outcome to the recorder. If its lease does not hold any more
/// when it should leave, it does not, and goes back to the store.
pub(super) async fn attempt(
    context: Context,
    lanes: Arc<Lanes>,
    recorder: Recorder,
    job: Job,
    endpoint: Arc<LiveEndpoint>,
) {
    let may_leave = context.membership.fence(job.lease);
    let Ok(attempt) = once(&context, &job, &endpoint, may_leave).await else {
        lanes.finished(&job, false, None);
        return commit::release(&context, &lanes, vec![job]).await;
    };
    let exchange = &attempt.exchange;
    let outcome = Outcome {
        verdict: judge(&context, &job, &endpoint, exchange),
        disable: disables(&context, exchange),
        format: endpoint.endpoint.config.format,
        attempt,
    };
    recorder.record(job, outcome).await;
}

/// Sends the webhook of `job` once, if it still may when it leaves.
pub(super) async fn once(
    context: &Context,
    job: &Job,
    endpoint: &LiveEndpoint,
    may_leave: MayLeave,
) -> Result<Attempt, Withheld> {
    let started_at = context.clock.now();
    let request = request(job, endpoint, started_at);
    let (url, headers) = (request.url.to_string(), for_the_record(&request, endpoint));
    Ok(Attempt {
        id: context.ids.next(started_at),
        delivery: job.delivery,
        project: job.project,
        endpoint: job.endpoint,
        number: job.attempts + 1,
        started_at,
        url,
        request_headers: headers,
        exchange: send(context, request, may_leave).await?,
    })
}

/// Sends a request. Nothing that a receiver makes of it ends more than this attempt.
async fn send(
    context: &Context,
    request: Request,
    may_leave: MayLeave,
) -> Result<Exchange, Withheld> {
    let sending = AssertUnwindSafe(context.sender.send(request, may_leave)).catch_unwind();
    sending.await.unwrap_or_else(|_panic| {
        Ok(Exchange {
            address: None,
            duration: Duration::ZERO,
            result: Err(Failure::new(
                ErrorKind::Unsendable,
                "the gateway failed on this request; its log says why",
            )),
        })
    })
}

/// The headers of `request` as they are kept. The endpoint's own may carry credentials, which are
/// kept with the endpoint, sealed, and nowhere else.
fn for_the_record(request: &Request, live: &LiveEndpoint) -> Vec<(String, String)> {
    let own = live.endpoint.config.headers.redacted();
    let kept = |(name, value): &(String, String)| match own.get(name) {
        Some(shown) if shown == HIDDEN => (name.clone(), HIDDEN.to_owned()),
        _ => (name.clone(), value.clone()),
    };
    request.headers.iter().map(kept).collect()
}

/// When an endpoint is to be disabled for what came of a request.
fn disables(context: &Context, exchange: &Exchange) -> Option<Disable> {
    if retry::is_gone(exchange) {
        return Some(Disable::Gone);
    }
    let bearable = context.settings.disable_after;
    (!exchange.is_success()).then_some(Disable::FailingFor(bearable))
}

fn judge(context: &Context, job: &Job, live: &LiveEndpoint, exchange: &Exchange) -> Verdict {
    if live.endpoint.config.final_statuses.has(exchange) && !retry::is_gone(exchange) {
        return Verdict::Dead(DeadReason::FinalStatus);
    }
    let progress = Progress {
        attempts: job.attempts + 1 - job.attempts_before,
        since: job.since,
        now: context.clock.now(),
    };
    let once = RetryPolicy::once();
    let policy = if job.is_test { &once } else { &live.retry };
    let longest = context.settings.max_retry_after;
    policy.judge(exchange, progress, longest, context.chance.unit())
}

/// The webhook of `job`, signed at `now` with every secret that is live.
fn request(job: &Job, live: &LiveEndpoint, now: Timestamp) -> Request {
    let config = &live.endpoint.config;
    let rendered = render(&job.event, config.format);
    let id = job.delivery.to_string();
    let signature = sign(&id, now.as_seconds(), &rendered.body, &live.secrets_at(now));
    let mut headers = vec![
        ("user-agent".to_owned(), USER_AGENT.to_owned()),
        ("accept".to_owned(), "*/*".to_owned()),
        (ID_HEADER.to_owned(), id),
        (TIMESTAMP_HEADER.to_owned(), now.as_seconds().to_string()),
        (SIGNATURE_HEADER.to_owned(), signature),
    ];
    headers.extend(rendered.headers);
    headers.extend(trace_headers(&job.event));
    // An owner's user-agent or accept takes the place of ours: a request has one of each.
    headers.retain(|(name, _)| !config.headers.iter().any(|(own, _)| own == name));
    let own = config.headers.iter();
    headers.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Request {
        project: job.project,
        url: config.url.clone(),
        headers,
        body: rendered.body,
        timeout: live.timeout,
        connect_timeout: config.connect_timeout,
    }
}

fn trace_headers(event: &Event) -> impl Iterator<Item = (String, String)> {
    TRACE_HEADERS
        .into_iter()
        .filter_map(|name| match event.attributes.extensions.get(name)? {
            ExtensionValue::String(value) => Some((name.to_owned(), value.clone())),
            _ => None,
        })
}
