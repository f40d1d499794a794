//! Events that are sent again under one `Idempotency-Key`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::repeats::marked;
use crate::support::{Gateway, a_webhook};

/// Status and id of each event of an answer.
fn results(answer: &Value) -> Vec<(&str, &str)> {
    let results = answer["data"].as_array().expect("results").iter();
    results
        .map(|result| {
            let text = |name: &str| result[name].as_str().expect("a text");
            (text("status"), text("id"))
        })
        .collect()
}

#[tokio::test]
async fn events_without_ids_are_taken_once_also_after_a_restart() {
    let (gateway, receiver, _) = a_webhook().await;
    let batch = json!([{"type": "a.b", "data": 1}, {"type": "a.b", "data": 2}]);
    let first = marked(gateway.api(), "outbox-7")
        .post("/v1/events", batch.clone())
        .await;
    let first = first.expect(202);
    receiver.expect_requests(2).await;
    let gateway = gateway.restart().await;
    let again = marked(gateway.api(), "outbox-7")
        .post("/v1/events", batch.clone())
        .await;
    let again = again.expect(202);
    for ((was, first), (is, again)) in results(&first).into_iter().zip(results(&again)) {
        assert_eq!((was, is), ("accepted", "duplicate"));
        assert_eq!(first, again);
    }
    assert_eq!(gateway.api().list("/v1/events").await.len(), 2);
    let other = marked(gateway.api(), "outbox-8")
        .post("/v1/events", batch)
        .await;
    assert!(
        results(&other.expect(202))
            .iter()
            .all(|(status, _)| *status == "accepted")
    );
}

#[tokio::test]
async fn the_same_key_with_other_events_takes_none_of_them() {
    let gateway = Gateway::start().await;
    let api = marked(gateway.api(), "k");
    let event = |number: u8| json!({"type": "a.b", "data": number});
    api.post("/v1/events", event(1)).await.expect(202);
    for other in [
        event(2),
        json!([event(1), event(2)]),
        json!([event(2), event(3), event(4)]),
    ] {
        let refused = api.post("/v1/events", other).await;
        refused.refused(422, "idempotency_key_reused");
    }
    assert_eq!(gateway.api().list("/v1/events").await.len(), 1);
    // One event is the same alone and in a list.
    let again = api.post("/v1/events", json!([event(1)])).await.expect(202);
    assert_eq!(results(&again)[0].0, "duplicate");
}

#[tokio::test]
async fn of_requests_that_come_at_once_one_is_taken() {
    let gateway = Gateway::start().await;
    let api = marked(gateway.api(), "at once");
    let sends = (0..16).map(|number| {
        // Two different requests under one key, eight times each.
        let batch = json!([{"type": "a.b", "data": number % 2}, {"type": "a.b"}]);
        api.post("/v1/events", batch)
    });
    let answers = join_all(sends).await;
    let taken: Vec<_> = answers.iter().filter(|one| one.status == 202).collect();
    assert_eq!(taken.len(), 8);
    let refused = answers.iter().filter(|one| one.status == 422);
    assert_eq!(refused.count(), 8);
    let accepted = taken
        .iter()
        .filter(|one| one.json()["data"][0]["status"] == "accepted");
    assert_eq!(accepted.count(), 1);
    assert_eq!(gateway.api().list("/v1/events").await.len(), 2);
}

#[tokio::test]
async fn an_event_that_is_known_by_its_own_id_is_known_under_the_key_too() {
    let gateway = Gateway::start().await;
    let event = json!({"type": "a.b", "id": "7", "data": 1});
    let first = gateway
        .api()
        .post("/v1/events", event.clone())
        .await
        .expect(202);
    let api = marked(gateway.api(), "k");
    for _ in 0..2 {
        let again = api.post("/v1/events", event.clone()).await.expect(202);
        assert_eq!(results(&again), [("duplicate", results(&first)[0].1)]);
    }
    let other = json!({"type": "a.b", "data": 1});
    let refused = api.post("/v1/events", other).await;
    refused.refused(422, "idempotency_key_reused");
    // A conflict is refused, and leaves the key free.
    let conflicting = json!({"type": "a.b", "id": "7", "data": 2});
    let api = marked(gateway.api(), "free");
    let refused = api.post("/v1/events", conflicting).await;
    refused.refused(409, "event_conflict");
    let corrected = json!({"type": "a.b", "id": "8", "data": 2});
    let taken = api.post("/v1/events", corrected).await.expect(202);
    assert_eq!(results(&taken)[0].0, "accepted");
}

#[tokio::test]
async fn a_key_for_events_is_the_projects_whichever_api_key_sends_it() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    let event = json!({"type": "a.b"});
    let first = marked(&customer, "k")
        .post("/v1/events", event.clone())
        .await;
    let by_operator = marked(&gateway.api().in_project("customer"), "k");
    let again = by_operator.post("/v1/events", event.clone()).await;
    let (first, again) = (first.expect(202), again.expect(202));
    assert_eq!(results(&again), [("duplicate", results(&first)[0].1)]);
    let elsewhere = marked(gateway.api(), "k").post("/v1/events", event).await;
    assert_eq!(results(&elsewhere.expect(202))[0].0, "accepted");
}
