//! What is told, in which order, and to whom.

use serde_json::{Value, json};

use crate::support::{Gateway, Message, Receiver, Setup, a_webhook, within};

fn kinds(messages: &[Message]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.event.as_str())
        .collect()
}

#[tokio::test]
async fn an_event_is_followed_from_its_acceptance_to_its_delivery() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let mut stream = gateway.api().follows("").await;
    let event = json!({"type": "a.b", "subject": "site/7", "source": "/ci"});
    let event = gateway.api().sends(event).await;
    let told = stream.take(4).await;
    let expected = [
        "event.accepted",
        "delivery.pending",
        "attempt.made",
        "delivery.delivered",
    ];
    assert_eq!(kinds(&told), expected);
    for message in &told {
        let data = &message.data;
        assert_eq!(data["id"], message.id);
        assert_eq!(data["kind"], message.event);
        assert_eq!(data["event"]["id"], event);
        assert_eq!(data["event"]["type"], "a.b");
        assert_eq!(data["event"]["subject"], "site/7");
    }
    assert_eq!(told[0].data["delivery"], Value::Null);
    let delivery = &told[1].data["delivery"];
    assert_eq!(delivery["state"], "pending");
    assert_eq!(delivery["listener"], hook.listener);
    assert_eq!(delivery["endpoint"]["id"], hook.endpoint);
    let attempt = &told[2].data["attempt"];
    assert_eq!(
        (&attempt["number"], &attempt["status"]),
        (&1.into(), &200.into())
    );
    assert_eq!(attempt["error"], Value::Null);
    assert_eq!(told[3].data["delivery"]["id"], delivery["id"]);
}

#[tokio::test]
async fn retries_dead_letters_redrives_and_discards_are_told() {
    let gateway = Setup::new().retrying("0s,50ms").start().await;
    let receiver = Receiver::start().await;
    receiver.answers(500);
    gateway.api().registers("a.b", &receiver.url()).await;
    let mut stream = gateway
        .api()
        .follows("kinds=attempt.made,delivery.dead")
        .await;
    let event = gateway.api().sends(json!({"type": "a.b"})).await;
    let told = stream.take(3).await;
    assert_eq!(
        kinds(&told),
        ["attempt.made", "attempt.made", "delivery.dead"]
    );
    assert_eq!(told[0].data["attempt"]["error"]["kind"], "status_5xx");
    assert!(told[0].data["attempt"]["next_attempt_at"].is_string());
    assert_eq!(told[1].data["attempt"]["next_attempt_at"], Value::Null);
    assert_eq!(told[2].data["delivery"]["reason"], "attempts_exhausted");

    let delivery = gateway.api().delivery_of(&event).await;
    let mut stream = gateway
        .api()
        .follows("kinds=delivery.pending,delivery.cancelled")
        .await;
    let chosen = json!({"ids": [delivery]});
    gateway.api().redrives(chosen.clone()).await;
    gateway.api().delivery_becomes(&delivery, "dead").await;
    gateway.api().discards(chosen).await;
    let told = stream.take(2).await;
    assert_eq!(kinds(&told), ["delivery.pending", "delivery.cancelled"]);
    assert_eq!(told[1].data["delivery"]["reason"], "discarded");
}

#[tokio::test]
async fn filters_let_through_what_has_all_that_was_asked_for() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let (api, other) = (gateway.api(), Receiver::start().await);
    let others = api.registers("c.>", &other.url()).await;
    let first = api.sends(json!({"type": "a.b"})).await;
    let second = api.sends(json!({"type": "c.d.e"})).await;
    for event in [&first, &second] {
        let delivery = api.delivery_of(event).await;
        api.delivery_becomes(&delivery, "delivered").await;
    }
    for (query, events, count) in [
        (String::new(), vec![&first, &second], 8),
        ("type=a.b".to_owned(), vec![&first], 4),
        ("type=c.*.e".to_owned(), vec![&second], 4),
        ("type=c.*".to_owned(), vec![], 0),
        (format!("endpoint={}", hook.endpoint), vec![&first], 3),
        (format!("listener={}", others.listener), vec![&second], 3),
        (format!("event={second}"), vec![&second], 4),
        (format!("correlation={first}"), vec![&first], 4),
        ("state=delivered".to_owned(), vec![&first, &second], 2),
        (format!("state=delivered&event={first}"), vec![&first], 1),
        (
            "kinds=event.accepted,attempt.made&type=a.b".to_owned(),
            vec![&first],
            2,
        ),
    ] {
        let told = api.happened(&query, None).await;
        assert_eq!(told.len(), count, "{query}: {told:?}");
        let is_meant = |message: &Message| events.iter().any(|event| **event == message.about());
        assert!(told.iter().all(is_meant), "{query}: {told:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused() {
    let gateway = Gateway::start().await;
    for query in [
        "kinds=event",
        "type=a..b",
        "endpoint=7",
        "state=gone",
        "after=7",
        "since=yesterday",
        "after=1-1&since=2026-01-01T00:00:00Z",
        "speed=high",
        "follow=perhaps",
    ] {
        let answer = gateway.api().get(&format!("/v1/stream?{query}")).await;
        answer.refused(400, "bad_parameter");
    }
    let malformed = gateway
        .api()
        .open("/v1/stream", &[("last-event-id", "x")])
        .await;
    assert_eq!(malformed.status(), 400);
}

#[tokio::test]
async fn a_foreign_project_sees_nothing_of_it() {
    let (gateway, _receiver, _hook) = a_webhook().await;
    let stranger = gateway.api().new_project("stranger").await;
    let mut theirs = stranger.follows("").await;
    let event = gateway.api().sends(json!({"type": "a.b"})).await;
    let delivery = gateway.api().delivery_of(&event).await;
    gateway.api().delivery_becomes(&delivery, "delivered").await;
    assert_eq!(stranger.happened("", None).await, []);
    assert_eq!(stranger.happened(&format!("event={event}"), None).await, []);
    let own = stranger.sends(json!({"type": "a.b"})).await;
    let told = theirs.next().await.expect("its own event");
    assert_eq!(told.about(), own);
    let posing = stranger.in_project("default").get("/v1/stream").await;
    posing.refused(404, "not_found");
}

#[tokio::test]
async fn the_platform_sees_the_events_of_others_that_it_delivers() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let platform = gateway.api().in_project("platform");
    platform.registers("a.b", &receiver.url()).await;
    let mut stream = platform.follows("").await;
    let event = gateway.api().sends(json!({"type": "a.b"})).await;
    let told = stream.take(3).await;
    assert_eq!(
        kinds(&told),
        ["delivery.pending", "attempt.made", "delivery.delivered"]
    );
    assert!(
        told.iter().all(|message| message.about() == event),
        "{told:?}"
    );
}

#[tokio::test]
async fn while_nothing_happens_the_stream_says_that_it_is_alive_and_where_it_is() {
    let gateway = Gateway::with("RIPOSTE_STREAM__HEARTBEAT", "100ms")
        .start()
        .await;
    gateway.api().sends(json!({"type": "a.b"})).await;
    let told = gateway.api().happened("", None).await;
    let heartbeat = format!(": all is quiet\nid: {}\n\n", told[0].id);
    let mut stream = gateway.api().open("/v1/stream", &[]).await;
    let mut text = String::new();
    while !text.contains(&heartbeat) {
        let chunk = within("a heartbeat", stream.chunk())
            .await
            .expect("no error");
        text += &String::from_utf8_lossy(&chunk.expect("it goes on"));
    }
}
