//! What a backlog costs: the memory of a gateway that has 200,000 deliveries waiting for an
//! endpoint that hangs, and how much slower another endpoint of the same project is served.
//!
//! `make bench`, or `BACKLOG=20000 cargo bench --bench backlog` for less. It runs the release binary
//! on a temporary store, with receivers on this machine.

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, extract::State, routing::post};
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify};

/// How many events are measured, before the backlog and during it.
const MEASURED: usize = 500;

/// How many events go into a request while the backlog is made.
const BATCH: usize = 1_000;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let backlog: usize = env::var("BACKLOG").map_or(Ok(200_000), |text| text.parse())?;
    let gateway = Gateway::start()?;
    let healthy = Healthy::start().await?;
    let hanging = hang().await?;
    gateway.listen("bench.healthy", &healthy.url).await?;
    gateway.listen("bench.hanging", &hanging).await?;

    let idle = gateway.resident_kib()?;
    let alone = measure(&gateway, &healthy, 0).await?;
    let started = now();
    gateway.flood("bench.hanging", backlog).await?;
    let flooded = started.elapsed();
    let beside = measure(&gateway, &healthy, MEASURED).await?;
    let pending = gateway.pending().await?;
    let resident = gateway.resident_kib()?;
    let highest = gateway.highest_kib()?;

    let mut out = anstream::stdout();
    writeln!(
        out,
        "backlog            {backlog} deliveries to an endpoint that hangs ({pending} pending at the end)"
    )?;
    writeln!(
        out,
        "made in            {:.1} s ({:.0} events/s)",
        flooded.as_secs_f64(),
        backlog as f64 / flooded.as_secs_f64()
    )?;
    writeln!(
        out,
        "resident memory    {} MiB idle, {} MiB with the backlog, {} MiB at the highest",
        idle / 1024,
        resident / 1024,
        highest / 1024
    )?;
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        let (alone, beside) = (quantile(&alone, part), quantile(&beside, part));
        writeln!(
            out,
            "healthy {name}        {:.2} ms alone, {:.2} ms beside the backlog: {:.2} times",
            alone.as_secs_f64() * 1e3,
            beside.as_secs_f64() * 1e3,
            beside.as_secs_f64() / alone.as_secs_f64()
        )?;
    }
    Ok(())
}

/// Sends events one after the other; how long each took from the request to the receiver.
async fn measure(gateway: &Gateway, healthy: &Healthy, first: usize) -> Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(MEASURED);
    for number in first..first + MEASURED {
        let started = now();
        gateway
            .post(
                "/v1/events",
                &json!({"type": "bench.healthy", "data": {"n": number}}),
            )
            .await?;
        took.push(healthy.arrival(number).await.duration_since(started));
    }
    took.sort();
    Ok(took)
}

fn quantile(sorted: &[Duration], part: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// The gateway's process; it is ended with this.
struct Gateway {
    process: Child,
    url: String,
    key: String,
    client: Client,
    /// Held open: the gateway goes on writing.
    _stdout: BufReader<ChildStdout>,
    _directory: TempDir,
}

impl Gateway {
    fn start() -> Result<Self> {
        let directory = TempDir::new()?;
        let mut process = Command::new(env!("CARGO_BIN_EXE_riposte"))
            .args(["serve", "--dev", "--listen", "127.0.0.1:0"])
            .env("RIPOSTE_LOG__LEVEL", "warn")
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("no output")?;
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line)?;
        let (_, url) = line.trim().rsplit_once(' ').ok_or("no address")?;
        let key = fs::read_to_string(directory.path().join("data/operator.key"))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "this client talks to the gateway, not to receivers"
        )]
        let client = Client::builder().no_proxy().build()?;
        Ok(Self {
            url: url.to_owned(),
            key: key.trim().to_owned(),
            client,
            process,
            _stdout: stdout,
            _directory: directory,
        })
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.key)
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }

    async fn listen(&self, event_type: &str, url: &str) -> Result<()> {
        let listener = json!({
            "name": event_type,
            "on": [event_type],
            "reactions": [{"webhook": {"url": url, "timeout": "300s"}}],
        });
        self.post("/v1/listeners", &listener).await?;
        Ok(())
    }

    async fn flood(&self, event_type: &str, events: usize) -> Result<()> {
        for first in (0..events).step_by(BATCH) {
            let batch = (first..events.min(first + BATCH))
                .map(|number| json!({"type": event_type, "data": {"n": number}}));
            self.post("/v1/events", &Value::from_iter(batch)).await?;
        }
        Ok(())
    }

    async fn pending(&self) -> Result<Value> {
        let request = self.client.get(format!("{}/v1/stats", self.url));
        let answer = request.bearer_auth(&self.key).send().await?;
        let stats: Value = serde_json::from_slice(&answer.bytes().await?)?;
        Ok(stats["deliveries"]["pending"].clone())
    }

    fn resident_kib(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    fn highest_kib(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> Result<u64> {
        let path = Path::new("/proc")
            .join(self.process.id().to_string())
            .join("status");
        let status = fs::read_to_string(path)?;
        let line = status
            .lines()
            .find(|line| line.starts_with(field))
            .ok_or("no such field")?;
        Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A receiver that answers at once and remembers when each event arrived.
struct Healthy {
    url: String,
    arrivals: Arc<Arrivals>,
}

#[derive(Default)]
struct Arrivals {
    times: Mutex<HashMap<usize, Instant>>,
    changed: Notify,
}

impl Healthy {
    async fn start() -> Result<Self> {
        let arrivals = Arc::new(Arrivals::default());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let app = Router::new()
            .route("/", post(arrived))
            .with_state(Arc::clone(&arrivals));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, arrivals })
    }

    async fn arrival(&self, number: usize) -> Instant {
        loop {
            let changed = self.arrivals.changed.notified();
            let found = self
                .arrivals
                .times
                .lock()
                .ok()
                .and_then(|times| times.get(&number).copied());
            match found {
                Some(time) => return time,
                None => changed.await,
            }
        }
    }
}

async fn arrived(State(arrivals): State<Arc<Arrivals>>, body: String) {
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let number = body["data"]["n"].as_u64().unwrap_or_default() as usize;
    if let Ok(mut times) = arrivals.times.lock() {
        times.insert(number, now());
    }
    arrivals.changed.notify_one();
}

/// A receiver that takes connections and never answers.
async fn hang() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    Ok(url)
}
