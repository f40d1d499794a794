//! Erasing events: what they carried is gone for whoever looks, and is sent to nobody any more.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, Setup, a_webhook, attempts, id_of, text};

async fn erase(api: &Api, event: &str, how: Value) -> Value {
    let path = format!("/v1/events/{event}/erase");
    api.post(&path, how).await.expect(200)
}

fn personal() -> Value {
    json!({"type": "a.b", "id": "7", "source": "/shop", "subject": "users/ada",
           "data": {"name": "Ada"}})
}

#[tokio::test]
async fn what_an_event_carried_is_shown_nowhere_any_more() {
    let (gateway, receiver, _hook) = a_webhook().await;
    let api = gateway.api();
    receiver.answers_with(200, &[("x-name", "Ada")], "thank you, Ada");
    let event = api.sends(personal()).await;
    let delivery = api.delivery_of(&event).await;
    api.delivery_becomes(&delivery, "delivered").await;
    let erased = erase(api, &event, json!({})).await;
    assert_eq!(
        (&erased["id"], &erased["attempts"]),
        (&json!(event), &json!(1))
    );
    for path in [
        format!("/v1/events/{event}"),
        format!("/v1/events/{event}/verdicts"),
        format!("/v1/events/{event}/trace"),
        "/v1/events".to_owned(),
        format!("/v1/deliveries/{delivery}"),
        format!("/v1/deliveries/{delivery}/attempts/1"),
    ] {
        let shown = api.get(&path).await;
        assert_eq!(shown.status, 200, "{path}");
        assert!(
            !shown.text().to_lowercase().contains("ada\""),
            "{path}: {}",
            shown.text()
        );
        assert!(!shown.text().contains("Ada"), "{path}: {}", shown.text());
    }
    let shown = api.get(&format!("/v1/events/{event}")).await.expect(200);
    assert_eq!(shown["erased_at"], erased["erased_at"]);
    assert_eq!(shown["event"]["data"], Value::Null);
    assert_eq!(shown["event"].get("subject"), None);
    assert_eq!(
        (&shown["type"], &shown["event_id"]),
        (&json!("a.b"), &json!("7"))
    );
    let listed = api.list("/v1/events").await.remove(0);
    assert_eq!(listed["erased_at"], erased["erased_at"]);
    let kept = api.delivery(&delivery).await;
    assert!(text(&kept["note"]).contains("erased"));
    let attempt = attempts(&kept).remove(0);
    assert_eq!(attempt["response"]["status"], 200);
    assert_eq!(attempt["request"]["body"], Value::Null);
    assert_eq!(attempt["request"]["headers"], json!([]));
    let steps = kept["timeline"].as_array().expect("steps");
    assert!(steps.iter().any(|step| step["what"] == "erased"), "{kept}");
    let verdicts = api
        .get(&format!("/v1/events/{event}/verdicts"))
        .await
        .expect(200);
    assert!(text(&verdicts["note"]).contains("erased"));
    assert_eq!(
        verdicts["data"][0]["reactions"][0]["delivery"],
        json!(delivery)
    );
    let noted = api.list("/v1/audit?action=event.erased").await.remove(0);
    assert_eq!(noted["actor"]["kind"], "operator");
    assert!(!noted.to_string().contains("users/"), "{noted}");
    // Again it changes nothing.
    let again = erase(api, &event, json!({})).await;
    assert_eq!(again["erased_at"], erased["erased_at"]);
    assert_eq!(again["attempts"], 0);
}

#[tokio::test]
async fn what_was_erased_is_sent_to_nobody_any_more() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    receiver.answers(500);
    let event = api.sends(personal()).await;
    let delivery = api.delivery_of(&event).await;
    api.delivery_becomes(&delivery, "dead").await;
    erase(api, &event, json!({})).await;
    receiver.answers(200);
    let refused = api
        .post_nothing(&format!("/v1/deliveries/{delivery}/retry"))
        .await;
    let refused = refused.refused(409, "wrong_state");
    assert!(refused.detail().contains("erased"), "{refused:?}");
    let job = api.redrives(json!({"all": true})).await;
    assert_eq!(job["outcomes"], json!({"event_erased": 1}));
    let test = format!("/v1/endpoints/{}/test", hook.endpoint);
    let refused = api.post(&test, json!({"event": event})).await;
    assert_eq!(refused.refused(422, "invalid").pointer(), Some("/event"));
    // Its producer may send it again: it is the same event.
    let again = api.post("/v1/events", personal()).await.expect(202);
    assert_eq!(again["data"][0]["status"], "duplicate");
    receiver.expect_requests(1).await;
}

