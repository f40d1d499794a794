//! Events that give rise to events: what they are made of, where they come from, and where it
//! ends.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, attempts, id_of, text};

/// A listener that emits; gives its id.
async fn emits(api: &Api, on: &str, template: Value) -> String {
    let reaction = json!({"emit": template});
    id_of(&api.listens(&[on], Value::Null, reaction).await)
}

/// The one event of a type.
async fn event_of_type(api: &Api, event_type: &str) -> Value {
    let all = api.list(&format!("/v1/events?type={event_type}")).await;
    assert_eq!(all.len(), 1, "{all:?}");
    let path = format!("/v1/events/{}", id_of(&all[0]));
    api.get(&path).await.expect(200)
}

#[tokio::test]
async fn a_template_takes_values_whole_and_inside_of_texts_and_numbers_by_their_text() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let template = json!({
        "type": "usage.{{ event.data.kind }}", "subject": "site/{{ event.data.site }}",
        "data": {
            "whole": "{{ event.data.nested }}", "exact": "{{ event.data.price }}",
            "huge": "{{ event.data.huge }}", "text": "{{event.data.price}} of {{ event.source }}",
            "flag": "{{ event.data.flag }}", "none": "{{ event.data.none }}", "fixed": 7,
            "braces": "{{ '{{' }}",
        },
    });
    emits(api, "order.paid", template).await;
    let sent = r#"{"type": "order.paid", "source": "/shop", "data": {"kind": "measured", "site": 7,
        "price": 1.10, "huge": 123456789012345678901234567890, "flag": true, "none": null,
        "nested": {"b": [1, 1e2], "a": "\u00e9"}}}"#;
    let json = [("content-type", "application/json")];
    let answer = api
        .call(Method::POST, "/v1/events", &json, sent)
        .await
        .expect(202);
    let parent = id_of(&answer["data"][0]);
    let found = event_of_type(api, "usage.measured").await;
    let shown = api
        .get(&format!("/v1/events/{}", id_of(&found)))
        .await
        .text();
    let data = r#""whole":{"b": [1, 1e2], "a": "\u00e9"},"exact":1.10,"huge":123456789012345678901234567890,"text":"1.10 of /shop","flag":true,"none":null,"fixed":7,"braces":"{{""#;
    assert!(shown.contains(data), "{shown}");
    assert_eq!(found["event"]["subject"], "site/7");
    assert_eq!(found["lineage"]["causation_id"], parent);
}

#[tokio::test]
async fn a_chain_knows_where_it_began_and_how_it_went() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let first = emits(api, "step.one", json!({"type": "step.two"})).await;
    let second = emits(api, "step.two", json!({"type": "step.three"})).await;
    api.registers("step.three", &receiver.url()).await;
    let root = api.sends(json!({"type": "step.one"})).await;
    let two = event_of_type(api, "step.two").await;
    let three = event_of_type(api, "step.three").await;
    let lineage = |causation: &str, hops: usize, listeners: &[&String]| {
        json!({"correlation_id": root, "causation_id": causation, "hops": hops,
            "listeners": listeners})
    };
    assert_eq!(two["lineage"], lineage(&root, 1, &[&first]));
    assert_eq!(
        three["lineage"],
        lineage(&id_of(&two), 2, &[&first, &second])
    );
    assert_eq!(two["source"], format!("/listeners/{first}"));
    assert_eq!(receiver.expect_one().await.json()["type"], "step.three");
    let chain = api.list(&format!("/v1/events?correlation={root}")).await;
    assert_eq!(chain.len(), 3);
    let again = json!({"type": "step.one"});
    assert_ne!(api.sends(again).await, root);
}

#[tokio::test]
async fn a_duplicate_gives_rise_to_nothing() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    emits(api, "a.b", json!({"type": "c.d"})).await;
    let event = json!({"type": "a.b", "id": "7", "source": "/ci"});
    api.sends(event.clone()).await;
    let again = api.post("/v1/events", event).await.expect(202);
    assert_eq!(again["data"][0]["status"], "duplicate");
    event_of_type(api, "c.d").await;
}

