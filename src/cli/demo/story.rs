//! The story: a platform for web hosting, its services and two of its customers. Every part waits
//! for what the receivers see and what the gateway's API says.

use futures_util::future::try_join_all;
use serde_json::json;

use super::{
    DemoError,
    cast::{Actor, CHECKED, Customer, Deploy, MEASURED, REQUESTED, SUCCEEDED},
    figures::Figures,
    narrator::Sign,
    rest::{Delivery, Event},
    stage::{Stage, projects},
    wiring::{answer_itself, wire},
};
use crate::domain::{delivery::DeliveryState, event::EventState};

/// How many deploys each customer starts in a busy moment.
const RUSH: u32 = 20;

/// Plays the whole story; gives its figures.
///
/// # Errors
/// If the gateway refuses something, or something is not as it should be.
pub async fn play(stage: &Stage) -> Result<Figures, DemoError> {
    let begin = stage.clock.elapsed();
    set_the_stage(stage).await?;
    deploy_with_a_restart(stage).await?;
    deploy_to_a_server_that_is_down(stage).await?;
    bring_it_home(stage).await?;
    suppress_a_loop(stage).await?;
    let busy_from = stage.clock.now();
    rush(stage).await?;
    settle(stage).await?;
    compare_what_was_heard(stage)?;
    Figures::gather(stage, stage.clock.elapsed() - begin, busy_from).await
}

async fn set_the_stage(stage: &Stage) -> Result<(), DemoError> {
    stage.narrator.act("Who waits for what");
    let text = "makes each customer a project and a key, opens 127.0.0.1 to webhooks";
    stage.tell(Actor::Operator, Sign::Does, text);
    wire(stage).await
}

async fn deploy_with_a_restart(stage: &Stage) -> Result<(), DemoError> {
    let title = "Acme deploys its shop, while the domains service is being restarted";
    stage.narrator.act(title);
    stage.town.domains.inbox().refuse(2);
    let deploy = Deploy::new(Customer::Acme, "shop.acme.example", 3);
    start(stage, &deploy).await?;
    finish(stage, &deploy).await?;
    let text = "each service knew its own part; the gateway led them from one to the next";
    stage.tell(Actor::Gateway, Sign::Good, text);
    Ok(())
}

async fn deploy_to_a_server_that_is_down(stage: &Stage) -> Result<(), DemoError> {
    let title = "Globex deploys its blog, but the server that wants to hear of it is down";
    stage.narrator.act(title);
    start(stage, &globex_blog()).await?;
    let letter = dead_letter(stage).await?;
    let reason = letter.reason.unwrap_or_default();
    let text = format!("{} is a dead letter ({reason})", letter.id);
    stage.tell(Actor::Gateway, Sign::Bad, text);
    stage.tell(Actor::Gateway, Sign::Does, letter.summary);
    Ok(())
}

async fn dead_letter(stage: &Stage) -> Result<Delivery, DemoError> {
    let globex = stage.customer(Customer::Globex);
    let what = "the webhook to the server that is down to become a dead letter";
    let look = async || Ok(globex.deliveries(DeliveryState::Dead).await?.pop());
    stage.until(what, look).await
}

async fn bring_it_home(stage: &Stage) -> Result<(), DemoError> {
    stage.narrator.act("The server comes back");
    let (globex, server) = (Actor::Customer(Customer::Globex), &stage.town.globex);
    server.open().map_err(DemoError::Receiver)?;
    stage.tell(server.actor(), Sign::Does, "takes connections again");
    let rest = stage.customer(Customer::Globex);
    // Told before it is asked for: the webhook may come home before the job says that it is done.
    stage.tell(globex, Sign::Does, "redrives its dead letters");
    let job = rest.redrive().await?;
    let look = async || rest.redriven(&job).await;
    let redriven = stage.until("the dead letters to be redriven", look).await?;
    let text = format!("{redriven} of them is on its way again");
    stage.tell(Actor::Gateway, Sign::Does, text);
    finish(stage, &globex_blog()).await
}

async fn suppress_a_loop(stage: &Stage) -> Result<(), DemoError> {
    stage.narrator.act("Acme makes a mistake");
    let (acme, rest) = (
        Actor::Customer(Customer::Acme),
        stage.customer(Customer::Acme),
    );
    answer_itself(stage, Customer::Acme).await?;
    let text = format!("has a listener emit {CHECKED} on {CHECKED}: that would never end");
    stage.tell(acme, Sign::Does, text);
    let deploy = Deploy::new(Customer::Acme, "shop.acme.example", 3);
    send(stage, CHECKED, &deploy).await?;
    let events = rest.events().await?;
    let is_loop = |event: &&Event| event.state == EventState::LoopSuppressed;
    let suppressed = events.iter().filter(is_loop).count();
    holds(suppressed == 1, || {
        format!("{suppressed} events were suppressed as a loop, not 1")
    })?;
    let text = "the listener met itself: the event is kept as loop_suppressed, nothing follows";
    stage.tell(Actor::Gateway, Sign::Good, text);
    Ok(())
}

