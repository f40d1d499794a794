//! Who waits for what: the endpoints and listeners of the platform and of its customers.

use serde_json::{Value, json};

use super::{
    DemoError,
    cast::{Actor, CHECKED, Customer, MEASURED, PLATFORM, REQUESTED, SUCCEEDED, UPDATED, UPLOADED},
    narrator::Sign,
    receiver::Receiver,
    stage::Stage,
};

/// When webhooks are tried again: what is down for a moment is reached within a second.
const PATIENT: [&str; 5] = ["0s", "300ms", "600ms", "2s", "4s"];

/// When webhooks are tried again that are given up soon, so that the story goes on.
const IMPATIENT: [&str; 3] = ["0s", "150ms", "300ms"];

/// Lets every service and customer wait for what concerns them.
///
/// # Errors
/// If the gateway refuses something, or a receiver cannot listen.
pub async fn wire(stage: &Stage) -> Result<(), DemoError> {
    let town = &stage.town;
    connect_service(stage, &town.sites, &[REQUESTED, UPDATED]).await?;
    connect_service(stage, &town.domains, &[UPLOADED]).await?;
    connect_service(stage, &town.billing, &[MEASURED]).await?;
    for customer in Customer::ALL {
        measure_usage(stage, customer).await?;
        connect_server(stage, customer).await?;
    }
    Ok(())
}

/// A service listens in the project `platform`: it hears the events of every project.
async fn connect_service(stage: &Stage, service: &Receiver, on: &[&str]) -> Result<(), DemoError> {
    service.open().map_err(DemoError::Receiver)?;
    let platform = stage.operator.about(PLATFORM);
    let name = service.actor().name();
    let endpoint = platform
        .make_endpoint(&json!({"name": name, "url": service.url(), "retry": retry(&PATIENT)}))
        .await?;
    service.believe(endpoint.secret()?);
    let reaction = json!({"webhook": {"endpoint": endpoint.id}});
    platform
        .make_listener(&json!({"name": name, "on": on, "reactions": [reaction]}))
        .await?;
    let text = format!("listens for {}, of every project", on.join(" and "));
    stage.tell(service.actor(), Sign::Does, text);
    Ok(())
}

/// A listener of the customer's own makes another event of each one it hears.
async fn measure_usage(stage: &Stage, customer: Customer) -> Result<(), DemoError> {
    let usage = json!({"emit": {
        "type": MEASURED,
        "subject": "{{ event.subject }}",
        "data": {
            "customer": "{{ event.data.customer }}",
            "site": "{{ event.data.site }}",
            "records": "{{ event.data.records }}",
        },
    }});
    let listener = json!({"name": "Measure usage", "on": [UPDATED], "reactions": [usage]});
    stage.customer(customer).make_listener(&listener).await?;
    let text = format!("has a listener emit {MEASURED} on {UPDATED}");
    stage.tell(Actor::Customer(customer), Sign::Does, text);
    Ok(())
}

/// One request registers a webhook. Globex gives up soon, and its server is down.
async fn connect_server(stage: &Stage, customer: Customer) -> Result<(), DemoError> {
    let server = stage.town.server(customer);
    let schedule = match customer {
        Customer::Acme => retry(&PATIENT),
        Customer::Globex => retry(&IMPATIENT),
    };
    let reaction = json!({"webhook": {"url": server.url(), "retry": schedule}});
    let listener = json!({
        "name": "Tell our server how deploys end",
        "on": [SUCCEEDED, "site.deploy.failed"],
        "reactions": [reaction],
    });
    let endpoint = stage.customer(customer).make_listener(&listener).await?;
    let endpoint = endpoint.ok_or_else(|| {
        DemoError::unexpected("make a listener", &"the endpoint is not in the answer")
    })?;
    server.believe(endpoint.secret()?);
    let text = format!("registers {} for {SUCCEEDED} or failed", server.url());
    stage.tell(Actor::Customer(customer), Sign::Does, text);
    match customer {
        Customer::Acme => server.open().map_err(DemoError::Receiver),
        Customer::Globex => Ok(()),
    }
}

/// A listener that is a mistake: it answers an event with the same event.
pub async fn answer_itself(stage: &Stage, customer: Customer) -> Result<(), DemoError> {
    let again = json!({"emit": {"type": CHECKED, "data": "{{ event.data }}"}});
    let listener = json!({"name": "Check again", "on": [CHECKED], "reactions": [again]});
    stage.customer(customer).make_listener(&listener).await?;
    Ok(())
}

fn retry(schedule: &[&str]) -> Value {
    json!({"schedule": schedule, "jitter": 0})
}
