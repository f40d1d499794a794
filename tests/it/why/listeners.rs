//! A listener is tried before it is made, or as it is: nothing is stored, nothing sent.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, id_of, text};

async fn tries(api: &Api, listener: Value, events: Value) -> Vec<Value> {
    let body = json!({"listener": listener, "events": events});
    let answer = api.post("/v1/listeners/test", body).await.expect(200);
    answer["data"].as_array().expect("results").clone()
}

#[tokio::test]
async fn a_rule_is_tried_with_events_of_every_kind_clause_by_clause() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let stored = api
        .sends(json!({"type": "site.up", "data": {"env": "live"}}))
        .await;
    let rule = json!({"on": ["site.*"], "when": {"data": {"env": ["live"]}}});
    let events = json!([
        {"type": "site.up", "data": {"env": "test"}},
        {"specversion": "1.0", "id": "7", "source": "/ci", "type": "site.up", "data": {"env": "live"}},
        stored,
        {"type": "domain.set"},
    ]);
    let results = tries(api, rule, events).await;
    let said: Vec<_> = results.iter().map(|it| text(&it["summary"])).collect();
    assert_eq!(
        said,
        [
            r#"did not match: data.env is "test", wanted "live""#,
            "matched",
            "matched",
            "did not match: the type domain.set is none that it waits for",
        ]
    );
    let clause = &results[0]["verdict"]["when"]["clauses"][0];
    assert_eq!(
        (&clause["wanted"], &clause["found"]),
        (&json!(["live"]), &json!(["test"]))
    );
    assert_eq!(results[1]["event"]["event_id"], "7");
    assert_eq!(
        (&results[2]["stored"], &results[2]["event"]["id"]),
        (&json!(true), &json!(stored))
    );
    // Nothing of it was stored.
    assert_eq!(api.list("/v1/events").await.len(), 1);
    assert_eq!(api.list("/v1/listeners").await.len(), 0);
}

