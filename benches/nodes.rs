//! How far one database carries: events a second that are accepted and delivered by one gateway on SQLite,
//! and by one, two and three nodes that share one PostgreSQL database.
//!
//! `make bench`, or `EVENTS=5000 scripts/with-postgres cargo bench --bench nodes` for less. It runs the
//! release binary; gateways, database, producers and receiver share this machine, so what counts is how
//! the figures compare.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, extract::State, routing::post};
use reqwest::Client;
use riposte::{
    clock::Clock,
    domain::{chance::Chance, seal::SealingKey},
    keys::new_operator_key,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};
use url::Url;

/// How many producers send at a time, over all nodes.
const PRODUCERS: usize = 24;

/// How many events go into a request.
const BATCH: usize = 20;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let events: usize = env::var("EVENTS").map_or(Ok(20_000), |text| text.parse())?;
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

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// The keys that nodes have in common.
struct Keys {
    operator: String,
    secrets: String,
}

impl Keys {
    fn new() -> Self {
        let chance = Chance::from_system();
        Self {
            operator: new_operator_key(&chance, &Clock::system())
                .expose()
                .to_string(),
            secrets: SealingKey::generate(&chance).expose().to_string(),
        }
    }
}

/// A process; it is ended with this.
struct Node {
    process: Child,
    caller: Caller,
    /// Held open: the node goes on writing.
    _stdout: BufReader<ChildStdout>,
}

impl Node {
    fn start(database: &str, keys: &Keys) -> Result<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_riposte"))
            .args(["serve", "--dev", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("RIPOSTE_LOG__LEVEL", "warn")
            .env("RIPOSTE_DATABASE", database)
            .env("RIPOSTE_OPERATOR_KEY", &keys.operator)
            .env("RIPOSTE_SECRETS_KEY", &keys.secrets)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().ok_or("no output")?);
        stdout.read_line(&mut line)?;
        let (_, url) = line.trim().rsplit_once(' ').ok_or("no address")?;
        #[expect(
            clippy::disallowed_methods,
            reason = "this client talks to the gateway, not to receivers"
        )]
        let client = Client::builder().no_proxy().build()?;
        let caller = Caller {
            url: url.to_owned(),
            key: keys.operator.clone(),
            client,
        };
        Ok(Self {
            process,
            caller,
            _stdout: stdout,
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Who speaks to a node.
#[derive(Clone)]
struct Caller {
    url: String,
    key: String,
    client: Client,
}

impl Caller {
    async fn post(&self, path: &str, body: &Value) -> Result<()> {
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.key)
            .header("content-type", "application/json")
            .header("riposte-project", "default")
            .body(body.to_string());
        request.send().await?.error_for_status()?;
        Ok(())
    }
}

/// A receiver that answers at once and counts.
struct Receiver {
    url: String,
    count: Arc<Count>,
}

#[derive(Default)]
struct Count {
    received: AtomicUsize,
    changed: Notify,
}

impl Receiver {
    async fn start() -> Result<Self> {
        let count = Arc::new(Count::default());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let app = Router::new()
            .route("/", post(received))
            .with_state(Arc::clone(&count));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, count })
    }

    /// Waits until it has received so many.
    async fn has(&self, wanted: usize) {
        loop {
            let changed = self.count.changed.notified();
            if self.count.received.load(Ordering::Relaxed) >= wanted {
                return;
            }
            changed.await;
        }
    }
}

async fn received(State(count): State<Arc<Count>>) {
    count.received.fetch_add(1, Ordering::Relaxed);
    count.changed.notify_one();
}

/// An empty database in the cluster that `scripts/with-postgres` brings.
struct Database {
    cluster: String,
    name: String,
    url: String,
}

impl Database {
    async fn new(number: usize) -> Result<Self> {
        let cluster = env::var("RIPOSTE_TEST_POSTGRES")
            .map_err(|_| "there is no PostgreSQL: run `make bench`")?;
        let name = format!("bench_{}_{number}", std::process::id());
        let mut url = Url::parse(&cluster)?;
        url.set_path(&name);
        let database = Self {
            cluster,
            url: url.into(),
            name,
        };
        let create = format!("CREATE DATABASE {}", database.name);
        database.execute(create).await?;
        Ok(database)
    }

    async fn drop(self) -> Result<()> {
        // Nodes that were killed are still known there for a moment.
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.execute(drop).await
    }

    async fn execute(&self, statement: String) -> Result<()> {
        let mut connection = PgConnection::connect(&self.cluster).await?;
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
        Ok(connection.close().await?)
    }
}
