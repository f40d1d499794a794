//! The gateway as the story speaks to it: its REST API, over HTTP, step by step. What is refused is
//! an error that says what was wanted.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{DemoError, cast::PLATFORM};
use crate::{
    cli::client::{Answer, Gateway},
    config::SecretText,
    domain::{
        delivery::DeliveryState,
        event::EventState,
        job::{JobState, Outcome},
        signature::Secret,
    },
};

/// The largest page that the gateway gives.
const PAGE: usize = 250;

/// The gateway, spoken to with a key about one project. Every step of it fails with
/// [`DemoError::Client`] if the gateway cannot be asked, [`DemoError::Refused`] if it refuses, and
/// [`DemoError::Unexpected`] if it answers something else.
#[derive(Debug, Clone)]
pub struct Rest {
    gateway: Gateway,
}

/// An endpoint that was made.
#[derive(Debug, Clone, Deserialize)]
pub struct Endpoint {
    /// Its name.
    pub id: String,
    secret: String,
}

/// A delivery as a list shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Delivery {
    /// Its name; the `webhook-id`.
    pub id: String,
    /// Where it stands, in a sentence.
    pub summary: String,
    /// Why it stands there, where the state does not say it all.
    pub reason: Option<String>,
    /// How many attempts were made.
    pub attempt_count: u32,
}

/// An event as a list shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Whether it met any listeners.
    pub state: EventState,
}

/// What a project has.
#[derive(Debug, Clone, Deserialize)]
pub struct Stats {
    /// Events.
    pub events: u64,
    /// Deliveries by state.
    pub deliveries: Counts,
}

/// How many deliveries are in which state.
pub type Counts = BTreeMap<DeliveryState, u64>;

#[derive(Deserialize)]
struct MadeKey {
    key: String,
}

#[derive(Deserialize)]
struct MadeListener {
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Job {
    id: String,
    state: JobState,
    outcomes: BTreeMap<Outcome, u64>,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    next: Option<String>,
}

impl Endpoint {
    /// The secret with which its webhooks are signed.
    pub fn secret(&self) -> Result<Secret, DemoError> {
        Secret::parse(&self.secret).map_err(|error| DemoError::unexpected("show a secret", &error))
    }
}

impl Rest {
    /// Speaks to `gateway`.
    pub fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    /// The same gateway, with the same key, about `project`.
    pub fn about(&self, project: &str) -> Self {
        Self::new(self.gateway.about(project))
    }

    /// Makes the project `name`, whose webhooks may go to this machine over plain http.
    pub async fn make_project(&self, name: &str) -> Result<(), DemoError> {
        let body = json!({"name": name, "openings": this_machine()});
        let _made: Value = self.post("make a project", "/v1/projects", &body).await?;
        Ok(())
    }

    /// Lets the platform's own webhooks go to this machine over plain http.
    pub async fn open_platform(&self) -> Result<(), DemoError> {
        let body = json!({"openings": this_machine()}).to_string();
        let path = format!("/v1/projects/{PLATFORM}");
        let answer = self.gateway.patch(&path, body.into_bytes()).await?;
        accepted("open this machine to the platform's webhooks", answer)?;
        Ok(())
    }

    /// Makes an API key of the project.
    pub async fn make_key(&self, name: &str) -> Result<SecretText, DemoError> {
        let what = "make an API key";
        let made: MadeKey = self.post(what, "/v1/keys", &json!({"name": name})).await?;
        Ok(SecretText::new(made.key))
    }

    /// Makes an endpoint.
    pub async fn make_endpoint(&self, endpoint: &Value) -> Result<Endpoint, DemoError> {
        self.post("make an endpoint", "/v1/endpoints", endpoint)
            .await
    }

    /// Makes a listener; gives the endpoint that came with it, where a reaction named a URL.
    pub async fn make_listener(&self, listener: &Value) -> Result<Option<Endpoint>, DemoError> {
        let what = "make a listener";
        let made: MadeListener = self.post(what, "/v1/listeners", listener).await?;
        Ok(made.endpoints.into_iter().next())
    }

    /// Sends an event: when this ends it is durable, with all that it triggers.
    pub async fn send(&self, event: &Value) -> Result<(), DemoError> {
        let _results: Value = self.post("take an event", "/v1/events", event).await?;
        Ok(())
    }

    /// All events, the newest first.
    pub async fn events(&self) -> Result<Vec<Event>, DemoError> {
        self.all("list the events", "/v1/events?").await
    }

    /// All deliveries in `state`, the newest first.
    pub async fn deliveries(&self, state: DeliveryState) -> Result<Vec<Delivery>, DemoError> {
        let path = format!("/v1/deliveries?state={state}&");
        self.all("list the deliveries", &path).await
    }

    /// Has all dead letters sent on their way again; gives the name of the job that does it.
    pub async fn redrive(&self) -> Result<String, DemoError> {
        let what = "redrive dead letters";
        let path = "/v1/dead-letters/redrive";
        let job: Job = self.post(what, path, &json!({"all": true})).await?;
        Ok(job.id)
    }

    /// How many dead letters the job called `id` has redriven; none if it has not ended.
    pub async fn redriven(&self, id: &str) -> Result<Option<u64>, DemoError> {
        let job: Job = self.get("show a job", &format!("/v1/jobs/{id}")).await?;
        let redriven = job.outcomes.get(&Outcome::Redriven).copied();
        Ok(job.state.is_final().then(|| redriven.unwrap_or_default()))
    }

    /// How much the project has of what.
    pub async fn stats(&self) -> Result<Stats, DemoError> {
        self.get("show its figures", "/v1/stats").await
    }

    /// All pages of a list, whose path ends where a parameter can follow.
    async fn all<T: DeserializeOwned>(
        &self,
        what: &'static str,
        path: &str,
    ) -> Result<Vec<T>, DemoError> {
        let mut all = Vec::new();
        let mut from = String::new();
        loop {
            let page: Page<T> = self.get(what, &format!("{path}limit={PAGE}{from}")).await?;
            all.extend(page.data);
            match page.next {
                Some(next) => from = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        what: &'static str,
        path: &str,
    ) -> Result<T, DemoError> {
        let answer = self.gateway.get(path).await?;
        read(what, accepted(what, answer)?)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        what: &'static str,
        path: &str,
        body: &Value,
    ) -> Result<T, DemoError> {
        let body = body.to_string().into_bytes();
        let answer = self.gateway.post(path, "application/json", body).await?;
        read(what, accepted(what, answer)?)
    }
}

fn this_machine() -> Value {
    json!({"allow_networks": ["127.0.0.0/8"], "allow_http": true})
}

fn accepted(what: &'static str, answer: Answer) -> Result<Value, DemoError> {
    match answer.status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED => Ok(answer.body),
        _ => Err(DemoError::Refused {
            what,
            why: answer.problem(),
        }),
    }
}

fn read<T: DeserializeOwned>(what: &'static str, body: Value) -> Result<T, DemoError> {
    serde_json::from_value(body).map_err(|error| DemoError::unexpected(what, &error))
}
