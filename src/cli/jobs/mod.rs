//! `riposte jobs`: long work, and how far it has come.

mod follow;
mod view;

use std::io::Write;

use clap::{Args, Subcommand};

pub use self::{follow::follow, view::Job};
use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    list::{ListOptions, Query, at, line},
};
use crate::{clock::Clock, domain::job::JobState};

/// Where jobs are.
const PATH: &str = "/v1/jobs";

const AFTER_HELP: &str = "\
Examples:
  riposte jobs --state running
  riposte jobs get job_01h455vb4pex5vsknk084sn02q
  riposte jobs follow job_01h455vb4pex5vsknk084sn02q
  riposte jobs cancel job_01h455vb4pex5vsknk084sn02q

Exit codes:
  0  there are some; the job that was followed did all that was asked
  1  there are none, or it did not do all, or it is not known yet
  2  the gateway could not be asked";

/// List jobs, or show, follow or cancel one.
///
/// Lists jobs, the newest first: redrives and discards, and how far each has come.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct JobsArgs {
    #[command(subcommand)]
    one: Option<One>,
    /// Only those in this state: queued, running, done, cancelled or failed
    #[arg(long, help_heading = "Filters")]
    state: Option<JobState>,
    #[command(flatten)]
    list: ListOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

#[derive(Debug, Subcommand)]
enum One {
    /// Show a job.
    Get(Named),
    /// Follow a job to its end; Ctrl-C stops following, and the job goes on.
    Follow(Named),
    /// Call a job off: it takes no further step, and what it has done stays done.
    Cancel(Named),
}

#[derive(Debug, Args)]
struct Named {
    /// The job: job_…
    id: String,
    /// Print what the API gives
    #[arg(long)]
    json: bool,
}

impl JobsArgs {
    /// Lists, shows, follows or cancels.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let (named, answer) = match self.one {
                None => {
                    let query = Query::new(PATH).with("state", self.state.as_ref());
                    return self.list.show::<Job>(&gateway, &query, &clock, out).await;
                }
                Some(One::Follow(Named { id, json })) => {
                    return follow(&gateway, &clock, &id, json, out).await;
                }
                Some(One::Get(named)) => {
                    let path = at(PATH, &named.id);
                    (named, gateway.get(&path).await?)
                }
                Some(One::Cancel(named)) => {
                    let path = format!("{}/cancel", at(PATH, &named.id));
                    (
                        named,
                        gateway.post(&path, "application/json", Vec::new()).await?,
                    )
                }
            };
            let answer = answer.granted()?;
            match named.json {
                true => line(&answer.text, out)?,
                false => answer.read::<Job>()?.write(clock.now(), out)?,
            }
            Ok(Exit::Success)
        })
    }
}
