//! Coming back: nothing is missed, nothing comes twice.

use std::collections::HashMap;

use serde_json::json;

use crate::support::{Api, Gateway, Message, Receiver, a_webhook, text};

/// Sends batches of events, from several producers at a time; gives the names of the events.
async fn under_load(api: &Api) -> Vec<String> {
    let producer = async |name: usize| {
        let mut sent = Vec::new();
        for batch in 0..10 {
            let batch: Vec<_> = (0..10)
                .map(|n| json!({"type": "a.b", "data": [name, batch, n]}))
                .collect();
            let answer = api.post("/v1/events", json!(batch)).await.expect(202);
            let all = answer["data"].as_array().expect("results");
            sent.extend(all.iter().map(|one| text(&one["id"])));
        }
        sent
    };
    let (a, b, c) = tokio::join!(producer(0), producer(1), producer(2));
    [a, b, c].concat()
}

/// How often each event was told to be in each step.
fn steps(messages: &[Message]) -> HashMap<(&str, &str), usize> {
    let mut steps = HashMap::new();
    for message in messages {
        *steps
            .entry((message.about(), message.event.as_str()))
            .or_default() += 1;
    }
    steps
}

#[tokio::test]
async fn whoever_comes_back_after_a_restart_under_load_misses_nothing_and_hears_nothing_twice() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    gateway.api().registers("a.b", &receiver.url()).await;
    let mut stream = gateway.api().follows("").await;
    let (mut sent, mut told) = tokio::join!(under_load(gateway.api()), stream.take(150));
    drop(stream);
    sent.extend(under_load(gateway.api()).await);
    let gateway = gateway.restart().await;
    let api = gateway.api();
    let last = told.last().map(|message| message.id.clone());
    let mut stream = api.resumes("", last.as_deref()).await;
    let (rest, more) = tokio::join!(stream.take(600 * 4 - 150), under_load(api));
    told.extend(rest);
    sent.extend(more);
    api.drained().await;
    let last = told.last().map(|message| message.id.clone());
    told.extend(stream.take(900 * 4 - told.len()).await);
    let steps = steps(&told);
    for event in &sent {
        for step in [
            "event.accepted",
            "delivery.pending",
            "attempt.made",
            "delivery.delivered",
        ] {
            assert_eq!(
                steps.get(&(event.as_str(), step)),
                Some(&1),
                "{event}: {step}"
            );
        }
    }
    let place = |message: &Message| message.id.parse::<riposte::domain::happening::Place>();
    let places = told.iter().map(|message| place(message).expect("a place"));
    assert!(places.is_sorted_by(|one, other| one < other));
    assert_eq!(api.happened("", None).await, told);
    let since = told
        .iter()
        .rposition(|message| Some(&message.id) == last.as_ref());
    let rest = &told[since.expect("it was told") + 1..];
    assert_eq!(api.happened("", last.as_deref()).await, rest);
}

#[tokio::test]
async fn a_stream_begins_where_or_when_it_is_asked_to() {
    let (gateway, _receiver, _hook) = a_webhook().await;
    let api = gateway.api();
    let event = api.sends(json!({"type": "a.b"})).await;
    api.delivery_becomes(&api.delivery_of(&event).await, "delivered")
        .await;
    let all = api.happened("", None).await;
    for (place, message) in all.iter().enumerate() {
        let query = format!("after={}", message.id);
        let mut rest = api
            .follows(&format!("{query}&follow=false"))
            .await
            .rest()
            .await;
        rest.pop();
        assert_eq!(rest, all[place + 1..], "{query}");
    }
    let at = text(&all.last().expect("something").data["at"]);
    let rest = api
        .follows(&format!("since={at}&follow=false"))
        .await
        .rest()
        .await;
    assert!(
        rest.len() > 1 && rest[0].data["at"] == at.as_str(),
        "{rest:?}"
    );
    let rest = api
        .follows("since=2000-01-01T00:00:00Z&follow=false")
        .await
        .rest()
        .await;
    assert_eq!(rest[..all.len()], all);
    let rest = api
        .follows("since=2100-01-01T00:00:00Z&follow=false")
        .await
        .rest()
        .await;
    assert_eq!(rest.len(), 1, "{rest:?}");
}

#[tokio::test]
async fn a_place_that_was_never_there_is_a_gap() {
    let gateway = Gateway::start().await;
    let first = gateway.api().sends(json!({"type": "a.b"})).await;
    let told = gateway.api().happened("", None).await;
    let never = "4611686018427387904-7";
    let mut stream = gateway.api().resumes("", Some(never)).await;
    let gap = stream.next().await.expect("a gap");
    assert_eq!(gap.event, "gap");
    let expected = json!({"reason": "unknown_place", "asked": never, "after": told[0].id});
    assert_eq!(gap.data, expected);
    let second = gateway.api().sends(json!({"type": "a.b"})).await;
    let told = stream.next().await.expect("what is new");
    assert_eq!(told.about(), second);
    assert_ne!(first, second);
}
