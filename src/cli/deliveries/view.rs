//! Deliveries as the API gives them, as far as they are shown.

use serde::Deserialize;

use crate::{
    cli::{list::Row, look::Sign, moment::from_now},
    domain::time::Timestamp,
};

/// A delivery as a list shows it.
#[derive(Debug, Deserialize)]
pub struct Delivery {
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub state: String,
    /// Where it stands, in a sentence.
    pub summary: String,
    /// Why it stands there.
    pub reason: Option<String>,
    /// Where it goes; none for an event that could not be emitted.
    pub endpoint: Option<String>,
    /// What it carries.
    pub event: EventReference,
    /// What it was made for; none for a test.
    pub cause: Option<Cause>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The event that a delivery carries.
#[derive(Debug, Deserialize)]
pub struct EventReference {
    /// Its name.
    pub id: String,
    /// What happened; none if the event is not kept any more.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
}

/// The reaction that a delivery was made for.
#[derive(Debug, Deserialize)]
pub struct Cause {
    /// The listener.
    pub listener: String,
    /// Its revision.
    pub revision: u32,
}

/// A delivery with what happened to it.
#[derive(Debug, Deserialize)]
pub struct DeliveryStory {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// What happened to it.
    pub timeline: Vec<Step>,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
}

/// Something that happened to a delivery, or is to happen.
#[derive(Debug, Deserialize)]
pub struct Step {
    /// When.
    pub at: Option<Timestamp>,
    /// What.
    pub what: String,
    /// Which attempt it was.
    pub attempt: Option<u32>,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// How long the attempt took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Why the attempt failed.
    pub error: Option<String>,
    /// Why it ended so.
    pub reason: Option<String>,
}

/// An attempt.
#[derive(Debug, Deserialize)]
pub struct Attempt {
    /// What was sent.
    pub request: Request,
    /// What came back.
    pub response: Option<Response>,
    /// Why it failed.
    pub error: Option<Failure>,
}

/// What was sent.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// Where to.
    pub url: String,
    /// The address that the host's name led to.
    pub address: Option<String>,
}

/// What came back.
#[derive(Debug, Deserialize)]
pub struct Response {
    /// The body.
    pub body: Body,
}

/// A body.
#[derive(Debug, Deserialize)]
pub struct Body {
    /// How the content stands for bytes.
    pub encoding: String,
    /// The bytes.
    pub content: String,
}

/// Why an attempt failed.
#[derive(Debug, Deserialize)]
pub struct Failure {
    /// The kind of error.
    pub kind: String,
    /// What happened.
    pub message: String,
}

impl Row for Delivery {
    const MANY: &'static str = "deliveries";
    const HEADER: &'static [&'static str] = &["ID", "MADE", "TYPE", "WHERE IT STANDS"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let event_type = self.event.event_type.clone();
        vec![
            self.id.clone(),
            from_now(self.created_at, now),
            event_type.unwrap_or_else(|| "(not kept)".to_owned()),
            format!("{} {}", Sign::of(&self.state).plain(), self.summary),
        ]
    }
}
