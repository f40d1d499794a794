//! Producers that send the same events to two nodes at once.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::nodes::Nodes;
use crate::support::{Api, Receiver, Setup, text};

/// How often the same events are sent.
const ROUNDS: usize = 12;

/// How many events there are each time.
const EVENTS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_ids_in_opposite_orders_make_one_event_each() {
    let setup = Setup::on_postgres();
    let nodes = Nodes::start_each([&setup, &setup]).await;
    let receiver = Receiver::start().await;
    nodes.api(0).registers("a.b", &receiver.url()).await;
    for round in 0..ROUNDS {
        let up: Vec<_> = (0..EVENTS).collect();
        let down = up.iter().rev().copied().collect::<Vec<_>>();
        let (apis, orders) = ([nodes.api(0), nodes.api(1)], [up, down]);
        let sent = tokio::join!(
            sent(&apis[0], round, &orders[0]),
            sent(&apis[1], round, &orders[1])
        );
        let (first, second) = (sent.0, reversed(sent.1));
        for (one, other) in first.iter().zip(&second) {
            assert_eq!(one["id"], other["id"], "one event for each id");
            let mut both = [text(&one["status"]), text(&other["status"])];
            both.sort();
            assert_eq!(both, ["accepted", "duplicate"], "{one} {other}");
        }
    }
    let stats = nodes.api(0).drained().await;
    assert_eq!(stats["events"], ROUNDS * EVENTS, "{stats}");
    let webhooks = receiver.expect_requests(ROUNDS * EVENTS).await;
    let events: HashSet<_> = webhooks
        .iter()
        .map(|hook| hook.json()["data"].to_string())
        .collect();
    assert_eq!(events.len(), ROUNDS * EVENTS);
}

/// What a node says to events with these numbers.
async fn sent(api: &Api, round: usize, numbers: &[usize]) -> Vec<Value> {
    let event = |number: &usize| {
        let id = format!("{round}-{number}");
        json!({"type": "a.b", "source": "/ci", "id": id, "data": id})
    };
    let batch: Vec<_> = numbers.iter().map(event).collect();
    let answer = api.post("/v1/events", json!(batch)).await.expect(202);
    answer["data"].as_array().expect("results").clone()
}

fn reversed(mut results: Vec<Value>) -> Vec<Value> {
    results.reverse();
    results
}
