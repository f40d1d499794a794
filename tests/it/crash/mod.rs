//! kill -9, again and again, while events stream in: nothing that was acknowledged is lost, nothing
//! is taken twice, and no more is repeated than what was in flight.
//!
//! Each round streams [`EVENTS`] events into the program from several producers, kills it at a
//! random moment, starts it again on the same directory, and reconciles what the producers were
//! told, what the receiver got and what the API says. `CRASH_ROUNDS` says how many rounds,
//! `CRASH_SEED` repeats the moments of a run.

mod moment;

use std::{env, fmt, time::Duration};

use riposte::{clock::Clock, domain::chance::Chance};
use tokio::sync::watch;

use self::moment::Moment;
use crate::{
    load::{Door, Load, Streamed, Supply, drained, stream},
    support::{Process, Setup},
};

/// How many events stream in each round.
const EVENTS: usize = 5_000;

/// How many requests may be under way: what a kill may repeat.
const IN_FLIGHT: usize = 128;

/// How many rounds there are where nobody says.
const ROUNDS: usize = 20;

/// The same on PostgreSQL, where each round has to wait until the lease of the dead node has ended.
const ROUNDS_ON_POSTGRES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_and_repeats_no_more_than_what_was_in_flight() {
    let setup = Setup::new();
    let usual = match setup.is_on_postgres() {
        true => ROUNDS_ON_POSTGRES,
        false => ROUNDS,
    };
    let rounds = number("CRASH_ROUNDS").unwrap_or(usual);
    let drawn = u64::from_be_bytes(Chance::from_system().bytes());
    let seed = number("CRASH_SEED").map_or(drawn, |seed| seed as u64);
    say(format_args!("CRASH_SEED={seed}"));
    let mut story = Story::begin(setup, Chance::seeded(seed)).await;
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
    door: Door,
    load: Load,
    chance: Chance,
    clock: Clock,
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
    async fn begin(setup: Setup, chance: Chance) -> Self {
        let setup = setup
            .with("RIPOSTE_DELIVERY__MAX_IN_FLIGHT", &IN_FLIGHT.to_string())
            .with("RIPOSTE_LOG__LEVEL", "warn");
        let program = setup.run().await;
        Self {
            load: Load::begin(&program.api(), IN_FLIGHT).await,
            door: Door::to(vec![program.api()]),
            program: Some(program),
            chance,
            clock: Clock::system(),
        }
    }

    async fn round(&mut self, round: usize) -> Report {
        let began = self.clock.elapsed();
        let moment = Moment::draw(&self.chance);
        let receiver = &self.load.receiver;
        let (acknowledged, before) = (watch::Sender::new(0), receiver.requests());
        let program = self.program.take().expect("it runs");
        let death = async {
            let mut counts = (acknowledged.subscribe(), receiver.subscribe());
            moment.comes(&mut counts, before, &self.clock).await;
            let at = (*counts.0.borrow(), *counts.1.borrow() - before);
            (at, self.kill(program).await)
        };
        let supply = Supply::of(EVENTS);
        let producers = stream(round, &self.door, &supply, &acknowledged, &self.chance);
        let (streamed, (at, (program, restart))) = tokio::join!(producers, death);
        assert_eq!(streamed.acknowledged(), EVENTS);
        let api = program.api();
        let reconciled = self.load.reconcile(&api, &streamed, IN_FLIGHT);
        let repeats = reconciled.await;
        self.program = Some(program);
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
        self.door.opens_at(0, program.api());
        (program, took)
    }

    async fn table(&self, reports: &[Report]) -> String {
        let program = self.program.as_ref().expect("it runs");
        let stats = drained(&program.api()).await;
        let sum = |part: fn(&Report) -> usize| reports.iter().map(part).sum::<usize>();
        let slowest = reports.iter().map(|report| report.restart).max();
        [
            ("kills", reports.len()),
            ("events acknowledged", self.load.sent()),
            (
                "accepted, by the answers",
                sum(|report| report.streamed.accepted),
            ),
            (
                "duplicates recognised",
                sum(|report| report.streamed.duplicates),
            ),
            (
                "requests sent again",
                sum(|report| report.streamed.resent()),
            ),
            ("requests received", self.load.receiver.requests()),
            ("requests repeated", self.load.repeats),
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
            self.streamed.resent(),
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
