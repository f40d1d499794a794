//! Producers that do what producers have to: what was not acknowledged they send again, with the
//! same ids.

use std::{ops::Range, sync::Mutex, time::Duration};

use futures_util::future::join_all;
use http::{Method, header::RETRY_AFTER};
use riposte::{clock::Clock, domain::chance::Chance};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Answer, Api};

/// How many producers send at once.
const PRODUCERS: usize = 8;

/// The most events that a producer sends in one request.
const BATCH: f64 = 40.0;

/// How long a producer waits before it tries again, unless a gateway comes back earlier.
const PAUSE: Duration = Duration::from_millis(50);

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
            Self::Plain => "load.plain",
            Self::Flaky => "load.flaky",
            Self::Dead => "load.dead",
            Self::Skipped => "load.skipped",
            Self::Emit => "load.emit",
        }
    }
}

/// Where the gateway is, or its nodes are.
pub struct Door {
    nodes: watch::Sender<Nodes>,
    /// How long a producer waits for an answer before it goes to the next one.
    patience: Duration,
}

#[derive(Clone)]
struct Nodes {
    /// How often one of them was started.
    starts: usize,
    apis: Vec<Api>,
}

impl Door {
    /// The door to these nodes.
    pub fn to(apis: Vec<Api>) -> Self {
        Self {
            nodes: watch::Sender::new(Nodes { starts: 0, apis }),
            patience: Duration::from_secs(60),
        }
    }

    /// The same, for producers that wait no longer than this for an answer.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Node `number` was started again.
    pub fn opens_at(&self, number: usize, api: Api) {
        self.nodes.send_modify(|nodes| {
            nodes.starts += 1;
            nodes.apis[number] = api;
        });
    }
}

/// How many events there are to send, and who has taken which.
pub struct Supply {
    taken: Mutex<usize>,
    /// Up to where there are any.
    end: watch::Sender<usize>,
}

impl Supply {
    /// So many events.
    pub fn of(events: usize) -> Self {
        Self {
            taken: Mutex::new(0),
            end: watch::Sender::new(events),
        }
    }

    /// Events until [`Supply::ends`].
    pub fn endless() -> Self {
        Self::of(usize::MAX)
    }

    /// There are no more than were taken.
    pub fn ends(&self) {
        self.end.send_replace(0);
    }

    /// The numbers of the events of the next request.
    fn next(&self, chance: &Chance) -> Option<Range<usize>> {
        let mut taken = self.taken.lock().expect("nobody panics");
        let (first, end) = (*taken, *self.end.borrow());
        if first >= end {
            return None;
        }
        let size = match chance.unit() < 0.5 {
            true => 1,
            false => 1 + (chance.unit() * BATCH) as usize,
        };
        *taken = first.saturating_add(size).min(end);
        Some(first..*taken)
    }
}

/// What came of a round's stream.
#[derive(Debug, Default)]
pub struct Streamed {
    /// Events of which an answer said that they are new.
    pub accepted: usize,
    /// Events of which an answer said that they were there: an earlier answer was lost.
    pub duplicates: usize,
    /// Requests that were refused with 429 or 503, and sent again.
    pub refused: usize,
    /// Requests that got no answer, and were sent again.
    pub broken: usize,
}

impl Streamed {
    /// How many events were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.accepted + self.duplicates
    }

    /// How many requests were sent again.
    pub fn resent(&self) -> usize {
        self.refused + self.broken
    }

    /// How many events of `kind` were acknowledged.
    pub fn count(&self, kind: Kind) -> usize {
        let numbers = 0..self.acknowledged();
        numbers.filter(|number| Kind::of(*number) == kind).count()
    }

    fn add(mut self, other: &Self) -> Self {
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.refused += other.refused;
        self.broken += other.broken;
        self
    }
}

/// Sends all events of a supply, some alone and some in batches, until each is acknowledged. Each
/// producer goes from node to node.
pub async fn stream(
    round: usize,
    door: &Door,
    supply: &Supply,
    acknowledged: &watch::Sender<usize>,
    chance: &Chance,
) -> Streamed {
    let producer = async |number: usize| {
        let mut streamed = Streamed::default();
        let mut tried = number;
        while let Some(numbers) = supply.next(chance) {
            let batch: Vec<_> = numbers.map(|number| event(round, number)).collect();
            let sent = send(&json!(batch), door, &mut tried).await;
            acknowledged.send_modify(|count| *count += batch.len());
            streamed = streamed.add(&sent);
        }
        streamed
    };
    let all = join_all((0..PRODUCERS).map(producer)).await;
    all.iter().fold(Streamed::default(), Streamed::add)
}

fn event(round: usize, number: usize) -> Value {
    json!({"specversion": "1.0", "id": format!("{round}-{number}"), "source": "/load",
        "type": Kind::of(number).event_type(), "data": {"round": round, "number": number}})
}

/// Sends a batch until it is acknowledged; `tried` counts how often something was sent, and so
/// which node is next.
async fn send(batch: &Value, door: &Door, tried: &mut usize) -> Streamed {
    let (mut streamed, clock) = (Streamed::default(), Clock::system());
    let mut nodes = door.nodes.subscribe();
    loop {
        let Nodes { starts, apis } = nodes.borrow_and_update().clone();
        let api = &apis[*tried % apis.len()];
        *tried += 1;
        let sent = api.try_call(Method::POST, "/v1/events", MEDIA_TYPE, batch.to_string());
        match clock.timeout(door.patience, sent).await {
            Some(Ok(answer)) if answer.status == 202 => {
                count(&answer.json(), &mut streamed);
                return streamed;
            }
            Some(Ok(answer)) => {
                assert_says_when_to_come_back(&answer);
                streamed.refused += 1;
            }
            Some(Err(_)) | None => streamed.broken += 1,
        }
        let back = nodes.wait_for(|nodes| nodes.starts > starts);
        // It is tried again in any case.
        drop(clock.timeout(PAUSE, back).await);
    }
}

fn assert_says_when_to_come_back(answer: &Answer) {
    assert!(
        matches!(answer.status, 429 | 503) && answer.headers.contains_key(RETRY_AFTER),
        "{}: {}",
        answer.status,
        answer.text()
    );
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
