//! Following what happens: the stream of a gateway, which is taken up again where it broke off.

use std::{collections::VecDeque, io::Write as _, time::Duration};

use serde::Deserialize;

use super::{
    CliError,
    client::{ClientError, Gateway, Messages, read},
};
use crate::{
    clock::Clock,
    domain::{
        happening::{ClosingReason, HappeningKind},
        time::Timestamp,
    },
};

/// Where the stream is.
pub const PATH: &str = "/v1/stream";

/// How long to wait before the gateway is asked again, at first; it doubles with each time in vain.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What a stream says.
#[derive(Debug)]
pub enum Told {
    /// It has begun, or begun again.
    Open,
    /// Something happened: as it came, and to be shown.
    Happened(String, Box<Happening>),
    /// All is told, and no more was asked for.
    CaughtUp,
}

/// Something that happened.
#[derive(Debug, Deserialize)]
pub struct Happening {
    /// What it is.
    pub kind: HappeningKind,
    /// When.
    pub at: Timestamp,
    /// The event that it is about, if that is kept.
    pub event: Option<Event>,
    /// The delivery that it is about.
    pub delivery: Option<Delivery>,
    /// The attempt that it is about.
    pub attempt: Option<Attempt>,
}

/// An event.
#[derive(Debug, Deserialize)]
pub struct Event {
    /// Its name in Riposte.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: String,
    /// To what.
    pub subject: Option<String>,
}

/// A delivery.
#[derive(Debug, Deserialize)]
pub struct Delivery {
    /// Its name.
    pub id: String,
    /// Why it is in its state.
    pub reason: Option<String>,
    /// Where it goes.
    pub endpoint: Option<Endpoint>,
}

/// An endpoint.
#[derive(Debug, Deserialize)]
pub struct Endpoint {
    /// Its name in Riposte.
    pub id: String,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Where it is.
    pub url: Option<String>,
}

/// An attempt.
#[derive(Debug, Deserialize)]
pub struct Attempt {
    /// Which attempt of its delivery.
    pub number: u32,
    /// How long it took.
    pub duration_ms: u64,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<AttemptError>,
    /// When the next one is due.
    pub next_attempt_at: Option<Timestamp>,
}

/// Why an attempt failed.
#[derive(Debug, Deserialize)]
pub struct AttemptError {
    /// The kind.
    pub kind: String,
    /// What happened.
    pub message: String,
}

#[derive(Deserialize)]
struct Closing {
    reason: ClosingReason,
}

/// Somebody who follows.
pub struct Following {
    gateway: Gateway,
    clock: Clock,
    path: String,
    /// The last message that came.
    last: Option<String>,
    messages: Option<Messages>,
    /// Whether a stream was open once: then it is worth waiting for the next.
    was_open: bool,
    wait: Duration,
    told: VecDeque<Told>,
}

impl Following {
    /// Follows the stream at `path` of `gateway`.
    pub fn new(gateway: Gateway, clock: Clock, path: String) -> Self {
        Self {
            gateway,
            clock,
            path,
            last: None,
            messages: None,
            was_open: false,
            wait: FIRST_WAIT,
            told: VecDeque::new(),
        }
    }

    /// What the stream says next. Where it breaks off it is taken up again, after a while.
    ///
    /// # Errors
    /// If there is no stream at first, or the gateway refuses it.
    pub async fn next(&mut self) -> Result<Told, CliError> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Ok(told);
            }
            let Some(messages) = &mut self.messages else {
                self.connect().await?;
                continue;
            };
            match messages.next().await {
                Some(message) => {
                    self.last = Some(message.id);
                    self.hear(&message.event, message.data)?;
                }
                None => self.lost("the stream broke off").await?,
            }
        }
    }

    async fn connect(&mut self) -> Result<(), CliError> {
        match self.gateway.open(&self.path, self.last.as_deref()).await {
            Ok(messages) => {
                self.messages = Some(messages);
                Ok(())
            }
            Err(error) if self.was_open && may_pass(&error) => self.lost(&error.to_string()).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Says that there is no stream now, and waits a while.
    async fn lost(&mut self, why: &str) -> Result<(), CliError> {
        self.messages = None;
        let wait = self.wait;
        writeln!(anstream::stderr(), "{why}; trying again in {wait:?}")?;
        self.clock.sleep(wait).await;
        self.wait = (wait * 2).min(LONGEST_WAIT);
        Ok(())
    }

    fn hear(&mut self, event: &str, data: String) -> Result<(), CliError> {
        self.wait = FIRST_WAIT;
        match event {
            "open" => {
                self.was_open = true;
                self.told.push_back(Told::Open);
            }
            "gap" => writeln!(
                anstream::stderr(),
                "there is a gap: what happened before this is not kept any more"
            )?,
            "dropped" | "end" => match read::<Closing>(&data)?.reason {
                ClosingReason::CaughtUp => self.told.push_back(Told::CaughtUp),
                // Coming back says what is wrong with the key.
                ClosingReason::KeyEnded => self.messages = None,
                reason => writeln!(anstream::stderr(), "the stream ends: {reason}")?,
            },
            _ => {
                let happening = read(&data)?;
                self.told.push_back(Told::Happened(data, happening));
            }
        }
        Ok(())
    }
}

/// Whether the gateway may answer otherwise after a while.
fn may_pass(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Unreachable { .. } | ClientError::Busy { .. } | ClientError::Foreign { .. }
    )
}

impl Happening {
    /// What its event is, and to what it happened.
    pub fn subject(&self) -> String {
        let Some(event) = &self.event else {
            return "?".to_owned();
        };
        match &event.subject {
            Some(subject) => format!("{} {subject}", event.event_type),
            None => event.event_type.clone(),
        }
    }
}

impl Endpoint {
    /// What it is called: by its owner, or by where it is.
    pub fn called(&self) -> &str {
        let known = self.name.as_deref().or(self.url.as_deref());
        known.unwrap_or(&self.id)
    }
}
