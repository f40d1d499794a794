//! What users do to endpoints: make, change, pause, disable, delete, test.

use serde_json::{Value, json};

use crate::support::{Gateway, Receiver, Setup, a_webhook, attempts, id_of, text};

#[tokio::test]
async fn a_paused_endpoint_holds_everything_until_it_is_resumed() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    api.sets(&hook.endpoint, "paused").await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(api.delivery_of_new().await);
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
    api.sets(&hook.endpoint, "enabled").await;
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
    api.sets(&hook.endpoint, "paused").await;
    receiver.lets_go();
    let quiet = async || match api.stats().await {
        stats if stats["deliveries"]["delivered"] == 4 => Ok(()),
        stats => Err(stats.to_string()),
    };
    crate::support::until("those under way to be recorded", quiet).await;
    assert_eq!(receiver.received().len(), 4);
    api.sets(&hook.endpoint, "enabled").await;
    receiver.expect_requests(50).await;
}

#[tokio::test]
async fn what_is_sent_to_a_disabled_endpoint_is_skipped_with_its_reason() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    api.sets(&hook.endpoint, "disabled").await;
    let skipped = api.delivery(&api.delivery_of_new().await).await;
    assert_eq!(skipped["state"], "skipped");
    assert_eq!(skipped["reason"], "endpoint_disabled");
    assert_eq!(api.stats().await["deliveries"]["skipped"], 1);
    api.sets(&hook.endpoint, "enabled").await;
    let delivered = api.delivery_of_new().await;
    api.delivery_becomes(&delivered, "delivered").await;
    assert_eq!(receiver.expect_one().await.id(), delivered);
}

#[tokio::test]
async fn what_waits_for_an_endpoint_that_is_disabled_is_dead_and_comes_home_by_redriving() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    api.sets(&hook.endpoint, "paused").await;
    let waiting = [api.delivery_of_new().await, api.delivery_of_new().await];
    api.sets(&hook.endpoint, "disabled").await;
    for id in &waiting {
        let dead = api.delivery_becomes(id, "dead").await;
        assert_eq!(dead["reason"], "endpoint_disabled");
    }
    let refused = api.redrives(json!({"all": true})).await;
    assert_eq!(refused["outcomes"], json!({"endpoint_disabled": 2}));
    assert_eq!(refused["failures"][0]["code"], "endpoint_disabled");
    assert_eq!(api.list("/v1/dead-letters").await.len(), 2);
    api.sets(&hook.endpoint, "enabled").await;
    let redriven = api.redrives(json!({"all": true})).await;
    assert_eq!(redriven["outcomes"], json!({"redriven": 2}));
    receiver.expect_requests(2).await;
    for id in &waiting {
        api.delivery_becomes(id, "delivered").await;
    }
    assert_eq!(api.list("/v1/dead-letters").await.len(), 0);
}

#[tokio::test]
async fn what_waits_for_an_endpoint_that_is_deleted_is_called_off() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    api.sets(&hook.endpoint, "paused").await;
    let waiting = api.delivery_of_new().await;
    let path = format!("/v1/endpoints/{}", hook.endpoint);
    api.delete(&path).await.expect(204);
    let cancelled = api.delivery_becomes(&waiting, "cancelled").await;
    assert_eq!(cancelled["reason"], "endpoint_deleted");
    api.get(&path).await.refused(404, "not_found");
    api.get(&format!("{path}/secret"))
        .await
        .refused(404, "not_found");
    api.delete(&path).await.refused(404, "not_found");
    let skipped = api.delivery(&api.delivery_of_new().await).await;
    assert_eq!(skipped["state"], "skipped");
    assert_eq!(skipped["reason"], "endpoint_deleted");
    assert_eq!(receiver.received().len(), 0);
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
        "connect_timeout": "500ms", "final_statuses": [404, "5xx"],
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
        (json!({"connect_timeout": "0s"}), "/connect_timeout"),
        (json!({"timeout": "400ms"}), "/timeout"),
        (json!({"final_statuses": ["2xx"]}), "/final_statuses/0"),
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

#[tokio::test]
async fn an_endpoint_says_how_it_fares() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let path = format!("/v1/endpoints/{}/stats", hook.endpoint);
    let before = api.get(&path).await.expect(200);
    assert_eq!(
        (&before["last_success"], &before["last_failure"]),
        (&Value::Null, &Value::Null)
    );
    receiver.answers(503);
    let dead = api.delivery_of_new().await;
    api.delivery_becomes(&dead, "dead").await;
    receiver.answers(200);
    let delivered = [api.delivery_of_new().await, api.delivery_of_new().await];
    for id in &delivered {
        api.delivery_becomes(id, "delivered").await;
    }
    api.sets(&hook.endpoint, "paused").await;
    api.delivery_of_new().await;
    let stats = api.get(&path).await.expect(200);
    let ended = json!({"succeeded": 2, "failed": 1, "is_complete": true});
    assert_eq!((&stats["last_hour"], &stats["last_day"]), (&ended, &ended));
    let queue = json!({"pending": 1, "due": 0, "late": 0, "held": 1, "oldest_due_at": null,
        "is_complete": true});
    assert_eq!(stats["queue"], queue);
    let (success, failure) = (&stats["last_success"], &stats["last_failure"]);
    let last = &api.list("/v1/attempts?outcome=succeeded").await[0];
    assert_eq!(success["at"], last["started_at"]);
    assert_eq!(success["delivery"], last["delivery"]);
    assert_eq!(failure["delivery"], dead.as_str());
    assert_eq!(failure["error_kind"], "status_5xx");
    assert_eq!(failure["status"], 503);
    let endpoint = api.get(&format!("/v1/endpoints/{}", hook.endpoint)).await;
    let endpoint = endpoint.expect(200);
    for field in ["state", "state_reason", "state_since"] {
        assert_eq!(stats[field], endpoint[field], "{field}");
    }
    assert_eq!(
        (&stats["state"], &stats["scanned_until"]),
        (&json!("paused"), &Value::Null)
    );
}
