//! Listeners: which events they hear, and from when on.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, id_of, text};

/// The types of the events that a listener has made deliveries for, in their order.
async fn heard(api: &Api, listener: &str) -> Vec<String> {
    let mut all = api.deliveries(&format!("listener={listener}")).await;
    all.reverse();
    all.iter()
        .map(|delivery| text(&delivery["event"]["type"]))
        .collect()
}

/// A listener whose webhooks stay where they are: its endpoint is paused.
async fn listener(api: &Api, on: &[&str], when: Value) -> String {
    let reaction = json!({"webhook": {"url": "https://1.1.1.1/", "state": "paused"}});
    id_of(&api.listens(on, when, reaction).await)
}

#[tokio::test]
async fn a_listener_hears_the_types_that_it_names() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let cases: [(&[&str], &[&str]); 5] = [
        (&["site.deployed"], &["site.deployed"]),
        (&["site.*"], &["site.deployed", "site.failed"]),
        (
            &["site.>"],
            &["site.deployed", "site.failed", "site.dns.set"],
        ),
        (&["site.dns.*", "user.made"], &["site.dns.set", "user.made"]),
        (
            &[">"],
            &[
                "site.deployed",
                "site.failed",
                "site.dns.set",
                "site",
                "user.made",
            ],
        ),
    ];
    let mut listeners = Vec::new();
    for (on, _) in cases {
        listeners.push(listener(api, on, Value::Null).await);
    }
    for sent in [
        "site.deployed",
        "site.failed",
        "site.dns.set",
        "site",
        "user.made",
    ] {
        api.sends(json!({"type": sent})).await;
    }
    for ((on, expected), listener) in cases.iter().zip(&listeners) {
        assert_eq!(heard(api, listener).await, *expected, "{on:?}");
    }
}

#[tokio::test]
async fn a_listener_hears_the_content_that_it_asks_for() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let when = json!({"data": {"environment": ["production"], "size": [{"numeric": [">", 1.5]}]},
        "subject": [{"prefix": "site/"}]});
    let listener = listener(api, &[">"], when).await;
    let data = |environment: &str, size: f64| json!({"environment": environment, "size": size});
    for (name, subject, data) in [
        ("both", "site/7", data("production", 2.0)),
        ("small", "site/7", data("production", 1.5)),
        ("staging", "site/7", data("staging", 2.0)),
        ("elsewhere", "user/7", data("production", 2.0)),
        ("again", "site/", data("production", 1e300)),
    ] {
        api.sends(json!({"type": name, "subject": subject, "data": data}))
            .await;
    }
    assert_eq!(heard(api, &listener).await, ["both", "again"]);
}

#[tokio::test]
async fn every_change_counts_for_the_very_next_event() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let listener = listener(api, &["t.0"], Value::Null).await;
    let path = format!("/v1/listeners/{listener}");
    for round in 1..=50 {
        let on = json!({"on": [format!("t.{round}")]});
        let changed = api.patch(&path, on).await.expect(200);
        assert_eq!(changed["revision"], round + 1);
        let old = api.sends(json!({"type": format!("t.{}", round - 1)})).await;
        let new = api.sends(json!({"type": format!("t.{round}")})).await;
        assert_eq!(
            api.deliveries(&format!("event={old}")).await.len(),
            0,
            "{round}"
        );
        let delivery = api.delivery(&api.delivery_of(&new).await).await;
        assert_eq!(delivery["cause"]["revision"], round + 1);
    }
}

#[tokio::test]
async fn a_listener_hears_from_its_201_on_and_nothing_after_its_end() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    for round in 0..50 {
        let event = json!({"type": format!("t.{round}")});
        let before = api.sends(event.clone()).await;
        let listener = listener(api, &[&format!("t.{round}")], Value::Null).await;
        let during = api.sends(event.clone()).await;
        api.delete(&format!("/v1/listeners/{listener}"))
            .await
            .expect(204);
        let after = api.sends(event).await;
        for (event, count) in [(before, 0), (during, 1), (after, 0)] {
            let heard = api.deliveries(&format!("event={event}")).await;
            assert_eq!(heard.len(), count, "{round}");
        }
    }
}

#[tokio::test]
async fn changes_under_load_lose_and_double_nothing() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let heard_all = listener(api, &["load.>"], Value::Null).await;
    let changing = listener(api, &["other"], Value::Null).await;
    let path = format!("/v1/listeners/{changing}");
    let sending = async |producer: usize| {
        for n in 0..25 {
            api.sends(json!({"type": format!("load.p{producer}.n{n}")}))
                .await;
        }
    };
    let changes = async {
        for n in 0..25 {
            let on = json!({"on": [format!("other.n{n}")]});
            api.patch(&path, on).await.expect(200);
        }
    };
    let producers = futures_util::future::join_all((0..4).map(sending));
    tokio::join!(producers, changes);
    let mut all = heard(api, &heard_all).await;
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 100);
    assert_eq!(
        api.deliveries(&format!("listener={heard_all}")).await.len(),
        100
    );
    assert_eq!(api.get(&path).await.expect(200)["revision"], 26);
}

#[tokio::test]
async fn a_disabled_listener_hears_nothing_until_it_is_enabled() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let listener = listener(api, &["a.*"], Value::Null).await;
    let path = format!("/v1/listeners/{listener}");
    for (state, sent) in [("disabled", "a.one"), ("enabled", "a.two")] {
        let changed = api.patch(&path, json!({"state": state})).await;
        assert_eq!(changed.expect(200)["state"], state);
        api.sends(json!({"type": sent})).await;
    }
    assert_eq!(heard(api, &listener).await, ["a.two"]);
}

