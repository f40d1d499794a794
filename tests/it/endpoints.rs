//! What users do to endpoints and deliveries: pause, disable, delete, test, retry, cancel, redrive.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Hook, Receiver, Setup, attempts, id_of, text};

/// A gateway that tries once, a receiver, and a webhook that is registered there.
async fn story() -> (Gateway, Receiver, Hook) {
    let gateway = Setup::new().retrying("0s").start().await;
    let receiver = Receiver::start().await;
    let hook = gateway.api().registers("a.b", &receiver.url()).await;
    (gateway, receiver, hook)
}

async fn set(api: &Api, hook: &Hook, state: &str) {
    let path = format!("/v1/endpoints/{}", hook.endpoint);
    let changed = api.patch(&path, json!({"state": state})).await.expect(200);
    assert_eq!(changed["state"], state);
}

async fn send(api: &Api) -> String {
    let event = api.sends(json!({"type": "a.b"})).await;
    api.delivery_of(&event).await
}

/// Redrives all dead letters; gives the answer.
async fn redrive(api: &Api, filter: Value) -> Value {
    api.post("/v1/dead-letters/redrive", filter)
        .await
        .expect(200)
}

#[tokio::test]
async fn a_paused_endpoint_holds_everything_until_it_is_resumed() {
    let (gateway, receiver, hook) = story().await;
    let api = gateway.api();
    set(api, &hook, "paused").await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(send(api).await);
    }
    let other = Receiver::start().await;
    api.registers("a.b", &other.url()).await;
    api.sends(json!({"type": "a.b"})).await;
    other.expect_one().await;
    assert_eq!(receiver.received().len(), 0);
    for id in &waiting {
        let delivery = api.delivery(id).await;
        assert_eq!(
            (&delivery["state"], attempts(&delivery).len()),
            (&json!("pending"), 0)
        );
    }
    set(api, &hook, "enabled").await;
    receiver.expect_requests(6).await;
    for id in &waiting {
        api.delivery_becomes(id, "delivered").await;
    }
}

#[tokio::test]
async fn no_attempt_begins_after_a_pause_is_answered() {
    let gateway = Setup::new()
        .with("RIPOSTE_DELIVERY__CONCURRENCY", "4")
        .start()
        .await;
    let api = gateway.api();
    let receiver = Receiver::start().await;
    let hook = api.registers("a.b", &receiver.url()).await;
    receiver.hangs();
    let batch: Vec<_> = (0..50).map(|_| json!({"type": "a.b"})).collect();
    api.post("/v1/events", json!(batch)).await.expect(202);
    receiver.at_least(4).await;
    set(api, &hook, "paused").await;
    receiver.lets_go();
    let quiet = async || match api.stats().await {
        stats if stats["deliveries"]["delivered"] == 4 => Ok(()),
        stats => Err(stats.to_string()),
    };
    crate::support::until("those under way to be recorded", quiet).await;
    assert_eq!(receiver.received().len(), 4);
    set(api, &hook, "enabled").await;
    receiver.expect_requests(50).await;
}

#[tokio::test]
async fn what_is_sent_to_a_disabled_endpoint_is_skipped_with_its_reason() {
    let (gateway, receiver, hook) = story().await;
    let api = gateway.api();
    set(api, &hook, "disabled").await;
    let skipped = api.delivery(&send(api).await).await;
    assert_eq!(skipped["state"], "skipped");
    assert_eq!(skipped["reason"], "endpoint_disabled");
    assert_eq!(api.stats().await["deliveries"]["skipped"], 1);
    set(api, &hook, "enabled").await;
    let delivered = send(api).await;
    api.delivery_becomes(&delivered, "delivered").await;
    assert_eq!(receiver.expect_one().await.id(), delivered);
}

#[tokio::test]
async fn what_waits_for_an_endpoint_that_is_disabled_is_dead_and_comes_home_by_redriving() {
    let (gateway, receiver, hook) = story().await;
    let api = gateway.api();
    set(api, &hook, "paused").await;
    let waiting = [send(api).await, send(api).await];
    set(api, &hook, "disabled").await;
    for id in &waiting {
        let dead = api.delivery_becomes(id, "dead").await;
        assert_eq!(dead["reason"], "endpoint_disabled");
    }
    let refused = redrive(api, json!({"all": true})).await;
    assert_eq!(refused["redriven"], 0, "{refused}");
    assert_eq!(refused["failed"][0]["code"], "endpoint_disabled");
    assert_eq!(api.list("/v1/dead-letters").await.len(), 2);
    set(api, &hook, "enabled").await;
    let redriven = redrive(api, json!({"all": true})).await;
    assert_eq!(redriven["redriven"], 2, "{redriven}");
    receiver.expect_requests(2).await;
    for id in &waiting {
        api.delivery_becomes(id, "delivered").await;
    }
    assert_eq!(api.list("/v1/dead-letters").await.len(), 0);
}

