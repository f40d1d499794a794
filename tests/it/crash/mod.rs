//! kill -9, again and again, while events stream in: nothing that was acknowledged is lost, nothing
//! is taken twice, and no more is repeated than what was in flight.
//!
//! Each round streams [`EVENTS`] events into the program from several producers, kills it at a
//! random moment, starts it again on the same directory, and reconciles what the producers were
//! told, what the receiver got and what the API says. `CRASH_ROUNDS` says how many rounds,
//! `CRASH_SEED` repeats the moments of a run.

mod moment;
mod stream;
mod tally;

use std::{env, fmt, time::Duration};

use riposte::{clock::Clock, domain::chance::Chance};
use serde_json::{Value, json};
use tokio::sync::watch;

use self::{
    moment::Moment,
    stream::{Door, Kind, Streamed, stream},
    tally::Tally,
};
use crate::support::{Api, Process, Setup, until_for};

/// How many events stream in each round.
const EVENTS: usize = 5_000;

/// How many requests may be under way: what a kill may repeat.
const IN_FLIGHT: usize = 128;

/// How many rounds there are where nobody says.
const ROUNDS: usize = 20;

/// How long the backlog of a round may take on a busy machine.
const DRAIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_and_repeats_no_more_than_what_was_in_flight() {
    let rounds = number("CRASH_ROUNDS").unwrap_or(ROUNDS);
    let drawn = u64::from_be_bytes(Chance::from_system().bytes());
    let seed = number("CRASH_SEED").map_or(drawn, |seed| seed as u64);
    say(format_args!("CRASH_SEED={seed}"));
    let mut story = Story::begin(Chance::seeded(seed)).await;
    let mut reports = Vec::new();
    for round in 1..=rounds {
        let report = story.round(round).await;
        say(format_args!("round {round:>3}: {report}"));
        reports.push(report);
    }
    say(format_args!("{}", story.table(&reports).await));
}

/// A gateway that dies and comes back, and all that surrounds it.
struct Story {
    program: Option<Process>,
    door: watch::Sender<Door>,
    receiver: Tally,
    chance: Chance,
    clock: Clock,
    /// How many events of each kind were acknowledged.
    sent: [usize; Kind::ALL.len()],
    repeats: usize,
}

/// What came of a round.
#[derive(Debug)]
struct Report {
    moment: Moment,
    acknowledged: usize,
    received: usize,
    restart: Duration,
    streamed: Streamed,
    repeats: usize,
    took: Duration,
}

impl Story {
    async fn begin(chance: Chance) -> Self {
        let setup = Setup::new()
            .with("RIPOSTE_DELIVERY__MAX_IN_FLIGHT", &IN_FLIGHT.to_string())
            .with("RIPOSTE_LOG__LEVEL", "warn");
        let program = setup.run().await;
        let receiver = Tally::start().await;
        listen(&program.api(), &receiver).await;
        Self {
            door: watch::Sender::new(Door::first(program.api())),
            program: Some(program),
            receiver,
            chance,
            clock: Clock::system(),
            sent: [0; Kind::ALL.len()],
            repeats: 0,
        }
    }

    async fn round(&mut self, round: usize) -> Report {
        let began = self.clock.elapsed();
        let moment = Moment::draw(&self.chance);
        let (acknowledged, before) = (watch::Sender::new(0), self.receiver.requests());
        let program = self.program.take().expect("it runs");
        let death = async {
            let mut counts = (acknowledged.subscribe(), self.receiver.subscribe());
            moment.comes(&mut counts, before, &self.clock).await;
            let at = (*counts.0.borrow(), *counts.1.borrow() - before);
            (at, self.kill(program).await)
        };
        let producers = stream(round, &self.door, &acknowledged, &self.chance);
        let (streamed, (at, (program, restart))) = tokio::join!(producers, death);
        self.program = Some(program);
        for kind in Kind::ALL {
            self.sent[kind as usize] += streamed.count(kind);
        }
        let repeats = self.reconcile().await;
        Report {
            moment,
            acknowledged: at.0,
            received: at.1,
            restart,
            streamed,
            repeats,
            took: self.clock.elapsed() - began,
        }
    }

