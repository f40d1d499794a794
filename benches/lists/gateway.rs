//! A gateway in this process, and what its answers take.

use std::{path::Path, time::Duration};

use reqwest::Client;
use riposte::{
    app::{App, AppError},
    clock::Clock,
    config::{Config, Sources},
    domain::{api_key::ApiKey, chance::Chance, ids::Ids, time::Timestamp},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::Result;

/// How often each page is asked for.
pub(crate) const RUNS: usize = 50;

/// A gateway in this process.
pub(crate) struct Gateway {
    url: String,
    key: String,
    client: Client,
    stop: oneshot::Sender<()>,
    running: JoinHandle<std::result::Result<(), AppError>>,
}

impl Gateway {
    /// Starts one on the store in `directory`.
    pub(crate) async fn start(directory: &Path) -> Result<Self> {
        let chance = Chance::seeded(7);
        let id = Ids::new(chance.clone()).next(Timestamp::from_millis(0));
        let key = ApiKey::generate(id, &chance).expose().to_string();
        let variables = [
            ("RIPOSTE_LISTEN", "127.0.0.1:0".to_owned()),
            ("RIPOSTE_DATABASE", database(directory)),
            ("RIPOSTE_OPERATOR_KEY", key.clone()),
            ("RIPOSTE_DELIVERY__ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
            ("RIPOSTE_DELIVERY__ALLOW_HTTP", "true".to_owned()),
            // What is measured stays as it is.
            ("RIPOSTE_RETENTION__EVENTS", "3600d".to_owned()),
            ("RIPOSTE_RETENTION__DELIVERIES", "3600d".to_owned()),
            ("RIPOSTE_RETENTION__DEAD_LETTERS", "3600d".to_owned()),
        ];
        let environment = variables.into_iter();
        let config = Config::load(&Sources {
            environment: environment
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..Sources::default()
        })?;
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let app = App::start(&config, address).await?;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { drop(stopped.await) };
        #[expect(
            clippy::disallowed_methods,
            reason = "this client talks to the gateway, not to receivers"
        )]
        let client = Client::builder().no_proxy().build()?;
        Ok(Self {
            url: format!("http://{address}"),
            key,
            client,
            stop,
            running: tokio::spawn(app.serve(listener, shutdown)),
        })
    }

    pub(crate) async fn stop(self) -> Result<()> {
        drop(self.stop);
        Ok(self.running.await??)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<String> {
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.key)
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await?.error_for_status()?;
        let made: Value = serde_json::from_slice(&answer.bytes().await?)?;
        Ok(made["id"].as_str().ok_or("no id")?.to_owned())
    }

    /// How long each request for `path` took, the fastest first, and what came.
    pub(crate) async fn measure(&self, path: &str) -> Result<(Vec<Duration>, Value)> {
        let mut times = Vec::with_capacity(RUNS);
        let mut page = Value::Null;
        let clock = Clock::system();
        for _ in 0..RUNS {
            let started = clock.elapsed();
            let request = self.client.get(format!("{}{path}", self.url));
            let answer = request.bearer_auth(&self.key).send().await?;
            let body = answer.error_for_status()?.bytes().await?;
            times.push(clock.elapsed() - started);
            page = serde_json::from_slice(&body)?;
        }
        times.sort();
        Ok((times, page))
    }
}

pub(crate) fn database(directory: &Path) -> String {
    format!("sqlite://{}/riposte.db", directory.display())
}