#[tokio::test]
async fn what_is_pending_is_called_off_only_if_that_is_asked_for() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    api.sets(&hook.endpoint, "paused").await;
    let event = api.sends(personal()).await;
    let delivery = api.delivery_of(&event).await;
    let path = format!("/v1/events/{event}/erase");
    let refused = api.post_nothing(&path).await.refused(409, "wrong_state");
    assert!(refused.detail().contains("cancel_pending"), "{refused:?}");
    let kept = api.get(&format!("/v1/events/{event}")).await.expect(200);
    assert_eq!(kept["event"]["data"]["name"], "Ada");
    let erased = erase(api, &event, json!({"cancel_pending": true})).await;
    assert_eq!(
        (&erased["cancelled"], &erased["cancelling"]),
        (&json!(1), &json!(0))
    );
    let cancelled = api.delivery(&delivery).await;
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["reason"], "event_erased");
    api.sets(&hook.endpoint, "enabled").await;
    let other = api.delivery_of_new().await;
    api.delivery_becomes(&other, "delivered").await;
    receiver.expect_requests(1).await;
}

#[tokio::test]
async fn what_waits_in_memory_does_not_leave_after_the_erasure() {
    let gateway = Setup::new().retrying("0s").start().await;
    let api = gateway.api();
    let receiver = Receiver::start().await;
    receiver.hangs();
    let endpoint = json!({"url": receiver.url(), "concurrency": 1});
    api.hears_all(endpoint).await;
    let first = api
        .sends(json!({"type": "a.b", "data": {"name": "Ada"}}))
        .await;
    receiver.at_least(1).await;
    let second = api
        .sends(json!({"type": "a.b", "data": {"name": "Bob"}}))
        .await;
    let third = api
        .sends(json!({"type": "a.b", "data": {"name": "Eve"}}))
        .await;
    let waiting = erase(api, &second, json!({"cancel_pending": true})).await;
    assert_eq!(
        (&waiting["cancelled"], &waiting["cancelling"]),
        (&json!(1), &json!(0))
    );
    let flying = erase(api, &first, json!({"cancel_pending": true})).await;
    assert_eq!(
        (&flying["cancelled"], &flying["cancelling"]),
        (&json!(0), &json!(1))
    );
    receiver.lets_go();
    let delivered = api.delivery_of(&third).await;
    api.delivery_becomes(&delivered, "delivered").await;
    let arrived = receiver.expect_requests(2).await;
    assert_eq!(arrived[1].json()["data"]["name"], "Eve");
    // Of the attempt that was under way nothing was captured.
    let first = api.delivery_of(&first).await;
    let first = api.delivery_becomes(&first, "delivered").await;
    assert_eq!(attempts(&first)[0]["request"]["headers"], json!([]));
}

#[tokio::test]
async fn what_came_out_of_an_event_is_named_and_erased_with_it_on_request() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let emit = |to: &str| json!({"emit": {"type": to, "data": {"of": "{{ event.data.name }}"}}});
    api.listens(&["a.b"], Value::Null, emit("a.c")).await;
    let again = json!({"emit": {"type": "a.d", "data": {"of": "{{ event.data.of }}"}}});
    api.listens(&["a.c"], Value::Null, again).await;
    let event = api.sends(personal()).await;
    let named = erase(api, &event, json!({})).await;
    let descendants = named["descendants"].as_array().expect("a list").clone();
    let types: Vec<_> = descendants.iter().map(|one| text(&one["type"])).collect();
    assert_eq!(types.len(), 2, "{named}");
    assert!(types.contains(&"a.c".to_owned()) && types.contains(&"a.d".to_owned()));
    assert!(descendants.iter().all(|one| one["erased_at"].is_null()));
    let child = id_of(&descendants[0]);
    let shown = api.get(&format!("/v1/events/{child}")).await.expect(200);
    assert_eq!(shown["event"]["data"]["of"], "Ada");
    let all = erase(api, &event, json!({"descendants": true})).await;
    let descendants = all["descendants"].as_array().expect("a list");
    assert!(
        descendants.iter().all(|one| one["erased_at"].is_string()),
        "{all}"
    );
    let shown = api.get(&format!("/v1/events/{child}")).await.expect(200);
    assert_eq!(shown["event"]["data"], Value::Null);
}

#[tokio::test]
async fn a_customer_erases_its_own_and_does_not_call_off_what_the_platform_does() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let customer = operator.new_project("acme").await;
    let other = operator.new_project("other").await;
    let platform = operator.in_project("platform");
    let receiver = Receiver::start().await;
    let hook = platform.registers("a.b", &receiver.url()).await;
    platform.sets(&hook.endpoint, "paused").await;
    let event = customer.sends(personal()).await;
    let path = format!("/v1/events/{event}/erase");
    other.post_nothing(&path).await.refused(404, "not_found");
    let all = json!({"cancel_pending": true});
    let refused = customer
        .post(&path, all.clone())
        .await
        .refused(409, "wrong_state");
    assert!(refused.detail().contains("platform"), "{refused:?}");
    let erased = operator
        .in_project("acme")
        .post(&path, all)
        .await
        .expect(200);
    assert_eq!(erased["cancelled"], 1);
    let bad = customer.post(&path, json!({"cancel": true})).await;
    bad.refused(422, "invalid");
}