    /// Kills the program and starts it again; gives how long it took until it served.
    async fn kill(&self, program: Process) -> (Process, Duration) {
        let setup = program.kill();
        let began = self.clock.elapsed();
        let program = setup.run().await;
        let took = self.clock.elapsed() - began;
        self.door.send_modify(|door| door.opens_at(program.api()));
        (program, took)
    }

    /// Compares what the producers were told, what came and what the API says, once nothing is
    /// left to do. Gives how many requests of this round were repeats.
    async fn reconcile(&mut self) -> usize {
        let stats = self.drained().await;
        let of = |kind: Kind| self.sent[kind as usize];
        let accepted: usize = self.sent.iter().sum();
        let everywhere = accepted + of(Kind::Emit);
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
        self.receiver.has_all(&self.sent);
        let repeats = self.receiver.repeats() - self.repeats;
        assert!(
            repeats <= IN_FLIGHT,
            "{repeats} requests were repeated, but {IN_FLIGHT} at most were in flight"
        );
        self.repeats += repeats;
        repeats
    }

    async fn drained(&self) -> Value {
        let program = self.program.as_ref().expect("it runs");
        let api = program.api();
        let look = async || match api.stats().await {
            stats if stats["deliveries"]["pending"] == 0 && stats["fanouts"] == 0 => Ok(stats),
            stats => Err(stats.to_string()),
        };
        until_for(DRAIN, "the backlog of the round to end", look).await
    }

    async fn table(&self, reports: &[Report]) -> String {
        let stats = self.drained().await;
        let sum = |part: fn(&Report) -> usize| reports.iter().map(part).sum::<usize>();
        let slowest = reports.iter().map(|report| report.restart).max();
        [
            ("kills", reports.len()),
            ("events acknowledged", self.sent.iter().sum()),
            (
                "accepted, by the answers",
                sum(|report| report.streamed.accepted),
            ),
            (
                "duplicates recognised",
                sum(|report| report.streamed.duplicates),
            ),
            ("requests sent again", sum(|report| report.streamed.resent)),
            ("requests received", self.receiver.requests()),
            ("requests repeated", self.repeats),
            ("repeats allowed", IN_FLIGHT * reports.len()),
            (
                "slowest restart, ms",
                slowest.unwrap_or_default().as_millis() as usize,
            ),
        ]
        .iter()
        .map(|(name, value)| format!("{name:<26}{value:>10}\n"))
        .collect::<String>()
            + &format!("the API says {stats}")
    }
}

/// A listener for each kind, and one for everything.
async fn listen(api: &Api, receiver: &Tally) {
    let hook = |path: &str, more: Value| {
        let mut endpoint = json!({"url": receiver.url(path)});
        let fields = endpoint.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        json!({"webhook": endpoint})
    };
    let echo = json!({"type": "crash.echo", "data": {"of": "{{ event.id }}"}});
    for (on, reaction) in [
        (
            "crash.*",
            hook(tally::ALL, json!({"concurrency": IN_FLIGHT})),
        ),
        (
            "crash.flaky",
            hook(tally::FLAKY, json!({"retry": {"schedule": ["0s", "10ms"]}})),
        ),
        (
            "crash.dead",
            hook(tally::DEAD, json!({"retry": {"schedule": ["0s"]}})),
        ),
        (
            "crash.skipped",
            hook("/closed", json!({"state": "disabled"})),
        ),
        ("crash.emit", json!({"emit": echo})),
    ] {
        api.listens(&[on], Value::Null, reaction).await;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "killed at {} ({} acknowledged, {} received), served again after {} ms; {} duplicates, \
             {} sent again, {} repeats; {:.1} s",
            self.moment,
            self.acknowledged,
            self.received,
            self.restart.as_millis(),
            self.streamed.duplicates,
            self.streamed.resent,
            self.repeats,
            self.took.as_secs_f64()
        )
    }
}

fn number(variable: &str) -> Option<usize> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

#[expect(clippy::print_stdout, reason = "whoever runs it wants to follow")]
fn say(line: fmt::Arguments<'_>) {
    println!("{line}");
}
