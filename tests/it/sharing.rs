//! Nodes that share a database: what is done on one holds on the others, as soon as is said.

use std::time::Duration;

use riposte::{clock::Clock, domain::happening::Place};
use serde_json::{Value, json};

use crate::support::{Api, Gateway, Message, Receiver, Setup, id_of, text, until, until_for};

/// After how long at most a change that was made on one node holds on all.
const HOLDS: Duration = Duration::from_secs(2);

/// Two nodes on one database.
async fn two(setup: Setup) -> (Gateway, Gateway) {
    (setup.clone().start().await, setup.start().await)
}

/// An endpoint that takes one webhook at a time, and events on the second node that wait for it
/// there: the first one is under way, and the receiver hangs. Gives the endpoint, the events and their
/// deliveries.
async fn a_line(
    first: &Api,
    second: &Api,
    receiver: &Receiver,
) -> (String, Vec<String>, Vec<String>) {
    receiver.hangs();
    let endpoint = json!({"url": receiver.url(), "concurrency": 1});
    let endpoint = first.hears_all(endpoint).await;
    let events = stream_of(second, 4).await;
    let mut deliveries = Vec::new();
    for event in &events {
        deliveries.push(second.delivery_of(event).await);
    }
    receiver.expect_requests(1).await;
    (endpoint, events, deliveries)
}

#[tokio::test]
async fn a_pause_on_one_node_holds_on_the_other() {
    let (a, b) = two(Setup::on_postgres()).await;
    let receiver = Receiver::start().await;
    let (endpoint, _, deliveries) = a_line(a.api(), b.api(), &receiver).await;
    a.api().sets(&endpoint, "paused").await;
    Clock::system().sleep(HOLDS).await;
    receiver.lets_go();
    a.api().delivery_becomes(&deliveries[0], "delivered").await;
    let event = b.api().sends(json!({"type": "a.b"})).await;
    let last = b.api().delivery_of(&event).await;
    for delivery in deliveries[1..].iter().chain([&last]) {
        assert_eq!(b.api().delivery(delivery).await["state"], "pending");
    }
    assert_eq!(receiver.received().len(), 1);
    a.api().sets(&endpoint, "enabled").await;
    for delivery in deliveries.iter().chain([&last]) {
        b.api().delivery_becomes(delivery, "delivered").await;
    }
    assert_eq!(receiver.received().len(), 5);
}

