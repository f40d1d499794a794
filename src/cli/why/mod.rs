//! `riposte why`: the whole answer to "why did my webhook (not) arrive?", whatever one has at hand.

mod event;
mod standing;
mod verdict;

use std::io::Write;

use clap::Args;

use super::{
    CliError, Exit,
    client::{Gateway, GatewayOptions, block_on},
    deliveries,
    find::{Hit, find},
    list::line,
    terminal,
};
use crate::clock::Clock;

const AFTER_HELP: &str = "\
Examples:
  riposte why evt_01h455vb4pex5vsknk084sn02q     what each listener said, and what became of it
  riposte why dlv_01h455vb4pex5vsknk084sn02q     where a webhook stands, and what to do (its webhook-id)
  riposte why deploy-7                           the event that its producer calls so
  riposte why end_01h455vb4pex5vsknk084sn02q     what waits for an endpoint, and what it has failed at

Exit codes: 0 here is the answer, 1 nothing is called so, 2 the gateway could not be asked.";

/// Explain why something happened, or did not.
///
/// Takes any id, a producer's own id of an event, the beginning of a URL or of a name. Of an event it
/// says what each listener said to it, clause by clause, and what became of it; of a delivery where
/// it stands, what happened to it and what to do.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct WhyArgs {
    /// What is asked about
    id: String,
    /// Also show the listeners that do not wait for events of this type
    #[arg(long)]
    all: bool,
    /// Print what the API gives: one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// Who asks, and how it is answered.
struct Asker<'a> {
    gateway: &'a Gateway,
    clock: &'a Clock,
    /// Whether the listeners that wait for something else are shown too.
    all: bool,
    json: bool,
}

impl WhyArgs {
    /// Finds and explains.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let asker = Asker {
                gateway: &gateway,
                clock: &clock,
                all: self.all,
                json: self.json,
            };
            let found = find(&gateway, &self.id).await?;
            match found.one() {
                Some(hit) => asker.explain(hit, out).await,
                None => found.write(self.json, out),
            }
        })
    }
}

impl Asker<'_> {
    async fn explain(&self, hit: &Hit, out: &mut dyn Write) -> Result<Exit, CliError> {
        match (hit.kind.as_str(), hit.path()) {
            ("event", Some(path)) => self.explain_event(path, out).await?,
            ("delivery" | "attempt", Some(path)) => self.explain_delivery(path, out).await?,
            ("endpoint", Some(path)) => self.explain_endpoint(&hit.id, path, out).await?,
            ("listener", Some(path)) => self.explain_listener(&hit.id, path, out).await?,
            _ if self.json => line(&hit.json, out)?,
            _ => {
                let sentence = terminal::hanging(&hit.summary, 0, terminal::width());
                writeln!(out, "{}\n{sentence}", hit.id)?;
            }
        }
        Ok(Exit::Success)
    }

    async fn explain_delivery(&self, path: &str, out: &mut dyn Write) -> Result<(), CliError> {
        let answer = self.gateway.get(path).await?.granted()?;
        if self.json {
            return Ok(line(&answer.text, out)?);
        }
        let story: deliveries::DeliveryStory = answer.read()?;
        deliveries::write(&story, self.clock.now(), out)?;
        let event = &story.delivery.event.id;
        Ok(writeln!(
            out,
            "\nWhat else came of the event: riposte why {event}"
        )?)
    }
}
