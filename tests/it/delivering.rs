//! Webhooks as receivers get them: signed, in the format that was asked for, as they were sent, and
//! no more at a time than they can take.

use std::collections::HashSet;

use serde_json::json;

use crate::support::{Gateway, Receiver, Setup, Webhook, attempts, text};

#[tokio::test]
async fn an_event_becomes_a_signed_webhook() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let hook = api.registers("site.*", &receiver.url_of("/hook?a=b")).await;
    let event = json!({"type": "site.deployed", "subject": "site/7", "source": "/ci", "id": "7",
        "time": "2026-01-31T12:00:00Z", "data": {"n": 1}});
    let event = api.sends(event).await;
    let webhook = receiver.expect_one().await;
    assert_eq!(
        (webhook.method.as_str(), webhook.path.as_str()),
        ("POST", "/hook?a=b")
    );
    assert!(webhook.is_signed_with(&hook.secret));
    assert_eq!(webhook.signatures(), 1);
    assert_eq!(webhook.id(), api.delivery_of(&event).await);
    assert_eq!(webhook.header("content-type"), Some("application/json"));
    let agent = webhook.header("user-agent").expect("a name");
    assert!(agent.starts_with("riposte/"), "{agent}");
    assert_eq!(
        webhook.text(),
        r#"{"id":"7","type":"site.deployed","timestamp":"2026-01-31T12:00:00Z","source":"/ci","subject":"site/7","data":{"n":1}}"#
    );
    let delivery = api.delivery_becomes(webhook.id(), "delivered").await;
    assert_eq!(delivery["endpoint"], hook.endpoint);
    assert_eq!(delivery["cause"]["listener"], hook.listener);
    assert_eq!(
        delivery["event"],
        json!({"id": event, "type": "site.deployed"})
    );
    let body = &delivery["attempts"][0]["request"]["body"];
    assert_eq!(
        *body,
        json!({"encoding": "text", "content": webhook.text()})
    );
}

#[tokio::test]
async fn a_schedule_may_begin_with_a_wait() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let later = json!({"url": receiver.url(), "retry": {"schedule": ["1h"], "jitter": 0}});
    api.hears_all(later).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let delivery = api.delivery_of(&event).await;
    let delivery = api.delivery(&delivery).await;
    let [made, due] = ["created_at", "next_attempt_at"].map(|field| text(&delivery[field]));
    let [made, due]: [jiff::Timestamp; 2] = [made, due].map(|at| at.parse().expect("a time"));
    let waits = due.duration_since(made).as_secs();
    assert!((3_590..=3_600).contains(&waits), "{delivery}");
    assert_eq!(delivery["attempts"], json!([]));
}