#[tokio::test]
async fn a_template_that_fails_is_a_dead_letter_and_the_producer_hears_nothing_of_it() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let template = json!({"type": "usage.measured", "data": {"site": "{{ event.data.site }}"}});
    let listener = emits(api, "a.b", template).await;
    api.registers("usage.measured", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b", "data": {}})).await;
    let id = api.delivery_of(&event).await;
    let dead = api.delivery(&id).await;
    assert_eq!(dead["state"], "dead");
    assert_eq!(dead["reason"], "emit_failed");
    assert_eq!(dead["target"], "emit");
    assert!(text(&dead["detail"]).contains("event.data.site"), "{dead}");
    assert_eq!(attempts(&dead).len(), 0);
    let letters = api.list("/v1/dead-letters").await;
    assert_eq!(text(&letters[0]["id"]), id);

    let all = json!({"all": true});
    let vain = api.redrives(all.clone()).await;
    assert_eq!(vain["outcomes"], json!({"emit_failed": 1}));
    assert!(text(&vain["failures"][0]["detail"]).contains("event.data.site"));
    let mended =
        json!({"reactions": [{"emit": {"type": "usage.measured", "data": {"site": "?"}}}]});
    let path = format!("/v1/listeners/{listener}");
    api.patch(&path, mended).await.expect(200);
    let redriven = api.redrives(all.clone()).await;
    assert_eq!(redriven["outcomes"], json!({"redriven": 1}));
    assert_eq!(api.delivery(&id).await["state"], "delivered");
    assert_eq!(
        receiver.expect_one().await.json()["data"],
        json!({"site": "?"})
    );
    let made = event_of_type(api, "usage.measured").await;
    assert_eq!(made["lineage"]["causation_id"], event);
    assert_eq!(api.redrives(all).await["total"], 0);
    receiver.expect_requests(1).await;
}

#[tokio::test]
async fn a_listener_that_meets_itself_again_is_suppressed() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    api.registers("ping", &receiver.url()).await;
    let ping = emits(api, "ping", json!({"type": "pong"})).await;
    let pong = emits(api, "pong", json!({"type": "ping"})).await;
    let root = api.sends(json!({"type": "ping"})).await;
    let mut chain = api.list(&format!("/v1/events?correlation={root}")).await;
    chain.reverse();
    chain.sort_by_key(|event| event["lineage"]["hops"].as_u64());
    let seen: Vec<_> = chain
        .iter()
        .map(|event| (text(&event["type"]), text(&event["state"])))
        .collect();
    let expected = [
        ("ping", "accepted"),
        ("pong", "accepted"),
        ("ping", "accepted"),
        ("pong", "loop_suppressed"),
    ];
    let expected = expected.map(|(name, state)| (name.to_owned(), state.to_owned()));
    assert_eq!(seen, expected);
    assert_eq!(chain[3]["lineage"]["listeners"], json!([ping, pong, ping]));
    receiver.expect_requests(2).await;
}

#[tokio::test]
async fn a_chain_ends_after_sixteen_hops() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    api.registers("hop.>", &receiver.url()).await;
    for hop in 0..20 {
        let next = json!({"type": format!("hop.n{}", hop + 1)});
        emits(api, &format!("hop.n{hop}"), next).await;
    }
    api.sends(json!({"type": "hop.n0"})).await;
    let last = event_of_type(api, "hop.n16").await;
    assert_eq!(
        (&last["state"], &last["lineage"]["hops"]),
        (&json!("accepted"), &json!(16))
    );
    let beyond = event_of_type(api, "hop.n17").await;
    assert_eq!(beyond["state"], "loop_suppressed");
    let none = api.list("/v1/events?type=hop.n18").await;
    assert_eq!(none.len(), 0);
    let deliveries = api.deliveries(&format!("event={}", id_of(&beyond))).await;
    assert_eq!(deliveries.len(), 0);
    receiver.expect_requests(17).await;
}

#[tokio::test]
async fn an_event_with_very_many_children_is_carried_out_to_the_last() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let reactions: Vec<_> = (0..30)
        .map(|n| json!({"emit": {"type": format!("child.n{n}"), "data": {"n": n}}}))
        .collect();
    for _ in 0..5 {
        let listener = json!({"on": ["parent"], "reactions": reactions});
        api.post("/v1/listeners", listener).await.expect(201);
    }
    let root = api.sends(json!({"type": "parent"})).await;
    api.drained().await;
    let chain = api.list(&format!("/v1/events?correlation={root}")).await;
    assert_eq!(chain.len(), 151);
}
