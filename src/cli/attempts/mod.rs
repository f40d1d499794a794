//! `riposte attempts`: every request that was sent.

use std::io::Write;

use clap::Args;
use serde::Deserialize;

use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    list::{ListOptions, Query, Row},
    look::Sign,
    moment::from_now,
};
use crate::{
    clock::Clock,
    domain::{
        attempt::{AttemptOutcome, ErrorKind},
        time::Timestamp,
    },
};

const AFTER_HELP: &str = "\
Examples:
  riposte attempts --endpoint end_01h455vb4pex5vsknk084sn02q --outcome failed --since 1h
  riposte attempts --delivery dlv_01h455vb4pex5vsknk084sn02q --oldest
  riposte attempts --status 5xx

`riposte why ID` explains one; `riposte deliveries get ID --json` has the requests and responses in full.

Exit codes: 0 there are some, 1 there are none, 2 the gateway could not be asked.";

/// List attempts: every request that was sent.
///
/// Lists attempts, the newest first, with all that the filters have in common.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct AttemptsArgs {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    list: ListOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
struct Filter {
    /// Only those of this delivery: dlv_…
    #[arg(long)]
    delivery: Option<String>,
    /// Only those that went to this endpoint: end_…
    #[arg(long)]
    endpoint: Option<String>,
    /// Only those that ended so: succeeded or failed
    #[arg(long)]
    outcome: Option<AttemptOutcome>,
    /// Only those that failed so, for example connect_refused
    #[arg(long, value_name = "KIND")]
    error: Option<ErrorKind>,
    /// Only those that were answered so: 503, or 5xx
    #[arg(long)]
    status: Option<String>,
}

/// An attempt as a list shows it.
#[derive(Debug, Deserialize)]
struct Attempt {
    id: String,
    delivery: String,
    number: u32,
    started_at: Timestamp,
    duration_ms: u64,
    url: String,
    status: Option<u16>,
    error: Option<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    kind: String,
    message: String,
}

impl Row for Attempt {
    const MANY: &'static str = "attempts";
    const HEADER: &'static [&'static str] = &["ID", "BEGAN", "TOOK", "OUTCOME", "OF"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let outcome = match (&self.error, self.status) {
            (None, status) => format!("{} {}", Sign::Good.plain(), status.unwrap_or_default()),
            (Some(error), Some(status)) => format!("{} {status} {}", Sign::Bad.plain(), error.kind),
            (Some(error), None) => format!("{} {}", Sign::Bad.plain(), error.kind),
        };
        let of = format!("{} ({}), {}", self.delivery, self.number, self.url);
        let why = self.error.as_ref().filter(|_| self.status.is_none());
        let why = why.map_or(String::new(), |error| format!(": {}", error.message));
        vec![
            self.id.clone(),
            from_now(self.started_at, now),
            format!("{} ms", self.duration_ms),
            outcome,
            format!("{of}{why}"),
        ]
    }
}

impl AttemptsArgs {
    /// Lists.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let filter = &self.filter;
            let query = Query::new("/v1/attempts")
                .with("delivery", filter.delivery.as_ref())
                .with("endpoint", filter.endpoint.as_ref())
                .with("outcome", filter.outcome.as_ref())
                .with("error_kind", filter.error.as_ref())
                .with("status", filter.status.as_ref());
            self.list
                .show::<Attempt>(&gateway, &query, &clock, out)
                .await
        })
    }
}
