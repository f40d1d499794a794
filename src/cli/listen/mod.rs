//! `riposte listen`: webhooks of a gateway, wherever that is, to one's own machine.

mod report;
mod webhook;

use std::io::Write;

use clap::Args;
use tokio::{sync::mpsc, task::JoinSet};
use url::Url;

use self::{
    report::{Came, Report},
    webhook::{Anew, Source},
};
use super::{
    CliError, Exit,
    client::{Gateway, GatewayOptions, Receiver, Taken, block_on},
    follow::{Following, Happening, PATH, Told},
    list::Query,
};
use crate::{
    clock::Clock,
    domain::{chance::Chance, duration::HumanDuration, signature::Secret},
    rules::{Refusal, Rule},
};

const AFTER_HELP: &str = "\
Examples:
  riposte listen --endpoint end_01h455vb4pex5vsknk084sn02q --forward-to http://localhost:3000/hooks
  riposte listen --on 'site.>' --forward-to http://localhost:3000/hooks
  riposte listen --on site.deployed --when '{\"data\": {\"env\": [\"production\"]}}' \\
      --secret whsec_… --forward-to http://localhost:3000/hooks

With --endpoint each request comes as the gateway sent it, with its signature: the endpoint's secret
verifies it. With --on events come as Standard Webhooks, signed with the secret that is shown. Each
is handed over once; what fails is shown. Nothing changes at the gateway. Ctrl-C ends it.

Exit codes:
  0  it was ended
  2  it could not be done";

/// The most webhooks on their way to the receiver at a time.
const MAX_UNDER_WAY: usize = 8;

/// Bring webhooks of a gateway to your own machine.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ListenArgs {
    /// Where webhooks are handed over, for example <http://localhost:3000/hooks>
    #[arg(long, value_name = "URL")]
    forward_to: Url,
    /// What is sent to this endpoint, as it is sent: end_…
    #[arg(long, required_unless_present = "on")]
    endpoint: Option<String>,
    /// Events of this type, with * for one part and a last > for the rest; may be given again
    #[arg(long, value_name = "TYPE", conflicts_with = "endpoint")]
    on: Vec<String>,
    /// Only events that match this pattern, as a listener's `when` is written
    #[arg(long, value_name = "PATTERN", requires = "on")]
    when: Option<String>,
    /// The secret that signs: whsec_…; without it a new one is made and shown
    #[arg(
        long,
        requires = "on",
        env = "RIPOSTE_LISTEN_SECRET",
        hide_env_values = true
    )]
    secret: Option<Secret>,
    /// How long the receiver may take
    #[arg(long, value_name = "DURATION", default_value = "15s")]
    timeout: HumanDuration,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// Why nothing is listened for.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The rule is refused.
    #[error("--on or --when is refused{}: {}", at(.0), .0.message)]
    Rule(Refusal),
    /// It is nowhere that HTTP leads.
    #[error("--forward-to {0}: write it like http://localhost:3000/hooks")]
    Scheme(Url),
}

fn at(refusal: &Refusal) -> String {
    match refusal.pointer.as_str() {
        "" => String::new(),
        pointer => format!(" at {pointer}"),
    }
}

impl ListenArgs {
    /// Listens until it is ended.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let source = self.source()?;
            if !matches!(self.forward_to.scheme(), "http" | "https") {
                return Err(ListenError::Scheme(self.forward_to).into());
            }
            let HumanDuration(timeout) = self.timeout;
            let receiver = Receiver::new(self.forward_to.clone(), timeout, clock.clone())?;
            let following = Following::new(gateway.clone(), clock.clone(), self.path());
            let mut report = Report::new(self.json, out);
            let hands = Hands {
                source,
                gateway,
                receiver,
                clock,
            };
            tokio::select! {
                ended = self.listen(following, hands, &mut report) => ended?,
                // Without signals there is nothing to listen for, and listening goes on.
                Ok(()) = tokio::signal::ctrl_c() => {}
            }
            report.sum_up()?;
            Ok(Exit::Success)
        })
    }

    fn source(&self) -> Result<Source, CliError> {
        if self.on.is_empty() {
            return Ok(Source::AsSent);
        }
        let rule = Rule::parse(&self.on, self.when.as_deref()).map_err(ListenError::Rule)?;
        let given = self.secret.clone();
        let secret = given.unwrap_or_else(|| Secret::generate(&Chance::from_system()));
        Ok(Source::Anew(Box::new(Anew { rule, secret })))
    }

    fn path(&self) -> String {
        let kinds = match self.endpoint {
            Some(_) => "attempt.made",
            None => "event.accepted",
        };
        // Of several types the rule chooses; the stream knows one at a time.
        let one = self.on.first().filter(|_| self.on.len() == 1);
        Query::new(PATH)
            .with("kinds", Some(kinds))
            .with("endpoint", self.endpoint.as_ref())
            .with("type", one)
            .path()
    }

    /// Hands over what comes, a few at a time, and reports what came of it.
    async fn listen(
        &self,
        following: Following,
        hands: Hands,
        report: &mut Report<'_>,
    ) -> Result<(), CliError> {
        // What waits is bounded: if the receiver is slow, so is the reading of the stream.
        let (sender, mut told) = mpsc::channel(MAX_UNDER_WAY);
        let mut reading = JoinSet::new();
        reading.spawn(read(following, sender));
        let mut under_way = JoinSet::new();
        let mut was_open = false;
        loop {
            tokio::select! {
                next = told.recv(), if under_way.len() < MAX_UNDER_WAY => match next {
                    Some(Ok(Told::Happened(_, happening))) => {
                        under_way.spawn(hands.clone().hand(*happening));
                    }
                    Some(Ok(Told::Open)) if !was_open => {
                        was_open = true;
                        report.open(&self.forward_to, &hands.source)?;
                    }
                    Some(Ok(Told::Open)) => {}
                    Some(Err(error)) => return Err(error),
                    Some(Ok(Told::CaughtUp)) | None => return Ok(()),
                },
                Some(came) = under_way.join_next() => {
                    // A panic has been told of already.
                    if let Ok(Some(came)) = came {
                        report.came(&came)?;
                    }
                }
            }
        }
    }
}

/// Reads the stream until nobody hears it any more.
async fn read(mut following: Following, told: mpsc::Sender<Result<Told, CliError>>) {
    loop {
        let next = following.next().await;
        let is_last = !matches!(next, Ok(Told::Open | Told::Happened(..)));
        if told.send(next).await.is_err() || is_last {
            return;
        }
    }
}

/// What it takes to hand webhooks over.
#[derive(Debug, Clone)]
struct Hands {
    source: Source,
    gateway: Gateway,
    receiver: Receiver,
    clock: Clock,
}

impl Hands {
    /// Hands over what belongs to `happening`; none if that is not what is listened for.
    async fn hand(self, happening: Happening) -> Option<Came> {
        let now = self.clock.now();
        let prepared = self.source.prepare(&self.gateway, &happening, now).await;
        let (taken, without) = match prepared.transpose()? {
            Ok(webhook) => {
                let taken = self.receiver.hand(webhook.headers, webhook.body).await;
                (taken, webhook.hidden)
            }
            Err(error) => (Taken::not(error.to_string()), Vec::new()),
        };
        Some(Came::of(&happening, taken, without))
    }
}
