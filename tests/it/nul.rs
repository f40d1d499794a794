//! U+0000 in what users send: it is refused, or it comes back as it was. Neither database makes a difference.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Gateway, Receiver, a_webhook, text, until};

/// A text with one, and with the character that stands for it in PostgreSQL.
const TEXT: &str = "a\0b\u{fdd0}0";

#[tokio::test]
async fn attributes_and_names_have_none() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    for (attribute, pointer) in [
        (json!({"id": "a\0"}), "/id"),
        (json!({"source": "/a\0"}), "/source"),
        (json!({"subject": "a\0"}), "/subject"),
        (
            json!({"extensions": {"tenant": "a\0"}}),
            "/extensions/tenant",
        ),
    ] {
        let mut event = json!({"type": "a.b"});
        event
            .as_object_mut()
            .expect("an object")
            .extend(attribute.as_object().expect("an object").clone());
        let problem = api.post("/v1/events", event).await;
        assert_eq!(problem.refused(400, "bad_event").pointer(), Some(pointer));
    }
    let endpoint = json!({"name": "a\0", "url": "http://127.0.0.1:1/"});
    let listener = json!({"name": "a\0", "on": ["a.b"], "reactions": [{"emit": {"type": "c.d"}}]});
    for (path, named) in [
        ("/v1/endpoints", endpoint),
        ("/v1/listeners", listener),
        ("/v1/keys", json!({"name": "a\0"})),
    ] {
        let problem = api.post(path, named).await.refused(422, "invalid");
        assert_eq!(problem.pointer(), Some("/name"), "{path}");
    }
    // What was refused is listed with what it was called.
    let look = async || match api.list("/v1/refusals?event_id=a%00").await {
        all if all.len() == 1 => Ok(all),
        all => Err(format!("{all:?}")),
    };
    let refused = until("the refusal", look).await;
    assert_eq!(refused[0]["event_id"], "a\0");
}

#[tokio::test]
async fn what_an_event_carries_comes_back_and_arrives_as_it_was() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    receiver.answers_with(200, &[], TEXT);
    let data = json!({TEXT: [TEXT]});
    let event = json!({"type": "a.b", "id": "7", "source": "/", "data": data});
    let id = api.sends(event.clone()).await;
    let delivery = api.delivery_of(&id).await;
    let delivered = api.delivery_becomes(&delivery, "delivered").await;
    let shown = api.get(&format!("/v1/events/{id}")).await.expect(200);
    assert_eq!(shown["event"]["data"], data);
    let webhook = receiver.expect_one().await;
    assert_eq!(webhook.json()["data"], data);
    assert!(webhook.is_signed_with(&hook.secret));
    assert_eq!(
        delivered["attempts"][0]["response"]["body"]["content"], TEXT,
        "{delivered}"
    );
    let again = api.post("/v1/events", event).await.expect(202);
    assert_eq!(again["data"][0]["status"], "duplicate");

    // Text that is no JSON has it as it stands.
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-type", "a.b"),
        ("ce-id", "8"),
        ("ce-source", "/"),
        ("content-type", "text/plain"),
    ];
    let sent = api.call(Method::POST, "/v1/events", &headers, TEXT).await;
    let id = text(&sent.expect(202)["data"][0]["id"]);
    let shown = api.get(&format!("/v1/events/{id}")).await.expect(200);
    let webhook = receiver.expect_requests(2).await.remove(1);
    assert_eq!(webhook.json()["data"], shown["event"]["data"], "{shown}");
}

#[tokio::test]
async fn listeners_find_it_and_are_found() {
    let gateway = Gateway::start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    let endpoint = api.endpoint(json!({"url": receiver.url()})).await;
    let listener = json!({"name": "Odd", "on": ["a.b"], "when": {"data": {TEXT: [TEXT]}},
        "reactions": [{"webhook": {"endpoint": endpoint}}]});
    let listener = api.post("/v1/listeners", listener).await.expect(201);
    assert_eq!(listener["when"], json!({"data": {TEXT: [TEXT]}}));
    let other = api
        .sends(json!({"type": "a.b", "data": {TEXT: ["a\u{fdd0}0b"]}}))
        .await;
    assert!(api.deliveries(&format!("event={other}")).await.is_empty());
    let event = api
        .sends(json!({"type": "a.b", "data": {TEXT: TEXT}}))
        .await;
    let delivery = api.delivery_of(&event).await;
    api.delivery_becomes(&delivery, "delivered").await;
    let verdicts = api.get(&format!("/v1/events/{other}/verdicts")).await;
    verdicts.expect(200);
    for path in ["/v1/find?q=odd", "/v1/listeners?name=odd"] {
        let found = api.get(path).await.expect(200);
        assert_eq!(
            found["data"].as_array().map(Vec::len),
            Some(1),
            "{path}: {found}"
        );
    }
}

#[tokio::test]
async fn no_filter_stumbles_over_it() {
    let (gateway, _receiver, _hook) = a_webhook().await;
    let api = gateway.api();
    api.delivery_of_new().await;
    for path in [
        "/v1/events?subject=a%00",
        "/v1/events?source=a%00",
        "/v1/events?id=a%00",
        "/v1/deliveries?reason=a%00",
        "/v1/dead-letters?reason=a%00",
        "/v1/listeners?name=a%00",
        "/v1/endpoints?name=a%00",
        "/v1/endpoints?url=a%00",
        "/v1/audit?object=a%00",
        "/v1/refusals?event_id=a%00",
        "/v1/find?q=a%00",
    ] {
        let found = api.get(path).await;
        match found.status {
            200 => assert_eq!(found.json()["data"], json!([]), "{path}"),
            _ => drop(found.refused(400, "bad_parameter")),
        }
    }
}

#[tokio::test]
async fn an_event_that_broke_its_schema_there_can_be_erased() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let schema =
        json!({"schema": {"additionalProperties": {"type": "integer"}}, "validation": "warn"});
    api.json(Method::PUT, "/v1/event-types/a.b", schema)
        .await
        .expect(200);
    let event = api
        .sends(json!({"type": "a.b", "data": {"a\0b": "c\0d"}}))
        .await;
    let seen = async || api.get("/v1/event-types/a.b").await.expect(200);
    let broken = seen().await;
    assert_eq!(
        broken["seen"]["last_violation"]["pointer"], "/data/a\0b",
        "{broken}"
    );
    api.post(&format!("/v1/events/{event}/erase"), json!({}))
        .await
        .expect(200);
    assert_eq!(seen().await["seen"]["last_violation"], Value::Null);
}
