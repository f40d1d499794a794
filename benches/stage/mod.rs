//! Gateways that benchmarks run as processes, and who speaks to them.

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::Instant,
};

use axum::Router;
use reqwest::Client;
use riposte::{
    clock::Clock,
    domain::{chance::Chance, seal::SealingKey},
    keys::new_operator_key,
};
use serde_json::Value;
use tokio::net::TcpListener;

/// What a benchmark gives.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A number of the environment, or what it is otherwise.
pub fn number(variable: &str, otherwise: usize) -> Result<usize> {
    Ok(env::var(variable).map_or(Ok(otherwise), |text| text.parse())?)
}

/// The time, to measure by.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Serves a receiver on a free port of this machine, and gives its URL.
pub async fn serve(app: Router) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

/// The keys that nodes have in common.
pub struct Keys {
    operator: String,
    secrets: String,
}

impl Keys {
    /// New ones.
    pub fn new() -> Self {
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
pub struct Node {
    process: Child,
    /// Who speaks to it.
    pub caller: Caller,
    /// Held open: the node goes on writing.
    _stdout: BufReader<ChildStdout>,
}

impl Node {
    /// One on this database.
    pub fn start(database: &str, keys: &Keys) -> Result<Self> {
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
pub struct Caller {
    url: String,
    key: String,
    client: Client,
}

impl Caller {
    /// Posts what must be taken.
    pub async fn post(&self, path: &str, body: &Value) -> Result<()> {
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
