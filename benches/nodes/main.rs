//! How far one database carries: events a second that are accepted and delivered by one gateway on SQLite,
//! and by one, two and three nodes that share one PostgreSQL database.
//!
//! `make bench`, or `EVENTS=5000 scripts/with-postgres cargo bench --bench nodes` for less. It runs the
//! release binary; gateways, database, producers and receiver share this machine, so what counts is how
//! the figures compare.

#[path = "../stage/mod.rs"]
mod stage;

mod database;
mod receiver;

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use self::{
    database::Database,
    receiver::Receiver,
    stage::{Caller, Keys, Node, Result, now, number},
};

/// How many producers send at a time, over all nodes.
const PRODUCERS: usize = 24;

/// How many events go into a request.
const BATCH: usize = 20;

#[tokio::main]
async fn main() -> Result<()> {
    let events = number("EVENTS", 20_000)?;
    let mut out = anstream::stdout();
    writeln!(
        out,
        "{events} events, one webhook each, {PRODUCERS} producers, {BATCH} events a request"
    )?;
    writeln!(out, "                     accepted/s  delivered/s")?;
    let directory = TempDir::new()?;
    let file = format!("sqlite://{}/riposte.db", directory.path().display());
    let alone = measure(&file, 1, events).await?;
    writeln!(out, "SQLite               {alone}")?;
    for nodes in 1..=3 {
        let database = Database::new(nodes).await?;
        let rates = measure(&database.url, nodes, events).await?;
        let part = rates.delivered / alone.delivered;
        writeln!(
            out,
            "PostgreSQL, {nodes} nodes  {rates}  {part:.2} times SQLite"
        )?;
        database.drop().await?;
    }
    Ok(())
}

/// Events a second.
struct Rates {
    accepted: f64,
    delivered: f64,
}

impl std::fmt::Display for Rates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:10.0}  {:11.0}", self.accepted, self.delivered)
    }
}

/// Sends so many events to so many nodes on the database at `url`, and waits until all are delivered.
async fn measure(url: &str, nodes: usize, events: usize) -> Result<Rates> {
    let keys = Keys::new();
    let nodes = (0..nodes).map(|_| Node::start(url, &keys));
    let nodes = nodes.collect::<Result<Vec<_>>>()?;
    let receiver = Receiver::start().await?;
    let webhook = json!({"url": receiver.url, "concurrency": 256});
    let listener = json!({"on": ["bench.event"], "reactions": [{"webhook": webhook}]});
    nodes[0].caller.post("/v1/listeners", &listener).await?;
    let started = now();
    let (mut producers, requests) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for number in 0..PRODUCERS {
        let caller = nodes[number % nodes.len()].caller.clone();
        producers.spawn(produce(caller, Arc::clone(&requests), events / BATCH));
    }
    while let Some(produced) = producers.join_next().await {
        produced??;
    }
    let accepted = started.elapsed();
    receiver.has(events / BATCH * BATCH).await;
    let delivered = started.elapsed();
    let rate = |took: Duration| events as f64 / took.as_secs_f64();
    Ok(Rates {
        accepted: rate(accepted),
        delivered: rate(delivered),
    })
}

async fn produce(caller: Caller, requests: Arc<AtomicUsize>, most: usize) -> Result<()> {
    let event = json!({"type": "bench.event", "data": {"text": "x".repeat(200)}});
    let batch = json!(vec![event; BATCH]);
    while requests.fetch_add(1, Ordering::Relaxed) < most {
        caller.post("/v1/events", &batch).await?;
    }
    Ok(())
}
