//! Nodes that share a PostgreSQL database: leases that run out, and clocks that are wrong.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Api, Gateway, Receiver, Setup, Time, id_of,
    postgres::{Database, tamper},
    text, until,
};

/// A little longer than a lease.
const A_LEASE: Duration = Duration::from_secs(11);

const HOUR: i64 = 3_600_000;

/// A node on `database`, by the clock of a machine of its own.
async fn node(database: &Database, time: &Time) -> Gateway {
    let setup = Setup::at(database.url()).retrying("0s,400ms");
    setup.start_by(time.clock()).await
}

/// A setup has an operator of its own; so has each node here.
async fn nodes(api: &Api) -> Vec<Value> {
    let answer = api.get("/v1/nodes").await.expect(200);
    answer["data"].as_array().expect("nodes").clone()
}

async fn until_epoch(api: &Api, node: &str, epoch: u64) {
    let look = async || {
        let nodes = nodes(api).await;
        let found = nodes.iter().find(|it| it["id"] == node);
        match found {
            Some(found) if found["epoch"] == epoch && found["state"] == "live" => Ok(()),
            _ => Err(format!("{nodes:?}")),
        }
    };
    until(format!("epoch {epoch} of {node}"), look).await;
}

/// An endpoint with room for one request at a time, whose receiver holds the first of three.
async fn one_leaves_and_two_wait(api: &Api, receiver: &Receiver) -> Vec<String> {
    receiver.hangs();
    let endpoint = json!({"url": receiver.url(), "concurrency": 1});
    api.hears_all(endpoint).await;
    let mut deliveries = Vec::new();
    for _ in 0..3 {
        let event = api.sends(json!({"type": "a.b"})).await;
        deliveries.push(api.delivery_of(&event).await);
    }
    receiver.at_least(1).await;
    deliveries
}

async fn until_delivered(api: &Api, deliveries: &[String]) {
    for delivery in deliveries {
        let path = format!("/v1/deliveries/{delivery}");
        let look = async || match api.get(&path).await.expect(200) {
            found if found["state"] == "delivered" => Ok(()),
            found => Err(found.to_string()),
        };
        until(format!("{delivery} to be delivered"), look).await;
    }
}

/// How often each of `deliveries` has come.
fn times(receiver: &Receiver, deliveries: &[String]) -> Vec<usize> {
    let received = receiver.received();
    let times = deliveries.iter().map(|delivery| {
        let same = received.iter().filter(|webhook| webhook.id() == delivery);
        same.count()
    });
    times.collect()
}

#[tokio::test]
async fn a_node_that_was_stopped_sends_nothing_that_is_no_longer_its_own() {
    let database = Database::new();
    let (time, others_time) = (Time::ahead_by(0), Time::ahead_by(0));
    let stopped = node(&database, &time).await;
    let own = text(&nodes(stopped.api()).await[0]["id"]);
    let receiver = Receiver::start().await;
    let deliveries = one_leaves_and_two_wait(stopped.api(), &receiver).await;
    let other = node(&database, &others_time).await;
    until("both nodes to know who leads", async || {
        let nodes = nodes(other.api()).await;
        (nodes.len() == 2).then_some(()).ok_or(format!("{nodes:?}"))
    })
    .await;

    // Longer than a lease passes for all: one is stopped, the other one hears nothing of it.
    time.stops();
    time.sleeps_for(A_LEASE);
    let look = async || {
        let run_out = format!("UPDATE nodes SET lease_until = 0 WHERE id = '{own}'");
        tamper(database.url(), &run_out).await;
        others_time.sleeps_for(A_LEASE);
        let nodes = nodes(other.api()).await;
        let lost = nodes.iter().any(|node| node["state"] == "lost");
        lost.then_some(()).ok_or(format!("{nodes:?}"))
    };
    until("the stopped node to be declared lost", look).await;
    // The other node has its one request under way, and two wait there.
    receiver.at_least(2).await;

    // What was under way is answered, and its slot is free: what waits must not leave.
    receiver.lets_go();
    until_delivered(other.api(), &deliveries).await;
    assert_eq!(times(&receiver, &deliveries), [2, 1, 1]);
    time.goes_on();
    until_epoch(other.api(), &own, 2).await;
    let event = stopped.api().sends(json!({"type": "a.b"})).await;
    let again = stopped.api().delivery_of(&event).await;
    until_delivered(stopped.api(), &[again]).await;
    assert_eq!(times(&receiver, &deliveries), [2, 1, 1]);
}

#[tokio::test]
async fn a_node_whose_lease_has_run_out_and_is_still_its_own_goes_on_where_it_was() {
    let database = Database::new();
    let time = Time::ahead_by(0);
    let alone = node(&database, &time).await;
    let receiver = Receiver::start().await;
    let deliveries = one_leaves_and_two_wait(alone.api(), &receiver).await;
    time.stops();
    time.sleeps_for(A_LEASE);
    receiver.lets_go();
    // The first one is recorded without any timer; the others wait for the lease.
    until_delivered(alone.api(), &deliveries[..1]).await;
    let event = alone.api().sends(json!({"type": "a.b"})).await;
    let late = alone.api().delivery_of(&event).await;
    assert_eq!(
        receiver.received().len(),
        1,
        "nothing leaves without a lease"
    );
    time.goes_on();
    until_delivered(alone.api(), &[&deliveries[..], &[late]].concat()).await;
    let nodes = nodes(alone.api()).await;
    assert_eq!((nodes.len(), &nodes[0]["epoch"]), (1, &json!(1)));
    assert_eq!(times(&receiver, &deliveries), [1, 1, 1]);
}

#[tokio::test]
async fn nodes_whose_clocks_are_an_hour_off_send_neither_early_nor_late() {
    let database = Database::new();
    let (early, late) = (Time::ahead_by(HOUR), Time::ahead_by(-HOUR));
    let (early, late) = (node(&database, &early).await, node(&database, &late).await);
    let (failing, flaky) = (Receiver::start().await, Receiver::start().await);
    failing.answers(500);
    let endpoint = json!({"url": failing.url(), "retry": {"schedule": ["0s", "30s"]}});
    early.api().hears_all(endpoint).await;
    flaky.answers(500).then_answers(200);
    early.api().hears_all(json!({"url": flaky.url()})).await;

    // Each node sees to a retry that is due soon, and to none that is not.
    for node in [&late, &early] {
        flaky.answers(500).then_answers(200);
        let before = flaky.received().len();
        node.api().sends(json!({"type": "a.b"})).await;
        flaky.at_least(before + 2).await;
    }
    assert_eq!(
        failing.at_least(2).await.len(),
        2,
        "one attempt of each event"
    );
    for webhook in failing.received().iter().chain(&flaky.received()) {
        let signed = webhook.header("webhook-timestamp").expect("a time");
        let signed: i64 = signed.parse().expect("seconds");
        let off = signed - webhook.at.as_seconds();
        assert!(off.abs() <= 5, "signed {off} s from when it came");
    }
    for node in nodes(late.api()).await {
        let ahead = node["clock_ahead_ms"].as_i64().expect("a number");
        assert!((ahead.abs() - HOUR).abs() < 60_000, "{node}");
    }
    assert_eq!(
        id_of(&nodes(late.api()).await[0]),
        id_of(&nodes(early.api()).await[0])
    );
}
