//! Where a delivery stands, what happened to it, and what was sent.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Receiver, Setup, a_webhook, text};

/// The steps of a delivery's timeline.
fn steps(delivery: &Value) -> Vec<String> {
    let steps = delivery["timeline"].as_array().expect("a timeline");
    steps.iter().map(|step| text(&step["what"])).collect()
}

#[tokio::test]
async fn a_delivery_that_arrived_says_when_and_how_fast() {
    let gateway = Setup::new().retrying("0s,10ms").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    api.registers("a.b", &receiver.url()).await;
    receiver.answers(503).then_answers(200);
    let id = api.delivery_of_new().await;
    let delivery = api.delivery_becomes(&id, "delivered").await;
    let summary = text(&delivery["summary"]);
    assert!(
        summary.starts_with("delivered at the 2nd attempt, 200 after "),
        "{summary}"
    );
    assert_eq!(
        steps(&delivery),
        [
            "received",
            "matched",
            "queued",
            "attempted",
            "attempted",
            "delivered"
        ]
    );
    let timeline = delivery["timeline"].as_array().expect("steps");
    assert_eq!(timeline[3]["attempt"], 1);
    assert_eq!(timeline[3]["status"], 503);
    assert_eq!(timeline[3]["error"], "status_5xx");
    assert_eq!(timeline[4]["attempt"], 2);
    assert!(
        timeline
            .windows(2)
            .all(|two| text(&two[0]["at"]) <= text(&two[1]["at"]))
    );
    // A list says the same.
    let listed = &api.deliveries("state=delivered").await[0];
    assert_eq!(listed["summary"], delivery["summary"]);
}

#[tokio::test]
async fn a_dead_letter_says_what_its_last_error_means() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    receiver.answers(404);
    let id = api.delivery_of_new().await;
    let dead = api.delivery_becomes(&id, "dead").await;
    assert_eq!(
        dead["summary"],
        "dead: 1 attempt, last error status_4xx: answered 404 – the receiver refused the webhook \
         (4xx)"
    );
    let last = dead["timeline"].as_array().expect("steps").last().cloned();
    let last = last.expect("an end");
    assert_eq!(
        (&last["what"], &last["reason"]),
        (&json!("dead"), &json!("attempts_exhausted"))
    );
    // It is taken up again: the timeline says so.
    api.sets(&hook.endpoint, "paused").await;
    api.redrives(json!({"all": true})).await;
    let waiting = api.delivery(&id).await;
    let since = api
        .get(&format!("/v1/endpoints/{}", hook.endpoint))
        .await
        .expect(200);
    let since = text(&since["state_since"]);
    let summary = text(&waiting["summary"]);
    let paused = format!("waiting: the endpoint is paused since {since}; 1 attempt, last error ");
    assert!(summary.starts_with(&paused), "{summary}");
    assert_eq!(
        steps(&waiting),
        [
            "received",
            "matched",
            "queued",
            "attempted",
            "revived",
            "next_attempt"
        ]
    );
    let cancel = format!("/v1/deliveries/{id}/cancel");
    api.post_nothing(&cancel).await.expect(200);
    let cancelled = api.delivery(&id).await;
    let at = text(&cancelled["updated_at"]);
    assert_eq!(
        cancelled["summary"],
        format!("cancelled by request at {at}")
    );
}

#[tokio::test]
async fn what_waits_for_a_slot_says_what_comes_before_it() {
    let gateway = Setup::new()
        .with("RIPOSTE_DELIVERY__CONCURRENCY", "1")
        .start()
        .await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    receiver.hangs();
    api.registers("a.b", &receiver.url()).await;
    let first = api.delivery_of_new().await;
    receiver.expect_requests(1).await;
    let (second, third) = (api.delivery_of_new().await, api.delivery_of_new().await);
    let flying = api.delivery(&first).await;
    let summary = text(&flying["summary"]);
    assert!(summary.starts_with("in flight since "), "{summary}");
    assert_eq!(
        steps(&flying),
        ["received", "matched", "queued", "in_flight"]
    );
    assert_eq!(
        api.delivery(&second).await["summary"],
        "waiting for a slot: it is the next one to this endpoint"
    );
    assert_eq!(
        api.delivery(&third).await["summary"],
        "waiting for a slot: 1 delivery to this endpoint is due before it"
    );
    receiver.lets_go();
    api.delivery_becomes(&third, "delivered").await;
}

