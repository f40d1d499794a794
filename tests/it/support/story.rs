//! What users do, in a line each.

use serde_json::{Value, json};

use super::{Api, Gateway, Receiver, Setup, until};

/// The type of the events that [`a_webhook`] waits for.
const AWAITED: &str = "a.b";

/// A gateway that tries once, a receiver, and a webhook that is registered there.
pub async fn a_webhook() -> (Gateway, Receiver, Hook) {
    let gateway = Setup::new().retrying("0s").start().await;
    let receiver = Receiver::start().await;
    let hook = gateway.api().registers(AWAITED, &receiver.url()).await;
    (gateway, receiver, hook)
}

/// A webhook that was registered.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The listener.
    pub listener: String,
    /// The endpoint that was made or found.
    pub endpoint: String,
    /// The secret that signs.
    pub secret: String,
}

impl Api {
    /// Registers a webhook in one request.
    pub async fn registers(&self, on: &str, url: &str) -> Hook {
        let reaction = json!({"webhook": {"url": url}});
        let listener = self.listens(&[on], Value::Null, reaction).await;
        let listener = id_of(&listener);
        let path = format!("/v1/listeners/{listener}");
        let listener_view = self.get(&path).await.expect(200);
        let endpoint = text(&listener_view["reactions"][0]["webhook"]["endpoint"]);
        Hook {
            listener,
            secret: self.secret_of(&endpoint).await,
            endpoint,
        }
    }

    /// Makes a listener with one reaction; gives the answer.
    pub async fn listens(&self, on: &[&str], when: Value, reaction: Value) -> Value {
        let mut listener = json!({"on": on, "reactions": [reaction]});
        if !when.is_null() {
            listener["when"] = when;
        }
        self.post("/v1/listeners", listener).await.expect(201)
    }

    /// Makes an endpoint; gives its id.
    pub async fn endpoint(&self, endpoint: Value) -> String {
        id_of(&self.post("/v1/endpoints", endpoint).await.expect(201))
    }

    /// Makes an endpoint and a listener that sends all events to it; gives the endpoint's id.
    pub async fn hears_all(&self, endpoint: Value) -> String {
        let id = self.endpoint(endpoint).await;
        let reaction = json!({"webhook": {"endpoint": id}});
        self.listens(&[">"], Value::Null, reaction).await;
        id
    }

    /// Enables, pauses or disables an endpoint.
    pub async fn sets(&self, endpoint: &str, state: &str) {
        let path = format!("/v1/endpoints/{endpoint}");
        let changed = self.patch(&path, json!({"state": state})).await;
        assert_eq!(changed.expect(200)["state"], state);
    }

    /// The secret that signs for an endpoint.
    pub async fn secret_of(&self, endpoint: &str) -> String {
        let path = format!("/v1/endpoints/{endpoint}/secret");
        text(&self.get(&path).await.expect(200)["secret"])
    }

    /// Sends an event that is new; gives its id.
    pub async fn sends(&self, event: Value) -> String {
        let answer = self.post("/v1/events", event).await.expect(202);
        assert_eq!(answer["data"][0]["status"], "accepted", "{answer}");
        id_of(&answer["data"][0])
    }

    /// All deliveries that a query finds, the newest first.
    pub async fn deliveries(&self, query: &str) -> Vec<Value> {
        self.list(&format!("/v1/deliveries?{query}")).await
    }

    /// The one delivery of an event.
    pub async fn delivery_of(&self, event: &str) -> String {
        let all = self.deliveries(&format!("event={event}")).await;
        assert_eq!(all.len(), 1, "{all:?}");
        id_of(&all[0])
    }

    /// Sends an event of the type that [`a_webhook`] waits for; gives its one delivery.
    pub async fn delivery_of_new(&self) -> String {
        let event = self.sends(json!({"type": AWAITED})).await;
        self.delivery_of(&event).await
    }

    /// Redrives dead letters; gives the job when it has ended.
    pub async fn redrives(&self, selection: Value) -> Value {
        let job = self.post("/v1/dead-letters/redrive", selection).await;
        self.ended(&id_of(&job.expect(202))).await
    }

    /// Discards dead letters; gives the job when it has ended.
    pub async fn discards(&self, selection: Value) -> Value {
        let job = self.post("/v1/dead-letters/discard", selection).await;
        self.ended(&id_of(&job.expect(202))).await
    }

    /// A job.
    pub async fn job(&self, id: &str) -> Value {
        self.get(&format!("/v1/jobs/{id}")).await.expect(200)
    }

    /// Waits until a job has ended, and gives it.
    pub async fn ended(&self, id: &str) -> Value {
        let look = async || match self.job(id).await {
            job if job["finished_at"].is_string() => Ok(job),
            job => Err(job.to_string()),
        };
        until(format!("{id} to end"), look).await
    }

    /// A delivery with its attempts.
    pub async fn delivery(&self, id: &str) -> Value {
        self.get(&format!("/v1/deliveries/{id}")).await.expect(200)
    }

    /// Waits until a delivery has had `count` attempts, and gives them.
    pub async fn attempted(&self, id: &str, count: usize) -> Vec<Value> {
        let look = async || match attempts(&self.delivery(id).await) {
            all if all.len() == count => Ok(all),
            all => Err(format!("{all:?}")),
        };
        until(format!("{count} attempts of {id}"), look).await
    }

    /// Waits until a delivery is in `state`, and gives it.
    pub async fn delivery_becomes(&self, id: &str, state: &str) -> Value {
        let look = async || match self.delivery(id).await {
            delivery if delivery["state"] == state => Ok(delivery),
            delivery => Err(delivery.to_string()),
        };
        until(format!("{id} to be {state}"), look).await
    }

    /// The figures of the project.
    pub async fn stats(&self) -> Value {
        self.get("/v1/stats").await.expect(200)
    }

    /// Waits until nothing is left to do, and gives the figures.
    pub async fn drained(&self) -> Value {
        let look = async || match self.stats().await {
            stats if stats["deliveries"]["pending"] == 0 && stats["fanouts"] == 0 => Ok(stats),
            stats => Err(stats.to_string()),
        };
        until("all deliveries to end", look).await
    }

    /// Makes a project with a key of its own; gives who calls with it.
    pub async fn new_project(&self, name: &str) -> Self {
        self.post("/v1/projects", json!({"name": name}))
            .await
            .expect(201);
        let named = self.in_project(name);
        let key = named.post("/v1/keys", json!({"name": "test"})).await;
        self.without_key().with_key(&text(&key.expect(201)["key"]))
    }

    /// All entries of a list, page by page.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut page = self
            .get(&format!("{path}{separator}limit=250"))
            .await
            .expect(200);
        let mut all = entries(&page);
        while let Some(next) = page["next"].as_str() {
            let more = format!("{path}{separator}limit=250&cursor={next}");
            page = self.get(&more).await.expect(200);
            all.extend(entries(&page));
        }
        all
    }
}

/// The attempts of a delivery, the first one first.
pub fn attempts(delivery: &Value) -> Vec<Value> {
    let attempts = delivery["attempts"].as_array();
    attempts.expect("a list of attempts").clone()
}

/// The `id` of something.
#[track_caller]
pub fn id_of(value: &Value) -> String {
    text(&value["id"])
}

/// A string.
#[track_caller]
pub fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is no string"))
        .to_owned()
}

fn entries(page: &Value) -> Vec<Value> {
    page["data"].as_array().expect("entries").clone()
}
