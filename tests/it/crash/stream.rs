//! Producers that do what producers have to: what was not acknowledged they send again, with the
//! same ids.

use std::{collections::VecDeque, sync::Mutex};

use futures_util::future::join_all;
use http::Method;
use riposte::domain::chance::Chance;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::EVENTS;
use crate::support::{Api, within};

/// How many producers send at once.
const PRODUCERS: usize = 8;

/// The most events that a producer sends in one request.
const BATCH: f64 = 40.0;

const MEDIA_TYPE: &[(&str, &str)] = &[("content-type", "application/cloudevents-batch+json")];

/// What becomes of an event beside its delivery to the receiver of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Plain,
    /// A receiver takes it at the second attempt.
    Flaky,
    /// A receiver never takes it.
    Dead,
    /// The endpoint is disabled.
    Skipped,
    /// It gives rise to another event.
    Emit,
}

impl Kind {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::Flaky,
        Self::Dead,
        Self::Skipped,
        Self::Emit,
    ];

    /// The kind of event `number`.
    fn of(number: usize) -> Self {
        match number % 50 {
            0 => Self::Dead,
            1 | 2 => Self::Skipped,
            3..=5 => Self::Flaky,
            6..=8 => Self::Emit,
            _ => Self::Plain,
        }
    }

    /// The type of such events.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Plain => "crash.plain",
            Self::Flaky => "crash.flaky",
            Self::Dead => "crash.dead",
            Self::Skipped => "crash.skipped",
            Self::Emit => "crash.emit",
        }
    }
}

/// Where the gateway is, and how often it was started.
#[derive(Clone)]
pub struct Door {
    start: usize,
    api: Api,
}

impl Door {
    /// The gateway at its first start.
    pub fn first(api: Api) -> Self {
        Self { start: 0, api }
    }

    /// The gateway was started again.
    pub fn opens_at(&mut self, api: Api) {
        self.start += 1;
        self.api = api;
    }
}

/// What came of a round's stream.
#[derive(Debug, Default)]
pub struct Streamed {
    /// Events of which an answer said that they are new.
    pub accepted: usize,
    /// Events of which an answer said that they were there: an earlier answer was lost.
    pub duplicates: usize,
    /// Requests that were sent again.
    pub resent: usize,
}

impl Streamed {
    /// How many events of `kind` were acknowledged.
    pub fn count(&self, kind: Kind) -> usize {
        let numbers = 0..self.accepted + self.duplicates;
        numbers.filter(|number| Kind::of(*number) == kind).count()
    }

    fn add(mut self, other: &Self) -> Self {
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.resent += other.resent;
        self
    }
}

/// Sends all events of a round, some alone and some in batches, until each is acknowledged.
pub async fn stream(
    round: usize,
    door: &watch::Sender<Door>,
    acknowledged: &watch::Sender<usize>,
    chance: &Chance,
) -> Streamed {
    let queue = Mutex::new(requests(chance));
    let next = || queue.lock().expect("nobody panics").pop_front();
    let producer = async |_| {
        let mut streamed = Streamed::default();
        while let Some(numbers) = next() {
            let batch: Vec<_> = numbers.iter().map(|number| event(round, *number)).collect();
            let sent = send(&json!(batch), door.subscribe()).await;
            acknowledged.send_modify(|count| *count += batch.len());
            streamed = streamed.add(&sent);
        }
        streamed
    };
    let all = join_all((0..PRODUCERS).map(producer)).await;
    let streamed = all.iter().fold(Streamed::default(), Streamed::add);
    assert_eq!(streamed.accepted + streamed.duplicates, EVENTS);
    streamed
}

/// The numbers of all events, request by request.
fn requests(chance: &Chance) -> VecDeque<Vec<usize>> {
    let mut requests = VecDeque::new();
    let mut first = 0;
    while first < EVENTS {
        let size = match chance.unit() < 0.5 {
            true => 1,
            false => 1 + (chance.unit() * BATCH) as usize,
        };
        let end = (first + size).min(EVENTS);
        requests.push_back((first..end).collect());
        first = end;
    }
    requests
}

fn event(round: usize, number: usize) -> Value {
    json!({"specversion": "1.0", "id": format!("{round}-{number}"), "source": "/crash",
        "type": Kind::of(number).event_type(), "data": {"round": round, "number": number}})
}

/// Sends a batch until it is acknowledged.
async fn send(batch: &Value, mut door: watch::Receiver<Door>) -> Streamed {
    let mut streamed = Streamed::default();
    loop {
        let Door { start, api } = door.borrow_and_update().clone();
        let sent = api.try_call(Method::POST, "/v1/events", MEDIA_TYPE, batch.to_string());
        match within("an answer or a broken connection", sent).await {
            Ok(answer) if answer.status == 202 => {
                count(&answer.json(), &mut streamed);
                return streamed;
            }
            Ok(answer) if matches!(answer.status, 429 | 503) => {}
            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
            Err(_) => {
                let back = door.wait_for(|door| door.start > start);
                let back = within("the gateway to come back", back).await;
                drop(back.expect("somebody starts it"));
            }
        }
        streamed.resent += 1;
    }
}

fn count(answer: &Value, streamed: &mut Streamed) {
    for result in answer["data"].as_array().expect("results") {
        match result["status"].as_str() {
            Some("accepted") => streamed.accepted += 1,
            Some("duplicate") => streamed.duplicates += 1,
            other => panic!("{other:?} in {answer}"),
        }
    }
}
