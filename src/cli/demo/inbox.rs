//! What a receiver does with a request: checks the signature as Standard Webhooks asks for,
//! answers, and remembers. What follows from a webhook is handed in.

use std::{
    collections::HashMap,
    fmt::Display,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::{
    cast::Actor,
    narrator::{Narrator, Sign},
};
use crate::{
    clock::Clock,
    domain::{
        signature::{Secret, SignedHeaders, verify},
        time::Timestamp,
    },
};

/// A webhook that was signed as it should be.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its name: the same on every attempt.
    pub id: String,
    /// What happened.
    pub event_type: String,
    /// To what it happened.
    pub data: Data,
    /// How often it had come, this time included.
    pub attempt: u32,
    /// When it came.
    pub received_at: Timestamp,
    /// How long it took from the gateway's taking the event to here.
    pub latency: Duration,
}

/// What the events of the story carry.
#[derive(Debug, Clone, Deserialize)]
pub struct Data {
    /// The customer's project.
    pub customer: String,
    /// The site.
    pub site: String,
    /// Which version of the site.
    #[serde(default)]
    pub version: u32,
}

/// The standard body of a webhook, as far as it is used here. Nobody in the story gives an event a
/// time, so it is the gateway's.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    event_type: String,
    timestamp: Timestamp,
    data: Data,
}

/// What a receiver does about a webhook once it has answered.
pub type Reaction = Box<dyn Fn(Webhook) -> BoxFuture<'static, ()> + Send + Sync>;

/// Takes the requests of one receiver.
pub struct Inbox {
    /// Whose it is.
    pub actor: Actor,
    clock: Clock,
    narrator: Narrator,
    reaction: Reaction,
    secrets: Mutex<Vec<Secret>>,
    refusals: AtomicU32,
    memory: Mutex<Memory>,
}

/// What a receiver remembers.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// The webhooks that it took, each once.
    pub taken: Vec<Webhook>,
    /// How often each webhook came, by its id.
    pub attempts: HashMap<String, u32>,
    /// How many requests it did not believe.
    pub forged: u32,
}

impl Inbox {
    /// An inbox that believes nobody yet.
    pub fn new(actor: Actor, clock: Clock, narrator: Narrator, reaction: Reaction) -> Self {
        Self {
            actor,
            clock,
            narrator,
            reaction,
            secrets: Mutex::default(),
            refusals: AtomicU32::default(),
            memory: Mutex::default(),
        }
    }

    /// What is signed with `secret` is believed from now on.
    pub fn believe(&self, secret: Secret) {
        lock(&self.secrets).push(secret);
    }

    /// The next `count` webhooks are answered with 503.
    pub fn refuse(&self, count: u32) {
        self.refusals.store(count, Ordering::SeqCst);
    }

    /// What it remembers now.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    fn answer(self: &Arc<Self>, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let webhook = match self.read(headers, body) {
            Ok(webhook) => webhook,
            Err(why) => return self.disbelieve(&why),
        };
        if self.is_to_refuse() {
            self.tell(Sign::Bad, &webhook, "answers 503, just restarting");
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        if self.hear(&webhook) {
            let inbox = Arc::clone(self);
            tokio::spawn(async move { (inbox.reaction)(webhook).await });
        }
        StatusCode::OK
    }

    /// Remembers a webhook and tells of it; gives whether it is new.
    fn hear(&self, webhook: &Webhook) -> bool {
        // The story goes on as soon as the memory has it: by then it must have been told.
        let mut memory = self.memory();
        let is_new = memory.keep(webhook);
        if is_new {
            let said = format!("signature right, {} ms", webhook.latency.as_millis());
            self.tell(Sign::Hears, webhook, &said);
        } else {
            self.tell(Sign::Does, webhook, "has it already, nothing to do");
        }
        is_new
    }

    /// The webhook, if it is signed as it should be.
    fn read(&self, headers: &HeaderMap, bytes: &[u8]) -> Result<Webhook, String> {
        let now = self.clock.now();
        let signed = SignedHeaders::of(headers).map_err(text)?;
        let secrets = lock(&self.secrets).clone();
        verify(signed, bytes, &secrets, now).map_err(text)?;
        let body: Body = serde_json::from_slice(bytes).map_err(text)?;
        let id = signed.id.to_owned();
        Ok(Webhook {
            attempt: self.memory().count(&id),
            id,
            event_type: body.event_type,
            data: body.data,
            received_at: now,
            latency: now.since(body.timestamp),
        })
    }

    fn is_to_refuse(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        self.refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
    }

    fn tell(&self, sign: Sign, webhook: &Webhook, said: &str) {
        let attempt = match webhook.attempt {
            1 => String::new(),
            attempt => format!(" (attempt {attempt})"),
        };
        let note = format!("of {}: {said}{attempt}", webhook.data.customer);
        self.narrator
            .tell_event(self.actor, sign, &webhook.event_type, &note);
    }

    fn disbelieve(&self, why: &str) -> StatusCode {
        self.memory().forged += 1;
        let told = format!("does not believe a request: {why}");
        self.narrator.tell(self.actor, Sign::Bad, told);
        StatusCode::UNAUTHORIZED
    }
}

