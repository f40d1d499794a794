//! What fails is tried again until it is taken, and given up when the policy says so.

use serde_json::json;

use crate::support::{Gateway, Receiver, Setup, attempts, text};

/// A gateway that tries again soon: three attempts in all.
async fn hasty() -> Gateway {
    Setup::new().retrying("0s,50ms,50ms").start().await
}

#[tokio::test]
async fn what_fails_is_tried_again_and_every_attempt_can_be_looked_at() {
    let (gateway, receiver) = (hasty().await, Receiver::start().await);
    let api = gateway.api();
    receiver
        .answers_with(500, &[("x-why", "broken")], "it is broken")
        .then_answers(302)
        .then_answers(204);
    let hook = api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let webhooks = receiver.expect_requests(3).await;
    for webhook in &webhooks {
        assert_eq!(webhook.id(), webhooks[0].id());
        assert_eq!(webhook.body, webhooks[0].body);
        assert!(webhook.is_signed_with(&hook.secret));
    }
    let id = api.delivery_of(&event).await;
    let delivery = api.delivery_becomes(&id, "delivered").await;
    let attempts = attempts(&delivery);
    assert_eq!(attempts.len(), 3);
    for (attempt, (number, status, kind)) in attempts.iter().zip([
        (1, 500, Some("status_5xx")),
        (2, 302, Some("redirect")),
        (3, 204, None),
    ]) {
        assert_eq!(attempt["number"], number);
        assert_eq!(attempt["response"]["status"], status);
        assert_eq!(attempt["error"]["kind"].as_str(), kind);
        assert_eq!(attempt["request"]["url"], receiver.url());
        assert!(
            text(&attempt["request"]["address"]).starts_with("127.0.0.1:"),
            "{attempt}"
        );
        assert!(attempt["duration_ms"].is_u64(), "{attempt}");
        let sent = attempt["request"]["headers"].to_string();
        let signature = webhooks[number - 1]
            .header("webhook-signature")
            .expect("one");
        assert!(sent.contains(signature), "{sent}");
    }
    let first = attempts[0]["response"].to_string();
    assert!(
        first.contains("it is broken") && first.contains("x-why"),
        "{first}"
    );
}

#[tokio::test]
async fn a_receiver_that_is_down_is_tried_until_it_is_up() {
    let gateway = Setup::new().retrying("0s,100ms,100ms,100ms,100ms,100ms,100ms,100ms,100ms,100ms");
    let gateway = gateway.start().await;
    let api = gateway.api();
    let mut receiver = Receiver::down().await;
    api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let id = api.delivery_of(&event).await;
    let refused = api.attempted(&id, 1).await;
    assert_eq!(refused[0]["error"]["kind"], "connect_refused");
    receiver.comes_up();
    receiver.expect_one().await;
    api.delivery_becomes(&id, "delivered").await;
}

#[tokio::test]
async fn a_delivery_is_dead_when_the_schedule_is_used_up() {
    let (gateway, receiver) = (hasty().await, Receiver::start().await);
    let api = gateway.api();
    receiver.answers(503);
    let hook = api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let id = api.delivery_of(&event).await;
    let dead = api.delivery_becomes(&id, "dead").await;
    assert_eq!(dead["reason"], "attempts_exhausted");
    assert_eq!(attempts(&dead).len(), 3);
    receiver.expect_requests(3).await;
    let letters = api.list("/v1/dead-letters").await;
    assert_eq!(letters.len(), 1);
    assert_eq!(text(&letters[0]["id"]), id);
    let stats = api.stats().await;
    assert_eq!(stats["deliveries"]["dead"], 1, "{stats}");
    let state = api
        .get(&format!("/v1/endpoints/{}", hook.endpoint))
        .await
        .expect(200);
    assert_eq!(state["state"], "enabled");
}

