//! `riposte tail`: what happens in a project, a line each, as it happens.

mod line;

use std::io::Write;

use clap::Args;

use self::line::write_line;
use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    follow::{Following, PATH, Told},
    list::Query,
    moment::Moment,
};
use crate::{
    clock::Clock,
    domain::{delivery::DeliveryState, happening::HappeningKind, happening::Place},
    rules::Subject,
};

const AFTER_HELP: &str = "\
Examples:
  riposte tail
  riposte tail --state dead                       what is given up, as it is
  riposte tail --kinds attempt.made --endpoint end_01h455vb4pex5vsknk084sn02q
  riposte tail --type 'site.>' --since 10m
  riposte tail --correlation evt_01h455vb4pex5vsknk084sn02q
  riposte tail --json --since 1h --no-follow | jq .kind

Where the stream breaks off it is taken up again, and nothing is missed. Ctrl-C ends it.

Exit codes:
  0  it was ended, or all was told
  2  it could not be done";

/// Follow what happens: events, attempts, deliveries that change their state.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct TailArgs {
    /// Only these kinds, with commas between: event.accepted, attempt.made, delivery.pending,
    /// delivery.delivered, delivery.dead, delivery.cancelled, delivery.skipped
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "KIND",
        help_heading = "Filters"
    )]
    kinds: Vec<HappeningKind>,
    /// Only what is about events of this type, or of those that match a pattern like site.>
    #[arg(long = "type", value_name = "TYPE", help_heading = "Filters")]
    event_type: Option<Subject>,
    /// Only deliveries to this endpoint: end_…
    #[arg(long, help_heading = "Filters")]
    endpoint: Option<String>,
    /// Only deliveries of this listener: lis_…
    #[arg(long, help_heading = "Filters")]
    listener: Option<String>,
    /// Only deliveries that come into this state
    #[arg(long, help_heading = "Filters")]
    state: Option<DeliveryState>,
    /// Only what is about this event: evt_…
    #[arg(long, help_heading = "Filters")]
    event: Option<String>,
    /// Only what is about events that came out of this one, and about itself: evt_…
    #[arg(long, value_name = "EVENT", help_heading = "Filters")]
    correlation: Option<String>,
    /// Begin with what happened since then: 10m, or a time like 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Begin after this message: its id, as --json shows it
    #[arg(long, value_name = "ID", conflicts_with = "since")]
    after: Option<Place>,
    /// End when all is told that happened so far
    #[arg(long)]
    no_follow: bool,
    /// Print each message as it came, one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gateway: GatewayOptions,
}

impl TailArgs {
    /// Follows until it is ended.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let path = self.path(&clock);
            let following = Following::new(gateway, clock, path);
            tokio::select! {
                told = self.tell(following, out) => told,
                // Without signals there is nothing to listen for, and following goes on.
                Ok(()) = tokio::signal::ctrl_c() => Ok(Exit::Success),
            }
        })
    }

    fn path(&self, clock: &Clock) -> String {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        let kinds = (!kinds.is_empty()).then(|| kinds.join(","));
        let since = self.since.map(|since| since.before(clock.now()));
        let follow = (!self.no_follow).to_string();
        Query::new(PATH)
            .with("kinds", kinds.as_ref())
            .with("type", self.event_type.as_ref().map(Subject::as_str))
            .with("endpoint", self.endpoint.as_ref())
            .with("listener", self.listener.as_ref())
            .with("state", self.state.as_ref())
            .with("event", self.event.as_ref())
            .with("correlation", self.correlation.as_ref())
            .with("since", since.as_ref())
            .with("after", self.after.as_ref())
            .with("follow", Some(&follow))
            .path()
    }

    async fn tell(&self, mut following: Following, out: &mut dyn Write) -> Result<Exit, CliError> {
        loop {
            match following.next().await? {
                Told::Open => continue,
                Told::CaughtUp => return Ok(Exit::Success),
                Told::Happened(json, _) if self.json => writeln!(out, "{json}")?,
                Told::Happened(_, happening) => write_line(&happening, out)?,
            }
            out.flush()?;
        }
    }
}
