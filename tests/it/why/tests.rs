//! Endpoints are tested: with an event of one's own, waited for, or at another URL.

use serde_json::{Value, json};

use crate::support::{Receiver, Setup, a_webhook, attempts, text, within};

#[tokio::test]
async fn a_test_is_waited_for_and_shows_its_attempt() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let test = format!("/v1/endpoints/{}/test", hook.endpoint);
    receiver.answers(503);
    let failed = api
        .post_nothing(&format!("{test}?wait=10s"))
        .await
        .expect(200);
    assert_eq!(failed["result"]["state"], "dead");
    assert_eq!(failed["summary"], failed["result"]["summary"]);
    assert_eq!(attempts(&failed["result"]).len(), 1);
    assert_eq!(failed["result"]["attempts"][0]["response"]["status"], 503);
    assert_eq!(failed["result"]["cause"], Value::Null);
    receiver.answers(200);
    // Nobody waits: the delivery is named at once.
    let begun = api.post_nothing(&test).await.expect(202);
    assert_eq!(begun["result"], Value::Null);
    api.delivery_becomes(&text(&begun["delivery"]), "delivered")
        .await;
    // The outcome does not come within the wait.
    receiver.hangs();
    let waited = api
        .post_nothing(&format!("{test}?wait=100ms"))
        .await
        .expect(202);
    assert_eq!(waited["result"], Value::Null);
    receiver.lets_go();
    for bad in ["31s", "soon", "-1s"] {
        let path = format!("{test}?wait={bad}");
        api.post_nothing(&path).await.refused(400, "bad_parameter");
    }
}

#[tokio::test]
async fn an_event_of_ones_own_or_one_that_is_there_is_delivered_past_all_listeners() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let test = format!("/v1/endpoints/{}/test?wait=10s", hook.endpoint);
    // The webhook waits for a.b: sent as a test, it arrives once.
    let event = json!({"type": "a.b", "subject": "site/7", "data": {"n": 1}});
    let own = api.post(&test, json!({"event": event})).await.expect(200);
    assert_eq!(own["result"]["state"], "delivered");
    let sent = receiver.expect_one().await;
    assert_eq!(sent.json()["data"], json!({"n": 1}));
    assert!(sent.is_signed_with(&hook.secret));
    let stored = api
        .get(&format!(
            "/v1/events/{}",
            text(&own["result"]["event"]["id"])
        ))
        .await;
    assert_eq!(stored.expect(200)["state"], "test");

    let real = api.sends(json!({"type": "c.d"})).await;
    let again = api.post(&test, json!({"event": real})).await.expect(200);
    assert_eq!(again["result"]["event"]["id"], real);
    assert_eq!(receiver.expect_requests(2).await[1].json()["type"], "c.d");
    assert_eq!(
        api.get(&format!("/v1/events/{real}")).await.expect(200)["state"],
        "accepted"
    );

    for (body, pointer) in [
        (json!({"event": "evt_01h455vb4pex5vsknk084sn02q"}), "/event"),
        (json!({"event": 7}), "/event"),
        (json!({"secret": hook.secret}), "/secret"),
        (json!({"what": 1}), "/what"),
    ] {
        let refused = api.post(&test, body).await.refused(422, "invalid");
        assert_eq!(refused.pointer(), Some(pointer));
    }
    let bad = api.post(&test, json!({"event": {"type": ""}})).await;
    assert_eq!(bad.refused(400, "bad_event").pointer(), Some("/event/type"));
}

#[tokio::test]
async fn an_endpoint_that_takes_nothing_says_so() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let test = format!("/v1/endpoints/{}/test?wait=30s", hook.endpoint);
    api.sets(&hook.endpoint, "paused").await;
    let paused = within("an answer at once", api.post_nothing(&test))
        .await
        .expect(202);
    let summary = text(&paused["summary"]);
    assert!(
        summary.starts_with("waiting: the endpoint is paused since "),
        "{summary}"
    );
    api.sets(&hook.endpoint, "disabled").await;
    let refused = api.post_nothing(&test).await.refused(409, "wrong_state");
    assert!(
        refused.detail().contains("disabled since "),
        "{}",
        refused.detail()
    );
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn another_url_gets_neither_the_secret_nor_the_headers_of_the_endpoint() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let headers = json!({"headers": {"authorization": "Bearer s3cret", "x-team": "web"}});
    let endpoint = format!("/v1/endpoints/{}", hook.endpoint);
    api.patch(&endpoint, headers).await.expect(200);
    api.sets(&hook.endpoint, "disabled").await;
    let elsewhere = Receiver::start().await;
    elsewhere.answers(500);
    let test = format!("{endpoint}/test");
    let body = json!({"url": elsewhere.url(), "event": {"type": "a.b"}});
    let tried = api.post(&test, body).await.expect(200);
    let sent = elsewhere.expect_one().await;
    assert!(sent.header("authorization").is_none() && sent.header("x-team").is_none());
    assert!(!sent.is_signed_with(&hook.secret));
    assert!(sent.is_signed_with(&text(&tried["secret"])));
    assert_eq!(tried["delivery"], Value::Null);
    assert_eq!(tried["attempt"]["response"]["status"], 500);
    assert_eq!(tried["attempt"]["request"]["body"]["content"], sent.text());
    let summary = text(&tried["summary"]);
    let said = "status_5xx: answered 500 – the receiver failed (5xx)";
    assert!(summary.ends_with(said), "{summary}");
    // Nothing was stored, and the endpoint's own receiver heard nothing.
    assert_eq!(api.list("/v1/events").await.len(), 0);
    assert_eq!(api.deliveries("").await.len(), 0);
    assert_eq!(receiver.received().len(), 0);

    let own = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    elsewhere.answers(200);
    let body = json!({"url": elsewhere.url(), "secret": own});
    let tried = api.post(&test, body).await.expect(200);
    assert!(elsewhere.expect_requests(2).await[1].is_signed_with(own));
    let summary = text(&tried["summary"]);
    assert!(summary.starts_with("taken with 200 after "), "{summary}");

    for (url, pointer) in [
        ("https://10.0.0.1/", "/url"),
        ("ftp://example.com/", "/url"),
    ] {
        let refused = api
            .post(&test, json!({"url": url}))
            .await
            .refused(422, "url_refused");
        assert_eq!(refused.pointer(), Some(pointer));
    }
    let refused = api
        .post(&test, json!({"url": elsewhere.url(), "secret": "x"}))
        .await;
    assert_eq!(refused.refused(422, "invalid").pointer(), Some("/secret"));
}

#[tokio::test]
async fn requests_to_other_urls_are_few_at_a_time() {
    let gateway = Setup::new().start().await;
    let (api, elsewhere) = (gateway.api().clone(), Receiver::start().await);
    let endpoint = api
        .endpoint(json!({"url": elsewhere.url(), "timeout": "20s"}))
        .await;
    let test = format!("/v1/endpoints/{endpoint}/test");
    let body = json!({"url": elsewhere.url()});
    elsewhere.hangs();
    let begin = || {
        let (api, test, body) = (api.clone(), test.clone(), body.clone());
        tokio::spawn(async move { api.post(&test, body).await })
    };
    let under_way = [begin(), begin()];
    elsewhere.expect_requests(2).await;
    let refused = api.post(&test, body.clone()).await;
    refused.refused(429, "too_many_requests");
    elsewhere.lets_go();
    for trial in under_way {
        trial.await.expect("no panic").expect(200);
    }
    api.post(&test, body).await.expect(200);
}
