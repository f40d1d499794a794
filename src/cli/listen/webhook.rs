//! The webhook that belongs to what happened: as the gateway sent it, or made anew.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    cli::{
        CliError,
        client::{ClientError, Gateway},
        follow::Happening,
        list::at,
    },
    domain::{
        cloudevents::{Limits, STRUCTURED_MEDIA_TYPE, decode},
        event::Event,
        ids::{EventId, default_project},
        json,
        signature::{ID_HEADER, SIGNATURE_HEADER, Secret, TIMESTAMP_HEADER, sign},
        time::Timestamp,
        webhook::{Format, HIDDEN, render},
    },
    rules::{EventView, Rule},
};

/// Where webhooks come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// From the attempts of the gateway, as they were sent.
    AsSent,
    /// From events, rendered and signed here.
    Anew(Box<Anew>),
}

/// Which events become webhooks, and what signs these.
#[derive(Debug, Clone)]
pub struct Anew {
    /// Which events.
    pub rule: Rule,
    /// What signs.
    pub secret: Secret,
}

/// A webhook, ready to be handed over.
#[derive(Debug)]
pub struct Webhook {
    /// Its headers.
    pub headers: HeaderMap,
    /// The headers that it had, but whose values only the endpoint's owner knows.
    pub hidden: Vec<String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Source {
    /// The webhook that belongs to `happening`; none if it is not wanted.
    ///
    /// # Errors
    /// If the gateway does not say what belongs to it.
    pub async fn prepare(
        &self,
        gateway: &Gateway,
        happening: &Happening,
        now: Timestamp,
    ) -> Result<Option<Webhook>, CliError> {
        match self {
            Self::AsSent => as_sent(gateway, happening).await,
            Self::Anew(anew) => anew.prepare(gateway, happening, now).await,
        }
    }
}

#[derive(Deserialize)]
struct Sent {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    headers: Vec<Header>,
    body: Option<Body>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(tag = "encoding", content = "content", rename_all = "snake_case")]
enum Body {
    Text(String),
    Base64(String),
}

async fn as_sent(gateway: &Gateway, happening: &Happening) -> Result<Option<Webhook>, CliError> {
    let (Some(delivery), Some(attempt)) = (&happening.delivery, &happening.attempt) else {
        return Ok(None);
    };
    let attempts = format!("{}/attempts", at("/v1/deliveries", &delivery.id));
    let path = at(&attempts, &attempt.number.to_string());
    let Sent { request } = to_the_letter(gateway, &path).await?;
    let mut webhook = Webhook {
        headers: HeaderMap::new(),
        hidden: Vec::new(),
        body: match request.body {
            Some(Body::Text(text)) => text.into_bytes(),
            Some(Body::Base64(text)) => BASE64_STANDARD.decode(text).unwrap_or_default(),
            None => Vec::new(),
        },
    };
    for Header { name, value } in request.headers {
        match value == HIDDEN {
            true => webhook.hidden.push(name),
            false => webhook.add(&name, &value),
        }
    }
    Ok(Some(webhook))
}

#[derive(Deserialize)]
struct Stored {
    id: EventId,
    event: Box<RawValue>,
}

impl Anew {
    async fn prepare(
        &self,
        gateway: &Gateway,
        happening: &Happening,
        now: Timestamp,
    ) -> Result<Option<Webhook>, CliError> {
        let Some(event) = &happening.event else {
            return Ok(None);
        };
        let stored: Stored = to_the_letter(gateway, &at("/v1/events", &event.id)).await?;
        let text = stored.event.get();
        let Ok(view) = EventView::from_json(text.as_bytes()) else {
            return Ok(None);
        };
        let is_wanted = self.rule.matches(&view);
        let event = is_wanted.then(|| read(stored.id, text, now)).flatten();
        Ok(event.map(|event| self.webhook(&event, now)))
    }

    /// `event` as a webhook, named as the event is: it comes once.
    fn webhook(&self, event: &Event, now: Timestamp) -> Webhook {
        let rendered = render(event, Format::Standard);
        let (id, seconds) = (event.id.to_string(), now.as_seconds());
        let secrets = std::slice::from_ref(&self.secret);
        let signature = sign(&id, seconds, &rendered.body, secrets);
        let mut webhook = Webhook {
            headers: HeaderMap::new(),
            hidden: Vec::new(),
            body: rendered.body.to_vec(),
        };
        for (name, value) in &rendered.headers {
            webhook.add(name, value);
        }
        webhook.add(ID_HEADER, &id);
        webhook.add(TIMESTAMP_HEADER, &seconds.to_string());
        webhook.add(SIGNATURE_HEADER, &signature);
        webhook
    }
}

/// The event called `id` whose CloudEvent is `text`; none if it is none that this version reads.
fn read(id: EventId, text: &str, now: Timestamp) -> Option<Event> {
    let structured = HeaderValue::from_static(STRUCTURED_MEDIA_TYPE);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, structured)]);
    let limits = Limits {
        event_bytes: usize::MAX,
        batch_events: 1,
        depth: json::MAX_DEPTH,
    };
    let decoded = decode(&headers, Bytes::copy_from_slice(text.as_bytes()), &limits);
    let draft = decoded.ok()?.drafts.pop()?;
    // What a project would fill in, the gateway has filled in already.
    Some(draft.complete(id, default_project(), "", now))
}

impl Webhook {
    /// Adds a header, unless it is one that HTTP cannot carry, or that belongs to the connection.
    fn add(&mut self, name: &str, value: &str) {
        let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = (name, value)
            && !matches!(name.as_str(), "host" | "content-length" | "connection")
        {
            self.headers.append(name, value);
        }
    }
}

/// What stands at `path`, to the letter: it is not shown, but handed on.
async fn to_the_letter<T: for<'de> Deserialize<'de>>(
    gateway: &Gateway,
    path: &str,
) -> Result<T, CliError> {
    let answer = gateway.get(path).await?.granted()?;
    Ok(serde_json::from_str(&answer.text).map_err(ClientError::Unfamiliar)?)
}