impl Memory {
    /// Counts a request; gives how often this webhook has come.
    fn count(&mut self, id: &str) -> u32 {
        let attempts = self.attempts.entry(id.to_owned()).or_default();
        *attempts += 1;
        *attempts
    }

    /// Keeps a webhook; gives whether it is new.
    fn keep(&mut self, webhook: &Webhook) -> bool {
        let is_new = self.taken.iter().all(|known| known.id != webhook.id);
        if is_new {
            self.taken.push(webhook.clone());
        }
        is_new
    }
}

/// Answers a request to `inbox`.
pub async fn take(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    inbox.answer(&headers, &body)
}

fn text(error: impl Display) -> String {
    error.to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::demo::narrator,
        domain::{
            chance::Chance,
            signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign},
        },
    };

    const BODY: &[u8] = br#"{"type":"a.b","timestamp":"2026-01-01T00:00:00Z",
        "data":{"customer":"acme","site":"shop.example"}}"#;

    fn inbox(secret: &Secret) -> Arc<Inbox> {
        let (narrator, _script) = narrator::begin(Clock::system());
        let reaction: Reaction = Box::new(|_| Box::pin(async {}));
        let inbox = Inbox::new(Actor::Sites, Clock::system(), narrator, reaction);
        inbox.believe(secret.clone());
        Arc::new(inbox)
    }

    fn signed(id: &str, secret: &Secret) -> HeaderMap {
        let seconds = Clock::system().now().as_seconds();
        let signature = sign(id, seconds, BODY, std::slice::from_ref(secret));
        let mut headers = HeaderMap::new();
        headers.insert(ID_HEADER, id.parse().expect("a value"));
        headers.insert(TIMESTAMP_HEADER, seconds.into());
        headers.insert(SIGNATURE_HEADER, signature.parse().expect("a value"));
        headers
    }

    #[tokio::test]
    async fn a_webhook_is_taken_once_however_often_it_comes() {
        let secret = Secret::generate(&Chance::seeded(1));
        let inbox = inbox(&secret);
        inbox.refuse(2);
        let statuses = [503, 503, 200, 200];
        for status in statuses {
            assert_eq!(inbox.answer(&signed("dlv_1", &secret), BODY), status);
        }
        let memory = inbox.memory();
        assert_eq!(memory.taken.len(), 1);
        assert_eq!(memory.taken[0].attempt, 3);
        assert_eq!(memory.attempts["dlv_1"], 4);
    }

    #[tokio::test]
    async fn what_somebody_else_signed_is_not_believed() {
        let (secret, other) = (
            Secret::generate(&Chance::seeded(1)),
            Secret::generate(&Chance::seeded(2)),
        );
        let inbox = inbox(&secret);
        assert_eq!(inbox.answer(&signed("dlv_1", &other), BODY), 401);
        assert_eq!(inbox.answer(&HeaderMap::new(), BODY), 401);
        let memory = inbox.memory();
        assert_eq!((memory.taken.len(), memory.forged), (0, 2));
    }
}
