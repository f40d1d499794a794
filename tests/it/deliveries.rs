//! What users do to deliveries: retry, call off, redrive, discard.

use serde_json::json;

use crate::support::{Receiver, Setup, a_webhook, attempts};

#[tokio::test]
async fn dead_letters_come_home_when_the_receiver_is_well_again() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    receiver.answers(500);
    let mut dead = Vec::new();
    for _ in 0..4 {
        let id = api.delivery_of_new().await;
        api.delivery_becomes(&id, "dead").await;
        dead.push(id);
    }
    receiver.answers(200);
    let by_endpoint = json!({"endpoint": hook.endpoint});
    let job = api.redrives(by_endpoint).await;
    assert_eq!(job["outcomes"], json!({"redriven": 4}), "{job}");
    receiver.expect_requests(8).await;
    for id in &dead {
        let home = api.delivery_becomes(id, "delivered").await;
        assert_eq!(attempts(&home).len(), 2);
    }
    assert_eq!(api.redrives(json!({"all": true})).await["total"], 0);
}

#[tokio::test]
async fn a_redriven_delivery_begins_its_schedule_anew() {
    let gateway = Setup::new().retrying("0s,20ms").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    api.registers("a.b", &receiver.url()).await;
    receiver.answers(500);
    let id = api.delivery_of_new().await;
    api.delivery_becomes(&id, "dead").await;
    api.redrives(json!({"all": true})).await;
    receiver.expect_requests(4).await;
    let dead = api.delivery_becomes(&id, "dead").await;
    assert_eq!(attempts(&dead).len(), 4);
}

#[tokio::test]
async fn one_delivery_is_retried_whatever_became_of_it() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let id = api.delivery_of_new().await;
    api.delivery_becomes(&id, "delivered").await;
    let retry = format!("/v1/deliveries/{id}/retry");
    api.post_nothing(&retry).await.expect(202);
    let webhooks = receiver.expect_requests(2).await;
    assert_eq!(webhooks[0].id(), webhooks[1].id());
    api.attempted(&id, 2).await;
    api.sets(&hook.endpoint, "disabled").await;
    api.post_nothing(&retry).await.refused(409, "wrong_state");
}

#[tokio::test]
async fn a_delivery_that_waits_for_its_next_attempt_is_retried_at_once() {
    let gateway = Setup::new().retrying("0s,1h").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    receiver.answers(500).then_answers(200);
    api.registers("a.b", &receiver.url()).await;
    let id = api.delivery_of_new().await;
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
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    api.sets(&hook.endpoint, "paused").await;
    let (wanted, unwanted) = (api.delivery_of_new().await, api.delivery_of_new().await);
    let cancel = format!("/v1/deliveries/{unwanted}/cancel");
    let answer = api.post_nothing(&cancel).await.expect(200);
    assert_eq!(answer["state"], "cancelled", "{answer}");
    api.sets(&hook.endpoint, "enabled").await;
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
    let id = api.delivery_of_new().await;
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
    let (gateway, receiver, _hook) = a_webhook().await;
    let api = gateway.api();
    receiver.answers(500);
    let id = api.delivery_of_new().await;
    api.delivery_becomes(&id, "dead").await;
    let job = api.discards(json!({"all": true})).await;
    assert_eq!(job["outcomes"], json!({"discarded": 1}), "{job}");
    assert_eq!(api.delivery(&id).await["state"], "cancelled");
    assert_eq!(api.redrives(json!({"all": true})).await["total"], 0);
    receiver.expect_requests(1).await;
}
