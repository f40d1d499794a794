//! What there is when the examples are sent.

use http::Method;
use serde_json::{Value, json};

use super::cast::Cast;
use crate::{
    openapi::Ids,
    support::{Api, Receiver, id_of, until},
};

/// What there is, and who plays whom.
pub struct Situation {
    /// What is there of each kind.
    pub ids: Ids,
    /// The names.
    pub cast: Cast,
    _receiver: Receiver,
}

/// What has come about when the examples are sent.
#[derive(Debug, Clone, Copy)]
pub enum Scene {
    /// A delivery was given up.
    DeadLetter,
    /// A delivery waits.
    Waiting,
    /// A delivery is being attempted.
    UnderWay,
}

impl Scene {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::DeadLetter, Self::Waiting, Self::UnderWay];

    /// Lets it come about in the project of `api`.
    pub async fn build(self, api: &Api) -> Situation {
        match self {
            Self::DeadLetter => a_dead_letter(api).await,
            Self::Waiting => a_waiting_delivery(api).await,
            Self::UnderWay => an_attempt_under_way(api).await,
        }
    }
}

/// A delivery that was given up, and a job that has much to do.
async fn a_dead_letter(api: &Api) -> Situation {
    let receiver = Receiver::start().await;
    receiver.answers(503);
    let mut set = Set::of(api, &receiver).await;
    set.deploys().await;
    api.delivery_becomes(&set.ids.named("delivery"), "dead")
        .await;
    let slow = json!({"endpoint": set.others().await, "rate": 1});
    let job = api.post("/v1/dead-letters/redrive", slow).await.expect(202);
    set.is("job", &id_of(&job));
    set.with(receiver)
}

/// A delivery that waits until its endpoint is enabled again.
async fn a_waiting_delivery(api: &Api) -> Situation {
    let receiver = Receiver::start().await;
    let mut set = Set::of(api, &receiver).await;
    api.sets(&set.ids.named("endpoint"), "paused").await;
    set.deploys().await;
    set.with(receiver)
}

/// A delivery whose receiver has not answered yet.
async fn an_attempt_under_way(api: &Api) -> Situation {
    let receiver = Receiver::start().await;
    receiver.hangs();
    let mut set = Set::of(api, &receiver).await;
    set.deploys().await;
    receiver.at_least(1).await;
    set.with(receiver)
}

/// A situation while it comes about.
struct Set<'a> {
    api: &'a Api,
    ids: Ids,
    receiver: String,
}

impl<'a> Set<'a> {
    /// One thing of each kind, and a listener for the deploys of Acme that fail.
    async fn of(api: &'a Api, receiver: &Receiver) -> Self {
        let mut set = Self {
            api,
            ids: Ids::of(api).await,
            receiver: receiver.url(),
        };
        let endpoint = json!({"url": set.receiver, "name": "Acme's server"});
        let endpoint = api.endpoint(endpoint).await;
        let listener = json!({
            "name": "Tell ops when production fails",
            "on": ["site.deploy.failed"],
            "when": {"data": {"environment": ["production"]}},
            "reactions": [{"webhook": {"endpoint": endpoint}}],
        });
        let listener = api.post("/v1/listeners", listener).await.expect(201);
        let described = json!({
            "description": "A deployment has failed; the site is as it was.",
            "schema": {"type": "object", "required": ["version"]},
            "example": {"environment": "production", "version": 3},
        });
        let path = "/v1/event-types/site.deploy.failed";
        api.json(Method::PUT, path, described).await.expect(200);
        set.is("endpoint", &endpoint);
        set.is("listener", &id_of(&listener));
        set.is("event_type", "site.deploy.failed");
        set
    }

    fn is(&mut self, kind: &str, id: &str) {
        self.ids.0.insert(kind.to_owned(), Value::from(id));
    }

    /// A deploy fails.
    async fn deploys(&mut self) {
        let event = json!({
            "type": "site.deploy.failed",
            "id": "deploy-4710",
            "source": "/services/sites",
            "subject": "site/7",
            "data": {"environment": "production", "version": 3},
        });
        let event = self.api.sends(event).await;
        let delivery = self.api.delivery_of(&event).await;
        self.is("event", &event);
        self.is("delivery", &delivery);
    }

    /// Another endpoint, which has several dead letters.
    async fn others(&self) -> String {
        let gone = Receiver::start().await;
        gone.answers(500);
        let endpoint = json!({"url": gone.url(), "name": "Globex's server"});
        let endpoint = self.api.endpoint(endpoint).await;
        let reaction = json!({"webhook": {"endpoint": endpoint}});
        self.api
            .listens(&["invoice.sent"], Value::Null, reaction)
            .await;
        let invoices = vec![json!({"type": "invoice.sent"}); 20];
        self.api
            .post("/v1/events", Value::from(invoices))
            .await
            .expect(202);
        let query = format!("endpoint={endpoint}&state=dead");
        until("all invoices to be given up", async || {
            match self.api.deliveries(&query).await.len() {
                20 => Ok(()),
                dead => Err(format!("{dead} are")),
            }
        })
        .await;
        endpoint
    }

    fn with(self, receiver: Receiver) -> Situation {
        Situation {
            cast: Cast::of(&self.ids, &self.receiver),
            ids: self.ids,
            _receiver: receiver,
        }
    }
}