#[tokio::test]
async fn what_is_called_off_or_erased_on_one_node_is_taken_from_the_other() {
    let (a, b) = two(Setup::on_postgres()).await;
    let receiver = Receiver::start().await;
    let (_, events, deliveries) = a_line(a.api(), b.api(), &receiver).await;
    let cancel = format!("/v1/deliveries/{}/cancel", deliveries[1]);
    a.api().post_nothing(&cancel).await;
    let erase = format!("/v1/events/{}/erase", events[2]);
    let erased = a.api().post(&erase, json!({"cancel_pending": true})).await;
    erased.expect(200);
    // The receiver hangs still: they are called off without an attempt.
    for delivery in &deliveries[1..3] {
        let cancelled = a.api().delivery_becomes(delivery, "cancelled").await;
        assert_eq!(cancelled["attempts"], json!([]), "{cancelled}");
    }
    receiver.lets_go();
    for delivery in [&deliveries[0], &deliveries[3]] {
        b.api().delivery_becomes(delivery, "delivered").await;
    }
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn a_listener_that_is_made_on_one_node_counts_on_the_other_at_once() {
    let (a, b) = two(Setup::on_postgres()).await;
    let receiver = Receiver::start().await;
    let endpoint = a.api().endpoint(json!({"url": receiver.url()})).await;
    for n in 0..20 {
        let (on, reaction) = (
            format!("a.n{n}"),
            json!({"webhook": {"endpoint": endpoint}}),
        );
        b.api().sends(json!({"type": on})).await;
        let listener = a.api().listens(&[&on], Value::Null, reaction).await;
        let event = b.api().sends(json!({"type": on})).await;
        let delivery = b.api().delivery_of(&event).await;
        let path = format!("/v1/listeners/{}", id_of(&listener));
        a.api().delete(&path).await.expect(204);
        let event = b.api().sends(json!({"type": on})).await;
        let none = b.api().deliveries(&format!("event={event}")).await;
        assert_eq!(none.len(), 0, "{none:?}");
        a.api().delivery_becomes(&delivery, "delivered").await;
    }
    assert_eq!(receiver.received().len(), 20);
}

#[tokio::test]
async fn a_key_that_is_revoked_on_one_node_opens_nothing_on_the_other() {
    let (a, b) = two(Setup::on_postgres()).await;
    let operator = a.api().in_project("default");
    let key = operator.post("/v1/keys", json!({"name": "producer"})).await;
    let key = key.expect(201);
    let producer = b.api().without_key().with_key(&text(&key["key"]));
    producer.sends(json!({"type": "a.b"})).await;
    let path = format!("/v1/keys/{}", id_of(&key));
    operator.delete(&path).await.expect(204);
    let refused = producer.post("/v1/events", json!({"type": "a.b"})).await;
    refused.refused(401, "unauthorized");
}

#[tokio::test]
async fn what_an_operator_opens_on_one_node_is_open_on_the_other() {
    let setup = Setup::on_postgres().without("RIPOSTE_DELIVERY__ALLOW_NETWORKS");
    let (a, b) = two(setup.without("RIPOSTE_DELIVERY__ALLOW_HTTP")).await;
    let receiver = Receiver::start().await;
    let endpoint = json!({"url": receiver.url()});
    let closed = b.api().post("/v1/endpoints", endpoint.clone()).await;
    assert_eq!(closed.status, 422);
    let openings = json!({"openings": {"allow_networks": ["127.0.0.0/8"], "allow_http": true}});
    let opened = a.api().patch("/v1/projects/default", openings).await;
    opened.expect(200);
    let made = until_for(HOLDS, "the endpoint to be let in", async || {
        let made = b.api().post("/v1/endpoints", endpoint.clone()).await;
        match made.status {
            201 => Ok(id_of(&made.json())),
            _ => Err(made.text()),
        }
    })
    .await;
    let reaction = json!({"webhook": {"endpoint": made}});
    a.api().listens(&["a.b"], Value::Null, reaction).await;
    b.api().sends(json!({"type": "a.b"})).await;
    receiver.expect_one().await;
}

/// Sends events, one after the other; gives their names.
async fn stream_of(api: &Api, count: usize) -> Vec<String> {
    let mut sent = Vec::new();
    for n in 0..count {
        sent.push(api.sends(json!({"type": "a.b", "data": n})).await);
    }
    sent
}

/// The events that were accepted, in the order in which that is told.
fn accepted(told: &[Message]) -> Vec<&str> {
    let accepted = told.iter().filter(|told| told.event == "event.accepted");
    accepted.map(Message::about).collect()
}

#[tokio::test]
async fn a_stream_on_one_node_tells_what_happens_on_all() {
    let (a, b) = two(Setup::on_postgres()).await;
    let receiver = Receiver::start().await;
    a.api().registers("a.b", &receiver.url()).await;
    let mut stream = a.api().follows("").await;
    let (by_a, by_b, mut told) = tokio::join!(
        stream_of(a.api(), 30),
        stream_of(b.api(), 30),
        stream.take(100)
    );
    drop(stream);
    // It goes on elsewhere, where it broke off.
    let last = told.last().map(|message| message.id.clone());
    let mut stream = b.api().resumes("", last.as_deref()).await;
    told.extend(stream.take(60 * 4 - 100).await);
    let places = told.iter().map(|told| told.id.parse::<Place>());
    let places: Vec<_> = places.map(|place| place.expect("a place")).collect();
    assert!(places.is_sorted_by(|one, other| one < other));
    for sent in [&by_a, &by_b] {
        let mut heard = accepted(&told);
        heard.retain(|event| sent.iter().any(|sent| sent == event));
        assert_eq!(heard, *sent, "each node's events come in their order");
    }
    for event in by_a.iter().chain(&by_b) {
        let steps = told.iter().filter(|told| told.about() == event);
        let steps: Vec<_> = steps.map(|told| told.event.as_str()).collect();
        assert_eq!(
            steps,
            [
                "event.accepted",
                "delivery.pending",
                "attempt.made",
                "delivery.delivered"
            ]
        );
    }
    until("both nodes to tell the same", async || {
        let (one, other) = (
            a.api().happened("", None).await,
            b.api().happened("", None).await,
        );
        match one == told && other == told {
            true => Ok(()),
            false => Err(format!("{} and {}", one.len(), other.len())),
        }
    })
    .await;
}
