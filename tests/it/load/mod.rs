//! Producers that stream events in, a receiver that counts what comes out, and what has to be true of
//! both once nothing is left to do: nothing that was acknowledged is lost, nothing is taken twice, and
//! no more is repeated than what was in flight.

mod stream;
mod tally;

use std::time::Duration;

use serde_json::{Value, json};

pub use self::{
    stream::{Door, Kind, Streamed, Supply, stream},
    tally::Tally,
};
use crate::support::{Api, until_for};

/// How long a backlog may take on a busy machine.
const DRAIN: Duration = Duration::from_secs(120);

/// What was streamed in, and the receiver of what comes of it.
pub struct Load {
    /// The receiver.
    pub receiver: Tally,
    /// How many events of each kind were acknowledged.
    sent: [usize; Kind::ALL.len()],
    /// How many requests were repeated.
    pub repeats: usize,
}

impl Load {
    /// A receiver, and listeners for each kind of event; the endpoint that gets them all takes
    /// `concurrency` requests at a time.
    pub async fn begin(api: &Api, concurrency: usize) -> Self {
        let receiver = Tally::start().await;
        listen(api, &receiver, concurrency).await;
        Self {
            receiver,
            sent: [0; Kind::ALL.len()],
            repeats: 0,
        }
    }

    /// How many events were acknowledged.
    pub fn sent(&self) -> usize {
        self.sent.iter().sum()
    }

    /// Compares what the producers were told, what came and what the API says, once nothing is left
    /// to do. Gives how many requests were repeated since the last time.
    ///
    /// # Panics
    /// If they differ, or if more than `in_flight` were repeated.
    pub async fn reconcile(&mut self, api: &Api, streamed: &Streamed, in_flight: usize) -> usize {
        for kind in Kind::ALL {
            self.sent[kind as usize] += streamed.count(kind);
        }
        let stats = drained(api).await;
        self.agrees_with(&stats);
        self.receiver.has_all(&self.sent);
        let repeats = self.receiver.repeats() - self.repeats;
        assert!(
            repeats <= in_flight,
            "{repeats} requests were repeated, but {in_flight} at most were in flight"
        );
        self.repeats += repeats;
        repeats
    }

    /// Accepted = delivered + pending + dead + skipped, with nothing pending.
    fn agrees_with(&self, stats: &Value) {
        let of = |kind: Kind| self.sent[kind as usize];
        let everywhere = self.sent() + of(Kind::Emit);
        assert_eq!(stats["events"], everywhere, "{stats}");
        let expected = json!({"pending": 0, "delivered": everywhere + of(Kind::Flaky),
            "dead": of(Kind::Dead), "cancelled": 0, "skipped": stats["deliveries"]["skipped"]});
        assert_eq!(stats["deliveries"], expected);
        let without_rows = stats["skipped_without_rows"].as_u64().expect("a number");
        let skipped = stats["deliveries"]["skipped"].as_u64().expect("a number");
        assert_eq!(
            (skipped + without_rows) as usize,
            of(Kind::Skipped),
            "{stats}"
        );
    }
}

/// Waits until nothing is left to do, and gives the figures.
pub async fn drained(api: &Api) -> Value {
    let look = async || match api.stats().await {
        stats if stats["deliveries"]["pending"] == 0 && stats["fanouts"] == 0 => Ok(stats),
        stats => Err(stats.to_string()),
    };
    until_for(DRAIN, "the backlog to end", look).await
}

/// A listener for each kind, and one for everything.
async fn listen(api: &Api, receiver: &Tally, concurrency: usize) {
    let hook = |path: &str, more: Value| {
        let mut endpoint = json!({"url": receiver.url(path)});
        let fields = endpoint.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        json!({"webhook": endpoint})
    };
    let echo = json!({"type": "load.echo", "data": {"of": "{{ event.id }}"}});
    for (on, reaction) in [
        (
            "load.*",
            hook(tally::ALL, json!({"concurrency": concurrency})),
        ),
        (
            "load.flaky",
            hook(tally::FLAKY, json!({"retry": {"schedule": ["0s", "10ms"]}})),
        ),
        (
            "load.dead",
            hook(tally::DEAD, json!({"retry": {"schedule": ["0s"]}})),
        ),
        (
            "load.skipped",
            hook("/closed", json!({"state": "disabled"})),
        ),
        ("load.emit", json!({"emit": echo})),
    ] {
        api.listens(&[on], Value::Null, reaction).await;
    }
}