#[tokio::test]
async fn the_bytes_of_data_arrive_as_they_were_sent() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let hook = gateway.api().registers("a.b", &receiver.url()).await;
    let data = r#"{"z":1.10,"big":1e400, "a":123456789012345678901234567890,"esc":"\u00e9\/\ud83d\ude00","e":[ ]}"#;
    let body = format!(r#"{{"type":"a.b","data":{data}}}"#);
    let json = [("content-type", "application/json")];
    let sent = gateway
        .api()
        .call(http::Method::POST, "/v1/events", &json, body);
    sent.await.expect(202);
    let webhook = receiver.expect_one().await;
    assert!(
        webhook.text().ends_with(&format!(r#""data":{data}}}"#)),
        "{}",
        webhook.text()
    );
    assert!(webhook.is_signed_with(&hook.secret));
}

#[tokio::test]
async fn an_endpoint_gets_the_format_that_it_asks_for() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let receivers = [
        Receiver::start().await,
        Receiver::start().await,
        Receiver::start().await,
    ];
    let formats = ["standard", "cloudevents", "cloudevents-binary"];
    let mut secrets = Vec::new();
    for (receiver, format) in receivers.iter().zip(formats) {
        let id = api
            .hears_all(json!({"url": receiver.url(), "format": format}))
            .await;
        secrets.push(api.secret_of(&id).await);
    }
    let event = json!({"specversion": "1.0", "id": "7", "source": "/ci", "type": "a.b",
        "subject": "s/ü", "time": "2026-01-31T12:00:00Z", "datacontenttype": "application/json",
        "team": "web", "data": {"n": 1}});
    api.sends(event.clone()).await;
    let mut webhooks: Vec<Webhook> = Vec::new();
    for (receiver, secret) in receivers.iter().zip(&secrets) {
        let webhook = receiver.expect_one().await;
        assert!(webhook.is_signed_with(secret));
        webhooks.push(webhook);
    }
    let ids: HashSet<_> = webhooks.iter().map(Webhook::id).collect();
    assert_eq!(ids.len(), 3);
    let standard = json!({"id": "7", "type": "a.b", "timestamp": "2026-01-31T12:00:00Z",
        "source": "/ci", "subject": "s/ü", "data": {"n": 1}});
    assert_eq!(webhooks[0].json(), standard);
    assert_eq!(webhooks[1].json(), event);
    let kind = webhooks[1].header("content-type").expect("a type");
    assert!(kind.starts_with("application/cloudevents+json"), "{kind}");
    let binary = &webhooks[2];
    assert_eq!(binary.json(), json!({"n": 1}));
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-type", "a.b"),
        ("ce-source", "/ci"),
        ("ce-subject", "s/%C3%BC"),
        ("ce-team", "web"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(binary.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn an_endpoint_gets_its_own_headers_and_the_trace_goes_through() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let headers = json!({"x-team": "web", "Authorization": "Bearer token-of-the-receiver"});
    let id = api
        .hears_all(json!({"url": receiver.url(), "headers": headers}))
        .await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let event = json!({"type": "a.b", "extensions": {"traceparent": trace}});
    api.sends(event).await;
    let webhook = receiver.expect_one().await;
    assert_eq!(webhook.header("x-team"), Some("web"));
    assert_eq!(
        webhook.header("authorization"),
        Some("Bearer token-of-the-receiver")
    );
    assert_eq!(webhook.header("traceparent"), Some(trace));
    let shown = api.get(&format!("/v1/endpoints/{id}")).await.expect(200);
    assert_eq!(shown["headers"]["authorization"], "[hidden]");
    let delivery = api.delivery_becomes(webhook.id(), "delivered").await;
    assert!(
        !delivery.to_string().contains("token-of-the-receiver"),
        "{delivery}"
    );
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_up_after_the_timeout_and_holds_up_nobody() {
    let gateway = Setup::new().retrying("0s");
    let gateway = gateway
        .with("RIPOSTE_DELIVERY__CONCURRENCY", "2")
        .start()
        .await;
    let api = gateway.api();
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.hangs();
    let slow_one = api
        .hears_all(json!({"url": slow.url(), "timeout": "500ms"}))
        .await;
    api.hears_all(json!({"url": quick.url()})).await;
    for _ in 0..10 {
        api.sends(json!({"type": "a.b"})).await;
    }
    quick.expect_requests(10).await;
    assert!(slow.received().len() <= 4, "{}", slow.received().len());
    api.drained().await;
    let dead = api
        .deliveries(&format!("endpoint={slow_one}&state=dead"))
        .await;
    assert_eq!(dead.len(), 10);
    let attempts = attempts(&api.delivery(&text(&dead[0]["id"])).await);
    assert_eq!(attempts[0]["error"]["kind"], "headers_timeout");
}

#[tokio::test]
async fn an_endpoint_gets_no_more_requests_at_a_time_than_it_can_take() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    receiver.hangs();
    api.hears_all(json!({"url": receiver.url(), "concurrency": 3}))
        .await;
    let batch: Vec<_> = (0..20).map(|_| json!({"type": "a.b"})).collect();
    api.post("/v1/events", json!(batch)).await.expect(202);
    receiver.expect_requests(3).await;
    // Whatever would leave now has left before this is answered.
    let (other, quick) = (json!({"type": "c.d"}), Receiver::start().await);
    api.registers("c.d", &quick.url()).await;
    api.sends(other).await;
    quick.expect_one().await;
    receiver.expect_requests(3).await;
    receiver.lets_go();
    receiver.at_least(21).await;
    let stats = api.drained().await;
    assert_eq!(stats["deliveries"]["delivered"], 22, "{stats}");
}

#[tokio::test]
async fn an_endpoints_own_header_stands_in_the_place_of_the_usual_one() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let headers = json!({"User-Agent": "shop/1.0", "accept": "text/plain"});
    let endpoint = json!({"url": receiver.url(), "headers": headers});
    gateway.api().hears_all(endpoint).await;
    gateway.api().sends(json!({"type": "a.b"})).await;
    let webhook = receiver.expect_one().await;
    for (name, value) in [("user-agent", "shop/1.0"), ("accept", "text/plain")] {
        let all: Vec<_> = webhook.headers.get_all(name).iter().collect();
        assert_eq!(all, [value], "{name}");
    }
}
