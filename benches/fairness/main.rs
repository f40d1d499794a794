//! What receivers that hang cost one that does not: how long a webhook to a healthy endpoint takes, alone,
//! and beside a thousand endpoints that never answer, for ten of which thousands of events wait.
//!
//! `make bench`, or `HANGING=100 QUEUED=300 cargo bench --bench fairness` for less. It runs the release
//! binary; gateway, receivers and producer share this machine, so what counts is the ratio.

#[path = "../stage/mod.rs"]
mod stage;

mod receivers;

use std::{io::Write as _, time::Duration};

use riposte::clock::Clock;
use serde_json::json;
use tempfile::TempDir;

use self::{
    receivers::{Hanging, Healthy},
    stage::{Caller, Keys, Node, Result, number},
};

/// How many events go into a request, where many are queued.
const BATCH: usize = 50;

/// The endpoints that hang and for which many events are queued.
const HEAVY: usize = 10;

/// The rhythm of the webhooks that are measured.
const EVERY: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> Result<()> {
    let (hanging, queued) = (number("HANGING", 1_000)?, number("QUEUED", 3_000)?);
    let samples = number("SAMPLES", 2_000)?;
    let directory = TempDir::new()?;
    let database = format!("sqlite://{}/riposte.db", directory.path().display());
    let node = Node::start(&database, &Keys::new())?;
    let caller = &node.caller;
    let healthy = Healthy::start().await?;
    listens(caller, "healthy", &healthy.url, "10s").await?;
    // The first ones warm up connections and caches.
    measure(caller, &healthy, samples / 10).await?;
    let alone = measure(caller, &healthy, samples).await?;

    let hole = Hanging::start().await?;
    for number in 0..hanging {
        let name = format!("hanging.{number}");
        listens(caller, &name, &format!("{}/{number}", hole.url), "10s").await?;
    }
    for number in 0..hanging {
        let wanted = if number < HEAVY { queued } else { 1 };
        let event = json!({"type": format!("hanging.{number}"), "data": {"text": "x".repeat(200)}});
        for _ in 0..wanted.div_ceil(BATCH) {
            let batch = vec![event.clone(); BATCH.min(wanted)];
            caller.post("/v1/events", &json!(batch)).await?;
        }
    }
    let beside = measure(caller, &healthy, samples).await?;

    let mut out = anstream::stdout();
    writeln!(
        out,
        "{samples} webhooks to a healthy endpoint, one each {EVERY:?}, alone and beside {hanging} endpoints that hang \
         ({queued} events queued for each of {HEAVY}; {} connections to them are open)",
        hole.open()
    )?;
    writeln!(out, "             p50          p99")?;
    writeln!(out, "alone   {:>8.2?}   {:>10.2?}", alone.p50, alone.p99)?;
    writeln!(out, "beside  {:>8.2?}   {:>10.2?}", beside.p50, beside.p99)?;
    let ratio = |beside: Duration, alone: Duration| beside.as_secs_f64() / alone.as_secs_f64();
    let (p50, p99) = (ratio(beside.p50, alone.p50), ratio(beside.p99, alone.p99));
    writeln!(out, "ratio   {p50:>8.2}   {p99:>10.2}")?;
    Ok(())
}

/// A listener on events of this type, whose endpoint is at `url`.
async fn listens(caller: &Caller, name: &str, url: &str, timeout: &str) -> Result<()> {
    let webhook = json!({"url": url, "timeout": timeout});
    let listener = json!({"on": [name], "reactions": [{"webhook": webhook}]});
    caller.post("/v1/listeners", &listener).await
}

/// How long webhooks took, from the request of the producer to the request at the receiver.
struct Took {
    p50: Duration,
    p99: Duration,
}

/// Sends so many events, one after the other in a steady rhythm, whatever becomes of those before.
async fn measure(caller: &Caller, healthy: &Healthy, samples: usize) -> Result<Took> {
    let clock = Clock::system();
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..samples {
        clock.sleep(EVERY).await;
        let event = json!({"type": "healthy", "data": {"sent_at": healthy.elapsed_micros()}});
        let caller = caller.clone();
        sending.spawn(async move { caller.post("/v1/events", &event).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    let mut took = healthy.takes(samples).await;
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    Ok(Took {
        p50: at(0.50),
        p99: at(0.99),
    })
}
