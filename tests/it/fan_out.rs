//! One event that very many listeners wait for.

use std::collections::HashSet;

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, Setup, text};

/// More than one transaction takes.
const LISTENERS: usize = 1_500;

/// Makes so many listeners on `fan.out`, all with a webhook to `url`.
async fn listeners(api: &Api, url: &str) {
    let endpoint = api.endpoint(json!({"url": url, "concurrency": 64})).await;
    let one = async |_| {
        let reaction = json!({"webhook": {"endpoint": endpoint}});
        api.listens(&["fan.out"], Value::Null, reaction).await;
    };
    let all = stream::iter(0..LISTENERS).map(one).buffer_unordered(32);
    assert_eq!(all.count().await, LISTENERS);
}

/// That each listener has exactly one delivery of the event, and each has arrived.
async fn exactly_one_each(api: &Api, event: &str) {
    let stats = api.drained().await;
    assert_eq!(stats["deliveries"]["delivered"], LISTENERS, "{stats}");
    let all = api.deliveries(&format!("event={event}")).await;
    let listeners: HashSet<_> = all
        .iter()
        .map(|delivery| text(&delivery["cause"]["listener"]))
        .collect();
    assert_eq!((all.len(), listeners.len()), (LISTENERS, LISTENERS));
}

fn different(receiver: &Receiver) -> HashSet<String> {
    let received = receiver.received();
    received
        .iter()
        .map(|webhook| webhook.id().to_owned())
        .collect()
}

#[tokio::test]
async fn every_one_of_very_many_listeners_is_served_once() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    listeners(api, &receiver.url()).await;
    let event = api.sends(json!({"type": "fan.out"})).await;
    exactly_one_each(api, &event).await;
    assert_eq!(receiver.received().len(), LISTENERS);
    assert_eq!(different(&receiver).len(), LISTENERS);
}

#[tokio::test]
async fn a_restart_in_the_middle_changes_nothing() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    listeners(gateway.api(), &receiver.url()).await;
    let event = gateway.api().sends(json!({"type": "fan.out"})).await;
    let gateway = gateway.restart().await;
    exactly_one_each(gateway.api(), &event).await;
    assert_eq!(different(&receiver).len(), LISTENERS);
    assert_eq!(receiver.received().len(), LISTENERS);
}

#[tokio::test]
async fn kill_9_in_the_middle_loses_and_doubles_no_delivery() {
    let receiver = Receiver::start().await;
    let program = Setup::new().run().await;
    listeners(&program.api(), &receiver.url()).await;
    let event = program.api().sends(json!({"type": "fan.out"})).await;
    let program = program.kill().run().await;
    exactly_one_each(&program.api(), &event).await;
    assert_eq!(different(&receiver).len(), LISTENERS);
    let repeated = receiver.received().len() - LISTENERS;
    assert!(
        repeated <= 64,
        "{repeated} were repeated, but 64 at most were under way"
    );
}

#[tokio::test]
async fn rules_that_change_meanwhile_do_not_change_what_the_event_has_met() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    listeners(api, &receiver.url()).await;
    let event = api.sends(json!({"type": "fan.out"})).await;
    let newest = api.get("/v1/listeners?limit=50").await.expect(200);
    let newest = newest["data"].as_array().expect("listeners");
    for listener in newest {
        let path = format!("/v1/listeners/{}", text(&listener["id"]));
        api.delete(&path).await.expect(204);
    }
    exactly_one_each(api, &event).await;
}