#[tokio::test]
async fn reactions_say_what_they_would_do() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let known = api.endpoint(json!({"url": receiver.url()})).await;
    let paused = api
        .endpoint(json!({"url": receiver.url_of("/p"), "state": "paused"}))
        .await;
    let disabled = api
        .endpoint(json!({"url": receiver.url_of("/d"), "state": "disabled"}))
        .await;
    let reactions = json!([
        {"webhook": {"endpoint": known}},
        {"webhook": {"url": receiver.url()}},
        {"webhook": {"url": receiver.url_of("/new")}},
        {"webhook": {"endpoint": paused}},
        {"webhook": {"endpoint": disabled}},
        {"emit": {"type": "usage.measured", "data": {"site": "{{ event.data.site }}"}}},
        {"emit": {"type": "usage.measured", "subject": "{{ event.data.absent }}"}},
    ]);
    let listener = json!({"on": ["a.b"], "reactions": reactions});
    let results = tries(
        api,
        listener,
        json!([{"type": "a.b", "data": {"site": 1.50}}]),
    )
    .await;
    let would = results[0]["reactions"].as_array().expect("reactions");
    let kinds: Vec<_> = would.iter().map(|it| text(&it["would"])).collect();
    assert_eq!(
        kinds,
        [
            "deliver", "deliver", "deliver", "deliver", "skip", "emit", "fail"
        ]
    );
    assert_eq!(would[0]["endpoint"], known);
    assert_eq!(would[1]["endpoint"], known);
    assert_eq!(would[2]["endpoint"], Value::Null);
    assert_eq!(would[2]["url"], receiver.url_of("/new"));
    assert_eq!(would[5]["event"]["type"], "usage.measured");
    assert_eq!(would[5]["event"]["data"].to_string(), r#"{"site":1.5}"#);
    let why = text(&would[6]["summary"]);
    assert!(why.contains("event.data.absent"), "{why}");
    // Neither an endpoint was made nor a webhook sent.
    assert_eq!(api.list("/v1/endpoints").await.len(), 3);
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn a_listener_that_is_there_is_tried_as_it_is() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let emit = json!({"emit": {"type": "c.d"}});
    let listener = id_of(&api.listens(&["a.b", "c.d"], Value::Null, emit).await);
    let first = api.sends(json!({"type": "a.b"})).await;
    let child = api.list("/v1/events?type=c.d").await;
    let child = child.iter().find(|it| it["state"] == "accepted").map(id_of);
    let child = child.expect("an emitted event");
    let results = tries(api, json!(listener), json!([first, child])).await;
    assert_eq!(results[0]["reactions"][0]["would"], "emit");
    // It is what was emitted.
    assert_eq!(results[0]["reactions"][0]["event"]["id"], child);
    assert_eq!(results[1]["reactions"][0]["would"], "emit_into_loop");

    let hook = api.registers("x.y", &receiver.url()).await;
    api.delete(&format!("/v1/endpoints/{}", hook.endpoint))
        .await
        .expect(204);
    let path = format!("/v1/listeners/{}", hook.listener);
    api.patch(&path, json!({"state": "disabled"}))
        .await
        .expect(200);
    let results = tries(api, json!(hook.listener), json!([{"type": "x.y"}])).await;
    assert_eq!(results[0]["matched"], true);
    assert_eq!(
        results[0]["summary"],
        "would have matched, but the listener is disabled"
    );
    assert_eq!(results[0]["reactions"][0]["would"], "skip");
    assert_eq!(
        results[0]["reactions"][0]["summary"],
        "skips: the endpoint is deleted"
    );
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused_with_its_place() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let rule = json!({"on": ["a.b"]});
    let event = json!([{"type": "a.b"}]);
    let absent = "evt_01h455vb4pex5vsknk084sn02q";
    for (listener, events, status, code, pointer) in [
        (json!({}), event.clone(), 422, "invalid", "/listener/on"),
        (json!(7), event.clone(), 422, "invalid", "/listener"),
        (json!("lis_1"), event.clone(), 422, "invalid", "/listener"),
        (
            json!({"on": ["a..b"]}),
            event.clone(),
            422,
            "invalid",
            "/listener/on/0",
        ),
        (
            json!({"on": ["a"], "when": {"x": 1}}),
            event.clone(),
            422,
            "invalid",
            "/listener/when/x",
        ),
        (
            json!({"on": ["a"], "reactions": [{"emit": {}}]}),
            event.clone(),
            422,
            "invalid",
            "/listener/reactions/0/emit/type",
        ),
        (
            json!({"on": ["a"], "reactions": [{"webhook": {"endpoint": "end_1"}}]}),
            event.clone(),
            422,
            "invalid",
            "/listener/reactions/0/webhook/endpoint",
        ),
        (
            json!({"on": ["a"], "reactions": [{"webhook": {"url": "https://10.0.0.1/"}}]}),
            event.clone(),
            422,
            "url_refused",
            "/listener/reactions/0/webhook/url",
        ),
        (rule.clone(), json!([]), 422, "invalid", "/events"),
        (
            rule.clone(),
            json!(vec![json!({"type": "a.b"}); 101]),
            422,
            "invalid",
            "/events",
        ),
        (
            rule.clone(),
            json!([{"type": "a.b"}, absent]),
            422,
            "invalid",
            "/events/1",
        ),
        (
            rule.clone(),
            json!([{"type": "a b"}]),
            400,
            "bad_event",
            "/events/0/type",
        ),
        (rule, json!([[]]), 422, "invalid", "/events/0"),
    ] {
        let body = json!({"listener": listener, "events": events});
        let refused = api
            .post("/v1/listeners/test", body.clone())
            .await
            .refused(status, code);
        assert_eq!(refused.pointer(), Some(pointer), "{body}");
    }
}

#[tokio::test]
async fn a_stranger_tries_nothing_of_others() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let (api, operator) = (gateway.api(), gateway.api());
    let hook = api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let stranger = operator.new_project("stranger").await;
    let rule = json!({"on": ["a.b"]});
    for body in [
        json!({"listener": hook.listener, "events": [{"type": "a.b"}]}),
        json!({"listener": rule, "events": [event]}),
    ] {
        stranger
            .post("/v1/listeners/test", body)
            .await
            .refused(422, "invalid");
    }
    // The platform hears all events, so its operators try its listeners with all of them.
    let platform = operator.in_project("platform");
    let results = tries(&platform, rule, json!([event])).await;
    assert_eq!(results[0]["matched"], true);
}