#[tokio::test]
async fn what_waits_for_an_endpoint_that_is_deleted_is_called_off() {
    let (gateway, receiver, hook) = story().await;
    let api = gateway.api();
    set(api, &hook, "paused").await;
    let waiting = send(api).await;
    let path = format!("/v1/endpoints/{}", hook.endpoint);
    api.delete(&path).await.expect(204);
    let cancelled = api.delivery_becomes(&waiting, "cancelled").await;
    assert_eq!(cancelled["reason"], "endpoint_deleted");
    api.get(&path).await.refused(404, "not_found");
    api.get(&format!("{path}/secret"))
        .await
        .refused(404, "not_found");
    api.delete(&path).await.refused(404, "not_found");
    let skipped = api.delivery(&send(api).await).await;
    assert_eq!(skipped["state"], "skipped");
    assert_eq!(skipped["reason"], "endpoint_deleted");
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn dead_letters_come_home_when_the_receiver_is_well_again() {
    let (gateway, receiver, hook) = story().await;
    let api = gateway.api();
    receiver.answers(500);
    let mut dead = Vec::new();
    for _ in 0..4 {
        let id = send(api).await;
        api.delivery_becomes(&id, "dead").await;
        dead.push(id);
    }
    receiver.answers(200);
    let by_endpoint = json!({"endpoint": hook.endpoint});
    assert_eq!(redrive(api, by_endpoint).await["redriven"], 4);
    receiver.expect_requests(8).await;
    for id in &dead {
        let home = api.delivery_becomes(id, "delivered").await;
        assert_eq!(attempts(&home).len(), 2);
    }
    assert_eq!(redrive(api, json!({"all": true})).await["redriven"], 0);
}

#[tokio::test]
async fn a_redriven_delivery_begins_its_schedule_anew() {
    let gateway = Setup::new().retrying("0s,20ms").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    api.registers("a.b", &receiver.url()).await;
    receiver.answers(500);
    let id = send(api).await;
    api.delivery_becomes(&id, "dead").await;
    redrive(api, json!({"all": true})).await;
    receiver.expect_requests(4).await;
    let dead = api.delivery_becomes(&id, "dead").await;
    assert_eq!(attempts(&dead).len(), 4);
}

#[tokio::test]
async fn one_delivery_is_retried_whatever_became_of_it() {
    let (gateway, receiver, hook) = story().await;
    let api = gateway.api();
    let id = send(api).await;
    api.delivery_becomes(&id, "delivered").await;
    let retry = format!("/v1/deliveries/{id}/retry");
    api.post_nothing(&retry).await.expect(202);
    let webhooks = receiver.expect_requests(2).await;
    assert_eq!(webhooks[0].id(), webhooks[1].id());
    api.attempted(&id, 2).await;
    set(api, &hook, "disabled").await;
    api.post_nothing(&retry).await.refused(409, "wrong_state");
}

#[tokio::test]
async fn a_delivery_that_waits_for_its_next_attempt_is_retried_at_once() {
    let gateway = Setup::new().retrying("0s,1h").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    receiver.answers(500).then_answers(200);
    api.registers("a.b", &receiver.url()).await;
    let id = send(api).await;
    api.attempted(&id, 1).await;
    let waiting = api.delivery(&id).await;
    assert_eq!(waiting["state"], "pending");
    assert!(waiting["next_attempt_at"].is_string(), "{waiting}");
    let retry = format!("/v1/deliveries/{id}/retry");
    api.post_nothing(&retry).await.expect(202);
    receiver.expect_requests(2).await;
    api.delivery_becomes(&id, "delivered").await;
}

#[tokio::test]
async fn one_delivery_is_called_off() {
    let (gateway, receiver, hook) = story().await;
    let api = gateway.api();
    set(api, &hook, "paused").await;
    let (wanted, unwanted) = (send(api).await, send(api).await);
    let cancel = format!("/v1/deliveries/{unwanted}/cancel");
    let answer = api.post_nothing(&cancel).await.expect(200);
    assert_eq!(answer["state"], "cancelled", "{answer}");
    set(api, &hook, "enabled").await;
    api.delivery_becomes(&wanted, "delivered").await;
    assert_eq!(receiver.expect_one().await.id(), wanted);
    let cancelled = api.delivery(&unwanted).await;
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["reason"], "requested");
    api.post_nothing(&cancel).await.refused(409, "wrong_state");
}

