//! `riposte redrive` and `riposte discard`: what is done about dead letters, many at once.

mod selection;

use std::io::{self, Write};

use clap::Args;
use owo_colors::OwoColorize as _;
use serde::Deserialize;

use self::selection::Selection;
pub use self::selection::options_for;
use super::{
    CliError, Exit,
    client::{Gateway, GatewayOptions, block_on},
    confirm::confirm,
    jobs::{self, Job},
    list::line,
};
use crate::clock::Clock;

const AFTER_REDRIVE: &str = "\
Examples:
  riposte redrive dlv_01h455vb4pex5vsknk084sn02q
  riposte redrive --endpoint end_01h455vb4pex5vsknk084sn02q --rate 50
  riposte redrive --error connect_refused --since 2h --dry-run
  riposte redrive --all --yes --detach

Ctrl-C stops following: the job goes on. `riposte jobs` finds it again.

Exit codes:
  0  all are on their way again; with --detach, the job is started
  1  there are none, or not all are, or it is not known yet
  2  it could not be done";

const AFTER_DISCARD: &str = "\
Examples:
  riposte discard dlv_01h455vb4pex5vsknk084sn02q
  riposte discard --endpoint end_01h455vb4pex5vsknk084sn02q --until 30d
  riposte discard --type site.measured --dry-run

Ctrl-C stops following: the job goes on. `riposte jobs` finds it again.

Exit codes:
  0  all are discarded; with --detach, the job is started
  1  there are none, or not all are, or it is not known yet
  2  it could not be done";

/// Let dead letters go on their way again.
///
/// Counts what is meant, asks, and starts a job that makes each due now; then follows the job. Say
/// which: by their ids, by what they have in common, or --all.
#[derive(Debug, Args)]
#[command(
    after_help = AFTER_REDRIVE,
    override_usage = "riposte redrive [OPTIONS] <ID>...\n       riposte redrive [OPTIONS] <FILTERS>\n       riposte redrive [OPTIONS] --all"
)]
pub struct RedriveArgs {
    #[command(flatten)]
    selection: Selection,
    /// The most that are taken up in a second, so that a receiver that has just come back is not run
    /// over; 1 to 10000
    #[arg(long, value_name = "COUNT", help_heading = "How")]
    rate: Option<u32>,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// Discard dead letters.
///
/// Counts what is meant, asks, and starts a job that makes each cancelled; it keeps its attempts.
/// Then follows the job. Say which: by their ids, by what they have in common, or --all.
#[derive(Debug, Args)]
#[command(
    after_help = AFTER_DISCARD,
    override_usage = "riposte discard [OPTIONS] <ID>...\n       riposte discard [OPTIONS] <FILTERS>\n       riposte discard [OPTIONS] --all"
)]
pub struct DiscardArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// How it is done.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How")]
struct Manner {
    /// Only count what is meant
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Start the job and do not wait for its end
    #[arg(long)]
    detach: bool,
    /// Print what the API gives: the count, or the job
    #[arg(long)]
    json: bool,
}

/// What would be done.
#[derive(Deserialize)]
struct DryRun {
    matched: u64,
    exact: bool,
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    id: String,
    reason: Option<String>,
    detail: Option<String>,
}

/// What is done to dead letters.
#[derive(Clone, Copy)]
struct Task {
    /// Where it is asked for.
    path: &'static str,
    /// What a user is asked.
    verb: &'static str,
    rate: Option<u32>,
}

impl RedriveArgs {
    /// Redrives and follows.
    ///
    /// # Errors
    /// If the gateway cannot be asked or refuses, or nobody says yes.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let task = Task {
            path: "/v1/dead-letters/redrive",
            verb: "Redrive",
            rate: self.rate,
        };
        task.run(&self.selection, &self.manner, &self.gateway, out)
    }
}

impl DiscardArgs {
    /// Discards and follows.
    ///
    /// # Errors
    /// If the gateway cannot be asked or refuses, or nobody says yes.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let task = Task {
            path: "/v1/dead-letters/discard",
            verb: "Discard",
            rate: None,
        };
        task.run(&self.selection, &self.manner, &self.gateway, out)
    }
}

impl Task {
    fn run(
        self,
        selection: &Selection,
        manner: &Manner,
        gateway: &GatewayOptions,
        out: &mut dyn Write,
    ) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = gateway.gateway(&clock)?;
            let body = selection.body(clock.now());
            let mut dry = body.clone();
            dry["dry_run"] = true.into();
            let counted = gateway.post_json(self.path, &dry).await?.granted()?;
            let meant: DryRun = counted.read()?;
            if manner.dry_run {
                match manner.json {
                    true => line(&counted.text, out)?,
                    false => meant.write(out)?,
                }
                return Ok(some(meant.matched));
            }
            if meant.matched == 0 {
                writeln!(anstream::stderr(), "{}", "no such dead letters".dimmed())?;
                return Ok(Exit::No);
            }
            if !manner.yes && !self.is_wanted(&meant)? {
                writeln!(anstream::stderr(), "nothing was done")?;
                return Ok(Exit::No);
            }
            self.start(&gateway, &clock, body, manner, out).await
        })
    }

    fn is_wanted(self, meant: &DryRun) -> Result<bool, CliError> {
        meant.write_samples(&mut anstream::stderr())?;
        Ok(confirm(&format!("{} {}?", self.verb, meant.count()))?)
    }

    async fn start(
        self,
        gateway: &Gateway,
        clock: &Clock,
        mut body: serde_json::Value,
        manner: &Manner,
        out: &mut dyn Write,
    ) -> Result<Exit, CliError> {
        if let Some(rate) = self.rate {
            body["rate"] = rate.into();
        }
        let answer = gateway.post_json(self.path, &body).await?.granted()?;
        let job: Job = answer.read()?;
        if !manner.detach {
            return jobs::follow(gateway, clock, &job.id, manner.json, out).await;
        }
        match manner.json {
            true => line(&answer.text, out)?,
            false => writeln!(out, "{}", job.id)?,
        }
        Ok(Exit::Success)
    }
}

impl DryRun {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.count())?;
        self.write_samples(out)
    }

    fn write_samples(&self, out: &mut dyn Write) -> io::Result<()> {
        for sample in &self.samples {
            let why = sample.detail.as_ref().or(sample.reason.as_ref());
            let why = why.map(String::as_str).unwrap_or_default();
            writeln!(out, "  {}  {}", sample.id, why.dimmed())?;
        }
        let more = self.matched.saturating_sub(self.samples.len() as u64);
        match more {
            0 => Ok(()),
            more => writeln!(out, "  and {more} more"),
        }
    }

    fn count(&self) -> String {
        dead_letters(self.matched, self.exact)
    }
}

/// So many dead letters, or at least so many, in words.
pub fn dead_letters(count: u64, is_exact: bool) -> String {
    let least = if is_exact { "" } else { "at least " };
    match count {
        1 => format!("{least}1 dead letter"),
        many => format!("{least}{many} dead letters"),
    }
}

fn some(count: u64) -> Exit {
    match count {
        0 => Exit::No,
        _ => Exit::Success,
    }
}
