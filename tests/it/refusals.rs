//! "Was the event received, refused (why), or a duplicate (of which)?"

use serde_json::{Value, json};

use crate::support::{Api, Gateway, text, until};

/// Waits until `count` refusals are written down, and gives them.
async fn refusals(api: &Api, query: &str, count: usize) -> Vec<Value> {
    let path = format!("/v1/refusals?{query}");
    let look = async || match api.list(&path).await {
        all if all.len() == count => Ok(all),
        all => Err(format!("{all:?}")),
    };
    until(format!("{count} refusals"), look).await
}

async fn totals(api: &Api) -> Value {
    api.get("/v1/refusals").await.expect(200)["totals"].clone()
}

#[tokio::test]
async fn what_did_not_become_an_event_is_listed_with_the_reason() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let order = |amount: u32| json!({"type": "order.made", "id": "order-7", "source": "/shop", "data": {"amount": amount}});
    let first = api.sends(order(1)).await;
    api.post("/v1/events", order(1)).await.expect(202);
    api.post("/v1/events", order(2))
        .await
        .refused(409, "event_conflict");
    let bad = json!([{"type": "a"}, {"type": "order..made", "id": "order-8", "source": "/shop"}]);
    api.post("/v1/events", bad).await.refused(400, "bad_event");
    let all = refusals(api, "", 3).await;

    let outcomes: Vec<_> = all.iter().map(|it| text(&it["outcome"])).collect();
    assert_eq!(outcomes, ["refused", "conflict", "duplicate"]);
    let refused = &all[0];
    assert_eq!(
        (&refused["code"], &refused["pointer"]),
        (&json!("bad_event"), &json!("/1/type"))
    );
    assert_eq!(
        (&refused["event_id"], &refused["source"]),
        (&json!("order-8"), &json!("/shop"))
    );
    for known in &all[1..] {
        assert_eq!(
            (&known["event"], &known["event_id"]),
            (&json!(first), &json!("order-7"))
        );
        assert_eq!(known["type"], "order.made");
    }
    let duplicates = api.list("/v1/refusals?outcome=duplicate").await;
    assert_eq!(duplicates, all[2..]);
    assert_eq!(api.list("/v1/refusals?event_id=order-8").await, all[..1]);
    api.get("/v1/refusals?outcome=lost")
        .await
        .refused(400, "bad_parameter");

    let found = api.get("/v1/find?q=order-7").await.expect(200);
    let kinds: Vec<_> = found["data"]
        .as_array()
        .expect("hits")
        .iter()
        .map(|hit| text(&hit["kind"]))
        .collect();
    assert_eq!(kinds, ["event", "refusal", "refusal"], "{found}");
    let told = text(&found["data"][2]["summary"]);
    assert!(told.contains(&format!("a duplicate of {first}")), "{told}");
    let found = api.get("/v1/find?q=order-8").await.expect(200);
    assert!(
        text(&found["data"][0]["summary"]).contains("refused (bad_event)"),
        "{found}"
    );
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_noted_all_the_same() {
    let gateway = Gateway::with("RIPOSTE_LIMITS__REQUEST_BYTES", "2KiB")
        .with("RIPOSTE_LIMITS__EVENT_BYTES", "1KiB")
        .start()
        .await;
    let api = gateway.api();
    let post = async |headers: &[(&str, &str)], body: &str| {
        let answer = api.call(http::Method::POST, "/v1/events", headers, body.to_owned());
        answer.await.status
    };
    let json = [("content-type", "application/json")];
    assert_eq!(post(&json, "{").await, 400);
    assert_eq!(post(&json, &"x".repeat(3_000)).await, 413);
    assert_eq!(post(&[("content-type", "text/html")], "x").await, 415);
    let binary = [
        ("content-type", "text/plain"),
        ("ce-specversion", "1.0"),
        ("ce-id", "order-9"),
        ("ce-source", "/shop"),
        ("ce-type", "a..b"),
    ];
    assert_eq!(post(&binary, "x").await, 400);
    let all = refusals(api, "", 4).await;
    let codes: Vec<_> = all.iter().map(|it| text(&it["code"])).collect();
    assert_eq!(
        codes,
        [
            "bad_event",
            "unsupported_media_type",
            "too_large",
            "bad_event"
        ]
    );
    assert_eq!(
        (&all[0]["event_id"], &all[0]["pointer"]),
        (&json!("order-9"), &json!("ce-type"))
    );
}

#[tokio::test]
async fn a_flood_is_counted_and_a_part_of_it_kept() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let event = json!({"type": "a", "id": "same"});
    api.sends(event.clone()).await;
    api.post("/v1/events", json!(vec![event; 500]))
        .await
        .expect(202);
    let look = async || match totals(api).await {
        all if all[0]["count"] == 500 => Ok(()),
        all => Err(all.to_string()),
    };
    until("all to be counted", look).await;
    let kept = api.list("/v1/refusals").await.len();
    assert!((20..=60).contains(&kept), "{kept}");
    let found = api.get("/v1/find?q=same").await.expect(200);
    assert_eq!(found["more"], json!(["refusal"]));
}

#[tokio::test]
async fn refusals_outlive_a_stop_and_are_their_projects_own() {
    let gateway = Gateway::start().await;
    gateway
        .api()
        .post("/v1/events", json!({}))
        .await
        .refused(400, "bad_event");
    let gateway = gateway.restart().await;
    assert_eq!(gateway.api().list("/v1/refusals").await.len(), 1);
    let stranger = gateway.api().new_project("stranger").await;
    assert_eq!(stranger.list("/v1/refusals").await.len(), 0);
    assert_eq!(totals(&stranger).await, json!([]));
}

#[tokio::test]
async fn a_nul_in_what_was_refused_is_shown_and_found_on_every_database() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    for id in ["a\0b", "a\u{fdd0}0b"] {
        let event = json!({"type": "a.b", "id": id, "source": "/s\0"});
        api.post("/v1/events", event)
            .await
            .refused(400, "bad_event");
    }
    refusals(api, "", 2).await;
    for (id, query) in [("a\0b", "a%00b"), ("a\u{fdd0}0b", "a%EF%B7%900b")] {
        let found = refusals(api, &format!("event_id={query}"), 1).await;
        assert_eq!(found[0]["event_id"], id);
        assert_eq!(found[0]["source"], "/s\0");
    }
    let found = api.get("/v1/find?q=a%00b").await.expect(200);
    assert_eq!(found["data"][0]["kind"], "refusal", "{found}");
}