#[tokio::test]
async fn what_waits_in_the_store_counts_what_waits_there_and_in_memory() {
    let gateway = Setup::new()
        .with("RIPOSTE_DELIVERY__CONCURRENCY", "1")
        .with("RIPOSTE_DELIVERY__LANE_BUFFER", "2");
    let gateway = gateway.start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    receiver.hangs();
    api.registers("a.b", &receiver.url()).await;
    api.delivery_of_new().await;
    receiver.expect_requests(1).await;
    for _ in 0..5 {
        api.delivery_of_new().await;
    }
    let last = api.delivery_of_new().await;
    assert_eq!(
        api.delivery(&last).await["summary"],
        "waiting for a slot: 5 deliveries to this endpoint are due before it"
    );
    receiver.lets_go();
    api.delivery_becomes(&last, "delivered").await;
}

#[tokio::test]
async fn one_attempt_shows_what_was_signed_and_how_to_send_it_again() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let endpoint = format!("/v1/endpoints/{}", hook.endpoint);
    let headers = json!({"headers": {"authorization": "Bearer s3cret", "x-team": "it's us"}});
    api.patch(&endpoint, headers).await.expect(200);
    let id = api.delivery_of_new().await;
    api.delivery_becomes(&id, "delivered").await;
    let sent = receiver.expect_one().await;

    let path = format!("/v1/deliveries/{id}/attempts/1");
    let answer = api.get(&path).await;
    assert!(!answer.text().contains("s3cret"), "{}", answer.text());
    let attempt = answer.expect(200);
    assert_eq!(attempt["number"], 1);
    assert_eq!(attempt["response"]["status"], 200);
    let timestamp = sent.header("webhook-timestamp").expect("a timestamp");
    let base = format!("{id}.{timestamp}.{}", sent.text());
    assert_eq!(attempt["signature_base"]["content"], base);
    let curl = &attempt["curl"];
    assert_eq!(curl["signed_anew"], true);
    assert_eq!(curl["hidden"], json!(["authorization"]));

    // A shell sends it, and the receiver's library takes the signature.
    let command = text(&curl["command"]);
    let shell = move || Command::new("sh").arg("-c").arg(command).output();
    let ran = tokio::task::spawn_blocking(shell);
    let ran = ran.await.expect("no panic").expect("a shell");
    assert!(ran.status.success(), "{ran:?}");
    let again = receiver.expect_requests(2).await.remove(1);
    assert_eq!(again.body, sent.body);
    assert_eq!(again.id(), id);
    assert!(again.is_signed_with(&hook.secret));
    assert_eq!(again.header("authorization"), Some("[hidden]"));
    assert_eq!(again.header("x-team"), Some("it's us"));

    // The endpoint has moved: its new signatures have no business at the old URL.
    api.patch(&endpoint, json!({"url": receiver.url_of("/other")}))
        .await
        .expect(200);
    let moved = api.get(&path).await.expect(200);
    assert_eq!(moved["curl"]["signed_anew"], false);
    let signature = sent.header("webhook-signature").expect("a signature");
    assert!(text(&moved["curl"]["command"]).contains(signature));

    for absent in ["0", "2", "x", "-1"] {
        let path = format!("/v1/deliveries/{id}/attempts/{absent}");
        api.get(&path).await.refused(404, "not_found");
    }
    let stranger = api.new_project("stranger").await;
    stranger.get(&path).await.refused(404, "not_found");
}