#[tokio::test]
async fn a_url_that_is_registered_twice_is_one_endpoint() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let reaction = json!({"webhook": {"url": receiver.url()}});
    let listener = json!({"name": "first", "on": ["a.b"], "reactions": [reaction]});
    let first = api
        .post("/v1/listeners", listener.clone())
        .await
        .expect(201);
    let made = &first["endpoints"][0];
    assert_eq!(made["created"], true);
    assert!(text(&made["secret"]).starts_with("whsec_"), "{first}");
    let second = api.post("/v1/listeners", listener).await.expect(201);
    assert_eq!(second["endpoints"][0]["id"], made["id"]);
    assert_eq!(second["endpoints"][0]["created"], false);
    assert!(second["endpoints"][0].get("secret").is_none(), "{second}");
    api.sends(json!({"type": "a.b"})).await;
    let webhooks = receiver.expect_requests(2).await;
    assert_ne!(webhooks[0].id(), webhooks[1].id());
    for webhook in &webhooks {
        assert!(webhook.is_signed_with(&text(&made["secret"])));
    }
    assert_eq!(api.list("/v1/endpoints").await.len(), 1);
    assert_eq!(api.list("/v1/listeners").await.len(), 2);
}

#[tokio::test]
async fn a_listener_that_cannot_be_used_is_refused_with_its_place() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let hook = r#"{"webhook": {"url": "https://1.1.1.1/"}}"#;
    let whole = |on: &str, when: &str, reactions: &str| {
        format!(r#"{{"on": {on}, "when": {when}, "reactions": {reactions}}}"#)
    };
    let with_on = |on: &str| whole(on, "null", &format!("[{hook}]"));
    let with_when = |when: &str| whole(r#"["a"]"#, when, &format!("[{hook}]"));
    let with_reaction =
        |reaction: &str| whole(r#"["a"]"#, "null", &format!("[{hook}, {reaction}]"));
    for (body, pointer) in [
        (with_on("[]"), "/on"),
        (with_on(r#"["a", "a..b"]"#), "/on/1"),
        (with_on(r#"["site.de*"]"#), "/on/0"),
        (with_on(r#"["a.>.b"]"#), "/on/0"),
        (with_when("[]"), "/when"),
        (with_when("{}"), "/when"),
        (with_when(r#"{"data": {"a": "x"}}"#), "/when/data/a"),
        (with_when(r#"{"data": {"a": []}}"#), "/when/data/a"),
        (
            with_when(r#"{"data": {"a/b": [{"Prefix": "x"}]}}"#),
            "/when/data/a~1b/0/Prefix",
        ),
        (with_when(r#"{"$or": [{"type": ["a"]}]}"#), "/when/$or"),
        (whole(r#"["a"]"#, "null", "[]"), "/reactions"),
        (with_reaction("{}"), "/reactions/1"),
        (
            with_reaction(r#"{"webhook": {}}"#),
            "/reactions/1/webhook/url",
        ),
        (
            with_reaction(r#"{"webhook": {"endpoint": "end_01h455vb4pex5vsknk084sn02q"}}"#),
            "/reactions/1/webhook/endpoint",
        ),
        (with_reaction(r#"{"emit": {}}"#), "/reactions/1/emit/type"),
        (
            with_reaction(r#"{"emit": {"type": "{{ event.data"}}"#),
            "/reactions/1/emit/type",
        ),
    ] {
        let json = [("content-type", "application/json")];
        let answer = api
            .call(Method::POST, "/v1/listeners", &json, body.clone())
            .await;
        let problem = answer.refused(422, "invalid");
        assert_eq!(problem.pointer(), Some(pointer), "{body}: {}", problem.0);
    }
    let twice = with_when(r#"{"type": ["a"], "type": ["b"]}"#);
    let json = [("content-type", "application/json")];
    let answer = api.call(Method::POST, "/v1/listeners", &json, twice).await;
    assert_eq!(
        answer.refused(400, "bad_body").pointer(),
        Some("/when/type")
    );
    assert_eq!(api.list("/v1/listeners").await.len(), 0);
    assert_eq!(api.list("/v1/endpoints").await.len(), 0);
}

#[tokio::test]
async fn a_listener_is_shown_as_it_was_written() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let body = r#"{"name": "Ops", "on": ["site.>"], "when": {"data":{"n":[1.10, 1e2]}},
        "reactions": [{"emit": {"type": "usage.measured", "data": {"n": "{{ event.data.n }}"}}}]}"#;
    let json = [("content-type", "application/json")];
    let made = api.call(Method::POST, "/v1/listeners", &json, body).await;
    assert!(
        made.text().contains(r#"{"data":{"n":[1.10, 1e2]}}"#),
        "{}",
        made.text()
    );
    let made = made.expect(201);
    assert_eq!(
        (&made["name"], &made["revision"]),
        (&json!("Ops"), &json!(1))
    );
    let shown = api.get(&format!("/v1/listeners/{}", id_of(&made))).await;
    assert!(
        shown.text().contains(r#"{"data":{"n":[1.10, 1e2]}}"#),
        "{}",
        shown.text()
    );
    let template = json!({"type": "usage.measured", "data": {"n": "{{ event.data.n }}"}});
    assert_eq!(shown.expect(200)["reactions"], json!([{"emit": template}]));
}