#[tokio::test]
async fn calling_off_what_is_under_way_lets_it_end_and_begins_no_other() {
    let gateway = Setup::new().retrying("0s,10ms,10ms").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    receiver.hangs();
    let hook = api.registers("a.b", &receiver.url()).await;
    let endpoint = format!("/v1/endpoints/{}", hook.endpoint);
    api.patch(&endpoint, json!({"timeout": "300ms"}))
        .await
        .expect(200);
    let id = send(api).await;
    receiver.expect_requests(1).await;
    let cancel = format!("/v1/deliveries/{id}/cancel");
    let answer = api.post_nothing(&cancel).await.expect(202);
    assert_eq!(answer["state"], "cancelling", "{answer}");
    let cancelled = api.delivery_becomes(&id, "cancelled").await;
    assert_eq!(attempts(&cancelled).len(), 1);
    receiver.expect_requests(1).await;
}

#[tokio::test]
async fn a_discarded_dead_letter_is_one_no_more() {
    let (gateway, receiver, _hook) = story().await;
    let api = gateway.api();
    receiver.answers(500);
    let id = send(api).await;
    api.delivery_becomes(&id, "dead").await;
    let discarded = api
        .post("/v1/dead-letters/discard", json!({"all": true}))
        .await;
    assert_eq!(discarded.expect(200)["discarded"], 1);
    assert_eq!(api.delivery(&id).await["state"], "cancelled");
    assert_eq!(redrive(api, json!({"all": true})).await["redriven"], 0);
    receiver.expect_requests(1).await;
}

#[tokio::test]
async fn a_test_reaches_the_endpoint_past_all_listeners_and_is_tried_once() {
    let gateway = Setup::new().retrying("0s,10ms").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    let hook = api.registers("never.sent", &receiver.url()).await;
    receiver.answers(500);
    let test = format!("/v1/endpoints/{}/test", hook.endpoint);
    let answer = api.post_nothing(&test).await.expect(202);
    let id = text(&answer["delivery"]);
    let webhook = receiver.expect_one().await;
    assert!(webhook.is_signed_with(&hook.secret));
    assert_eq!(webhook.json()["type"], "riposte.endpoint.test");
    let dead = api.delivery_becomes(&id, "dead").await;
    assert_eq!(attempts(&dead).len(), 1);
}

#[tokio::test]
async fn an_endpoint_is_made_changed_and_listed() {
    let gateway = Gateway::start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    let wanted = json!({"name": "CI", "url": receiver.url(), "format": "cloudevents",
        "retry": {"schedule": ["0s", "5s"], "jitter": 0.5}, "timeout": "3s", "concurrency": 2,
        "headers": {"x-team": "web"}});
    let made = api.post("/v1/endpoints", wanted.clone()).await.expect(201);
    for (field, value) in wanted.as_object().expect("an object") {
        assert_eq!(&made[field], value, "{field}");
    }
    let path = format!("/v1/endpoints/{}", id_of(&made));
    let change = json!({"name": null, "timeout": null, "headers": {"x-team": "ops"}});
    let changed = api.patch(&path, change).await.expect(200);
    assert_eq!(changed["name"], Value::Null);
    assert_eq!(changed["timeout"], Value::Null);
    assert_eq!(changed["concurrency"], 2);
    assert_eq!(changed["headers"], json!({"x-team": "ops"}));
    assert_eq!(api.list("/v1/endpoints").await.len(), 1);
    for (wrong, pointer) in [
        (json!({"url": 7}), "/url"),
        (json!({"colour": "red"}), "/colour"),
        (json!({"state": "asleep"}), "/state"),
        (json!({"timeout": "1ms"}), "/timeout"),
        (json!({"concurrency": 0}), "/concurrency"),
        (json!({"headers": {"host": "x"}}), "/headers/host"),
        (json!({"retry": {"schedule": []}}), "/retry/schedule"),
        (json!({"secret": "whsec_x"}), "/secret"),
    ] {
        let answer = api.patch(&path, wrong.clone()).await;
        let problem = answer.refused(422, "invalid");
        assert_eq!(problem.pointer(), Some(pointer), "{wrong}: {}", problem.0);
    }
    api.post("/v1/endpoints", json!({}))
        .await
        .refused(422, "invalid");
}
