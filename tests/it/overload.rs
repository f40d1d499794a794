//! More than the gateway can write: producers are told to come back, and nothing is lost.

use futures_util::future::join_all;
use http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::support::{Api, Gateway, Setup, id_of};

/// How many producers send at once, and how many events each.
const PRODUCERS: usize = 16;
const EVENTS: usize = 5;

/// A gateway with so many events on their way to the store at most, of which a project has this
/// share.
async fn narrow(events: &str, project_share: &str) -> Gateway {
    let setup = Setup::new().with("RIPOSTE_INGEST__QUEUE_EVENTS", events);
    let setup = setup.with("RIPOSTE_LIMITS__BATCH_EVENTS", events);
    let setup = setup.with("RIPOSTE_INGEST__PROJECT_SHARE", project_share);
    setup.start().await
}

/// Sends an event until it is taken; gives the refusals on the way.
async fn insist(api: &Api, event: &Value) -> Vec<(u16, HeaderMap, Value)> {
    let mut refusals = Vec::new();
    loop {
        let answer = api.post("/v1/events", event.clone()).await;
        if answer.status == 202 {
            let status = answer.expect(202)["data"][0]["status"].take();
            assert_eq!(status, "accepted");
            return refusals;
        }
        refusals.push((answer.status, answer.headers.clone(), answer.json()));
    }
}

/// All producers send at once until all is taken; gives what was refused on the way.
async fn storm(api: &Api) -> Vec<(u16, HeaderMap, Value)> {
    let producer = async |number: usize| {
        let mut refusals = Vec::new();
        for event in 0..EVENTS {
            let id = format!("{number}-{event}");
            let event = json!({"type": "a.b", "source": "/storm", "id": id});
            refusals.extend(insist(api, &event).await);
        }
        refusals
    };
    join_all((0..PRODUCERS).map(producer)).await.concat()
}

async fn nothing_is_lost_or_doubled(api: &Api) {
    let mut ids: Vec<_> = api.list("/v1/events").await.iter().map(id_of).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), PRODUCERS * EVENTS);
}

#[tokio::test]
async fn a_project_beyond_its_share_is_told_to_come_back() {
    let gateway = narrow("2", "0.5").await;
    let refusals = storm(gateway.api()).await;
    assert!(!refusals.is_empty());
    for (status, headers, problem) in refusals {
        assert_eq!(
            (status, &problem["code"]),
            (429, &json!("too_many_requests"))
        );
        assert_eq!(headers[header::RETRY_AFTER], "1");
    }
    nothing_is_lost_or_doubled(gateway.api()).await;
}

#[tokio::test]
async fn a_gateway_that_is_full_tells_everybody_to_come_back() {
    let gateway = narrow("2", "1").await;
    let refusals = storm(gateway.api()).await;
    assert!(!refusals.is_empty());
    for (status, headers, problem) in refusals {
        assert_eq!((status, &problem["code"]), (503, &json!("overloaded")));
        assert_eq!(headers[header::RETRY_AFTER], "1");
    }
    nothing_is_lost_or_doubled(gateway.api()).await;
}

#[tokio::test]
async fn a_batch_larger_than_the_share_of_its_project_gets_in_when_nothing_else_waits() {
    let gateway = narrow("50", "0.5").await;
    let batch: Vec<_> = (0..50).map(|n| json!({"type": "a.b", "data": n})).collect();
    let answer = gateway.api().post("/v1/events", json!(batch)).await;
    let results = answer.expect(202)["data"].take();
    assert_eq!(results.as_array().map(Vec::len), Some(50));
    assert_eq!(gateway.api().list("/v1/events").await.len(), 50);
}