#[tokio::test]
async fn an_endpoint_may_have_a_policy_of_its_own() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    receiver.answers(500);
    let once = json!({"url": receiver.url_of("/once"), "retry": {"schedule": ["0s"]}});
    api.hears_all(once).await;
    let policy = json!({"base": "10ms", "factor": 1, "cap": "10ms", "attempts": 4});
    api.hears_all(json!({"url": receiver.url_of("/four"), "retry": policy}))
        .await;
    let overdue = json!({"schedule": ["0s", "1h"], "deadline": "1s"});
    api.hears_all(json!({"url": receiver.url_of("/late"), "retry": overdue}))
        .await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let webhooks = receiver.expect_requests(6).await;
    let at = |path: &str| webhooks.iter().filter(|one| one.path == path).count();
    assert_eq!([at("/once"), at("/four"), at("/late")], [1, 4, 1]);
    api.drained().await;
    let all = api.deliveries(&format!("event={event}&state=dead")).await;
    let mut reasons: Vec<_> = all
        .iter()
        .map(|delivery| text(&delivery["reason"]))
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "attempts_exhausted",
            "attempts_exhausted",
            "deadline_exceeded"
        ]
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_more_and_the_endpoint_says_why() {
    let (gateway, receiver) = (hasty().await, Receiver::start().await);
    let api = gateway.api();
    receiver.answers(410);
    let hook = api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let id = api.delivery_of(&event).await;
    let dead = api.delivery_becomes(&id, "dead").await;
    assert_eq!(dead["reason"], "gone");
    assert_eq!(attempts(&dead).len(), 1);
    let endpoint = api
        .get(&format!("/v1/endpoints/{}", hook.endpoint))
        .await
        .expect(200);
    assert_eq!(endpoint["state"], "disabled");
    assert_eq!(endpoint["state_reason"], "gone");
    let next = api.sends(json!({"type": "a.b"})).await;
    let skipped = api.delivery(&api.delivery_of(&next).await).await;
    assert_eq!(skipped["state"], "skipped");
    assert_eq!(skipped["reason"], "endpoint_disabled");
    receiver.expect_requests(1).await;
}

#[tokio::test]
async fn an_endpoint_that_fails_for_too_long_is_disabled_and_says_so() {
    let schedule = ["0s"].into_iter().chain([",300ms"; 30]).collect::<String>();
    let gateway = Setup::new()
        .retrying(&schedule)
        .with("RIPOSTE_DELIVERY__DISABLE_AFTER", "1s")
        .start()
        .await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    receiver.answers(500);
    let hook = api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    receiver.expect_requests(2).await;
    let endpoint = format!("/v1/endpoints/{}", hook.endpoint);
    let figures = api.get(&format!("{endpoint}/stats")).await.expect(200);
    assert!(figures["failing_since"].is_string(), "{figures}");
    let id = api.delivery_of(&event).await;
    let dead = api.delivery_becomes(&id, "dead").await;
    assert_eq!(dead["reason"], "endpoint_disabled");
    assert!((4..30).contains(&attempts(&dead).len()), "{dead}");
    let endpoint = api.get(&endpoint).await.expect(200);
    assert_eq!(endpoint["state"], "disabled");
    assert_eq!(endpoint["state_reason"], "failing");
    let audit = format!("/v1/audit?object={}&actor=gateway", hook.endpoint);
    let entries = api.list(&audit).await;
    assert_eq!(entries.len(), 1, "{entries:?}");
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it_within_bounds() {
    let gateway = Setup::new().retrying("0s,10ms,10ms");
    let gateway = gateway
        .with("RIPOSTE_DELIVERY__MAX_RETRY_AFTER", "2s")
        .start()
        .await;
    let (patient, greedy) = (Receiver::start().await, Receiver::start().await);
    patient
        .answers_with(429, &[("retry-after", "1")], "")
        .then_answers(200);
    greedy
        .answers_with(503, &[("retry-after", "9999")], "")
        .then_answers(200);
    for receiver in [&patient, &greedy] {
        gateway.api().registers("a.b", &receiver.url()).await;
    }
    gateway.api().sends(json!({"type": "a.b"})).await;
    for (receiver, least) in [(&patient, 1_000), (&greedy, 2_000)] {
        let webhooks = receiver.expect_requests(2).await;
        let waited = webhooks[1].at.as_millis() - webhooks[0].at.as_millis();
        assert!(waited >= least - 50, "{waited} ms");
    }
}

#[tokio::test]
async fn a_status_that_an_endpoint_calls_final_ends_its_delivery_at_once() {
    let (gateway, receiver) = (hasty().await, Receiver::start().await);
    let api = gateway.api();
    let endpoint = json!({"url": receiver.url(), "final_statuses": [422, "5xx"]});
    api.hears_all(endpoint).await;
    for (status, attempts_made, reason) in [
        (422, 1, "final_status"),
        (503, 1, "final_status"),
        (404, 3, "attempts_exhausted"),
    ] {
        receiver.answers(status);
        let event = api.sends(json!({"type": "a.b"})).await;
        let id = api.delivery_of(&event).await;
        let dead = api.delivery_becomes(&id, "dead").await;
        assert_eq!(dead["reason"], reason, "{status}");
        assert_eq!(attempts(&dead).len(), attempts_made, "{status}");
    }
}
