//! "Does the same fail elsewhere?": dead letters by endpoint and cause.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, Setup, text};

/// A gateway that tries once, with the endpoints `CI` and `Billing` that hear every event.
async fn two_endpoints() -> (Gateway, Receiver, [String; 2]) {
    let gateway = Setup::new().retrying("0s").start().await;
    let receiver = Receiver::start().await;
    let api = gateway.api();
    let ci = json!({"name": "CI", "url": receiver.url_of("/ci")});
    let billing = json!({"name": "Billing", "url": receiver.url_of("/billing")});
    let endpoints = [api.hears_all(ci).await, api.hears_all(billing).await];
    (gateway, receiver, endpoints)
}

async fn groups(api: &Api, query: &str) -> Vec<Value> {
    let path = format!("/v1/dead-letters/groups?{query}");
    let answer = api.get(&path).await.expect(200);
    assert_eq!(answer["exact"], true, "{answer}");
    answer["data"].as_array().expect("groups").clone()
}

async fn sends(api: &Api, count: usize) {
    let events = vec![json!({"type": "a.b"}); count];
    api.post("/v1/events", json!(events)).await.expect(202);
    api.drained().await;
}

#[tokio::test]
async fn dead_letters_are_told_apart_by_endpoint_and_cause() {
    let (gateway, receiver, [ci, billing]) = two_endpoints().await;
    let api = gateway.api();
    receiver.answers(500);
    sends(api, 3).await;
    api.sets(&billing, "disabled").await;
    receiver.answers(404);
    sends(api, 2).await;

    let all = groups(api, "").await;
    let told: Vec<_> = all
        .iter()
        .map(|it| {
            (
                text(&it["endpoint"]["name"]),
                text(&it["error_kind"]),
                it["count"].clone(),
            )
        })
        .collect();
    assert_eq!(told.len(), 3, "{all:?}");
    for (name, kind, count) in [
        ("CI", "status_5xx", 3),
        ("Billing", "status_5xx", 3),
        ("CI", "status_4xx", 2),
    ] {
        let one = (name.to_owned(), kind.to_owned(), json!(count));
        assert!(told.contains(&one), "{told:?}");
    }
    let smallest = &all[2];
    assert_eq!(smallest["endpoint"]["id"], json!(ci));
    assert_eq!(
        (
            &smallest["endpoint"]["host"],
            &smallest["endpoint"]["state"]
        ),
        (&json!("127.0.0.1"), &json!("enabled"))
    );
    assert_eq!(
        smallest["cause"],
        "The receiver refused the webhook (4xx). The retry policy asks for no further attempt."
    );
    assert!(
        text(&smallest["advice"]).contains("404: check the path"),
        "{smallest}"
    );
    assert_eq!(smallest["samples"].as_array().map(Vec::len), Some(2));
    assert!(text(&smallest["first_at"]) <= text(&smallest["last_at"]));

    // The same elsewhere.
    let by_cause = groups(api, "by=cause").await;
    let told: Vec<_> = by_cause
        .iter()
        .map(|it| (&it["error_kind"], &it["endpoints"], &it["count"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("status_5xx"), &json!(2), &json!(6)),
            (&json!("status_4xx"), &json!(1), &json!(2))
        ]
    );
    assert_eq!(by_cause[0]["endpoint"], Value::Null);
    assert_eq!(groups(api, &format!("endpoint={billing}")).await.len(), 1);
    let cut = api.get("/v1/dead-letters/groups?limit=1").await.expect(200);
    assert_eq!(
        (cut["data"].as_array().map(Vec::len), &cut["exact"]),
        (Some(1), &json!(false))
    );
    api.get("/v1/dead-letters/groups?by=colour")
        .await
        .refused(400, "bad_parameter");
}

#[tokio::test]
async fn the_selection_of_a_group_means_exactly_that_group() {
    let (gateway, receiver, [_, billing]) = two_endpoints().await;
    let api = gateway.api();
    receiver.answers(500);
    sends(api, 2).await;
    // What waits for an endpoint when it is disabled is dead for that, however it has failed before.
    api.sets(&billing, "paused").await;
    sends_on(api).await;
    api.sets(&billing, "disabled").await;
    api.drained().await;
    let template = json!({"emit": {"type": "c", "data": {"x": "{{ event.data.x }}"}}});
    api.listens(&["made"], Value::Null, template).await;
    api.sets(&billing, "enabled").await;
    api.sends(json!({"type": "made", "data": {}})).await;
    api.drained().await;

    let all = groups(api, "").await;
    for group in &all {
        let mut selection = group["selection"].clone();
        selection["dry_run"] = json!(true);
        let run = api
            .post("/v1/dead-letters/discard", selection)
            .await
            .expect(200);
        assert_eq!(run["matched"], group["count"], "{group}");
    }
    let reasons: Vec<_> = all.iter().map(|it| text(&it["reason"])).collect();
    for reason in ["attempts_exhausted", "endpoint_disabled", "emit_failed"] {
        assert!(reasons.iter().any(|it| it == reason), "{reasons:?}");
    }
    let emission = all
        .iter()
        .find(|it| it["reason"] == "emit_failed")
        .expect("a group");
    assert_eq!(
        (&emission["endpoint"], &emission["error_kind"]),
        (&Value::Null, &Value::Null)
    );
    let total: u64 = all.iter().filter_map(|it| it["count"].as_u64()).sum();
    assert_eq!(api.stats().await["deliveries"]["dead"], total);

    api.discards(all[0]["selection"].clone()).await;
    let left = groups(api, "").await;
    assert_eq!(left, all[1..]);
    let stranger = api.new_project("stranger").await;
    assert_eq!(groups(&stranger, "").await.len(), 0);
}

/// Sends an event of which a webhook waits.
async fn sends_on(api: &Api) {
    api.sends(json!({"type": "a.b"})).await;
}