async fn rush(stage: &Stage) -> Result<(), DemoError> {
    let title = format!("A busy moment: both customers deploy {RUSH} sites at once");
    stage.narrator.act(title);
    stage.narrator.hush(true);
    let deploys: Vec<_> = (1..=RUSH)
        .flat_map(|site| Customer::ALL.map(|customer| nth_deploy(customer, site)))
        .collect();
    let begin = stage.clock.elapsed();
    try_join_all(deploys.iter().map(|deploy| start(stage, deploy))).await?;
    for deploy in &deploys {
        finish(stage, deploy).await?;
    }
    stage.narrator.hush(false);
    let took = (stage.clock.elapsed() - begin).as_secs_f64();
    let text = format!(
        "all {} deploys are done, step by step, {took:.1} s after the first began",
        deploys.len()
    );
    stage.tell(Actor::Gateway, Sign::Good, text);
    Ok(())
}

fn nth_deploy(customer: Customer, nth: u32) -> Deploy {
    Deploy::new(
        customer,
        format!("site-{nth}.{}.example", customer.name()),
        1,
    )
}

fn globex_blog() -> Deploy {
    Deploy::new(Customer::Globex, "blog.globex.example", 8)
}

/// The customer's CI asks for a deploy.
async fn start(stage: &Stage, deploy: &Deploy) -> Result<(), DemoError> {
    let note = format!("of {}, version {}", deploy.site, deploy.version);
    let actor = Actor::Customer(deploy.customer);
    stage
        .narrator
        .tell_event(actor, Sign::Sends, REQUESTED, &note);
    send(stage, REQUESTED, deploy).await
}

async fn send(stage: &Stage, event_type: &str, deploy: &Deploy) -> Result<(), DemoError> {
    let Deploy {
        customer,
        site,
        version,
    } = deploy;
    let event = json!({
        "type": event_type,
        // Should the gateway be too busy and be asked again, it is the same event still.
        "id": format!("{event_type}/{site}/{version}"),
        "subject": site,
        "data": {"customer": customer.name(), "site": site, "version": version},
    });
    stage.customer(*customer).send(&event).await
}

/// Waits until the customer's own server has heard that the deploy succeeded, and billing of what
/// it used.
async fn finish(stage: &Stage, deploy: &Deploy) -> Result<(), DemoError> {
    let town = &stage.town;
    for (receiver, event_type) in [
        (town.server(deploy.customer), SUCCEEDED),
        (&town.billing, MEASURED),
    ] {
        let name = receiver.actor().name();
        let what = format!("{name} to hear {event_type} of {}", deploy.site);
        let look = async || Ok(receiver.took(event_type, &deploy.site));
        stage.until(what, look).await?;
    }
    Ok(())
}

/// Waits until the gateway has written down that everything has come home.
async fn settle(stage: &Stage) -> Result<(), DemoError> {
    for project in projects() {
        let rest = stage.operator.about(project);
        let what = format!("nothing of {project} to be pending any more");
        let look = async || {
            let pending = rest
                .stats()
                .await?
                .deliveries
                .get(&DeliveryState::Pending)
                .copied();
            Ok((pending == Some(0)).then_some(()))
        };
        stage.until(what, look).await?;
    }
    Ok(())
}

/// Services hear of every customer, a customer hears what is its own.
fn compare_what_was_heard(stage: &Stage) -> Result<(), DemoError> {
    for receiver in stage.town.all() {
        let memory = receiver.inbox().memory();
        let name = receiver.actor().name();
        let forged = memory.forged;
        holds(forged == 0, || {
            format!("{forged} signatures were wrong at {name}")
        })?;
        for customer in Customer::ALL {
            let hears = match receiver.actor() {
                Actor::Server(own) => own == customer,
                _ => true,
            };
            let customer = customer.name();
            let heard = memory
                .taken
                .iter()
                .any(|webhook| webhook.data.customer == customer);
            holds(heard == hears, || {
                format!("{name} heard the wrong events of {customer}")
            })?;
        }
    }
    Ok(())
}

fn holds(it: bool, otherwise: impl FnOnce() -> String) -> Result<(), DemoError> {
    match it {
        true => Ok(()),
        false => Err(DemoError::Untrue(otherwise())),
    }
}
