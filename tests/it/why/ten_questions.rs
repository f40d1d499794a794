//! "Why did my webhook not arrive?": the ten questions that people come with, each answered by one
//! request. `docs/why.md` walks through them in this order.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, Setup, a_webhook, id_of, text, until};

/// A deploy that failed, as its producer sends it.
fn deploy() -> Value {
    json!({
        "type": "site.deploy.failed",
        "id": "deploy-4711",
        "source": "/ci",
        "subject": "site/7",
        "data": {"environment": "production", "version": 3},
    })
}

/// Makes a listener for deploys that sends to `endpoint`; gives its id.
async fn hears_deploys(api: &Api, endpoint: &str, environment: &str) -> String {
    let listener = json!({
        "name": format!("Deploys to {environment}"),
        "on": ["site.deploy.*"],
        "when": {"data": {"environment": [environment]}},
        "reactions": [{"webhook": {"endpoint": endpoint}}],
    });
    id_of(&api.post("/v1/listeners", listener).await.expect(201))
}

/// What a listener said, of all verdicts on an event.
fn of<'a>(verdicts: &'a Value, listener: &str) -> &'a Value {
    let mut all = verdicts["data"].as_array().expect("verdicts").iter();
    let own = all.find(|verdict| verdict["listener"] == listener);
    own.unwrap_or_else(|| panic!("{listener} has no verdict: {verdicts}"))
}

#[tokio::test]
async fn question_1_what_is_this_id_and_where() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let endpoint = api.endpoint(json!({"url": receiver.url()})).await;
    hears_deploys(api, &endpoint, "production").await;
    let event = api.sends(deploy()).await;
    // All that a receiver has is the header of a webhook, and all that a producer has is its own id.
    let delivery = text(&json!(receiver.expect_one().await.id()));
    api.delivery_becomes(&delivery, "delivered").await;
    for (at_hand, kind, path) in [
        (&delivery, "delivery", format!("/v1/deliveries/{delivery}")),
        (&event, "event", format!("/v1/events/{event}")),
        (
            &"deploy-4711".to_owned(),
            "event",
            format!("/v1/events/{event}"),
        ),
        (&endpoint, "endpoint", format!("/v1/endpoints/{endpoint}")),
        (
            &receiver.url(),
            "endpoint",
            format!("/v1/endpoints/{endpoint}"),
        ),
    ] {
        let found = api.get(&format!("/v1/find?q={at_hand}")).await.expect(200);
        let found = &found["data"][0];
        assert_eq!(found["kind"], kind, "{at_hand}");
        assert_eq!(found["path"], path);
        api.get(&path).await.expect(200);
    }
}

#[tokio::test]
async fn question_2_was_the_event_received_or_refused_or_a_duplicate() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let event = api.sends(deploy()).await;
    let mut other = deploy();
    other["data"]["version"] = json!(4);
    let mut malformed = deploy();
    malformed["type"] = json!("site..failed");
    // Sent again with its id, an event is safe: the answer says at once of which it is a duplicate.
    let again = api.post("/v1/events", deploy()).await.expect(202);
    assert_eq!(again["data"], json!([{"status": "duplicate", "id": event}]));
    api.post("/v1/events", other)
        .await
        .refused(409, "event_conflict");
    api.post("/v1/events", malformed)
        .await
        .refused(400, "bad_event");
    // Whoever comes later finds it written down.
    let refusals = until("three refusals", async || {
        let all = api.list("/v1/refusals?event_id=deploy-4711").await;
        match all.len() {
            3 => Ok(all),
            _ => Err(format!("{all:?}")),
        }
    })
    .await;
    let mut said: Vec<_> = refusals
        .iter()
        .map(|it| {
            (
                text(&it["outcome"]),
                it["event"].clone(),
                it["pointer"].clone(),
            )
        })
        .collect();
    said.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        said,
        [
            ("conflict".to_owned(), json!(event), Value::Null),
            ("duplicate".to_owned(), json!(event), Value::Null),
            ("refused".to_owned(), Value::Null, json!("/type")),
        ]
    );
}

#[tokio::test]
async fn question_3_which_listeners_were_asked_and_what_did_each_say() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let endpoint = api.endpoint(json!({"url": receiver.url()})).await;
    let production = hears_deploys(api, &endpoint, "production").await;
    let staging = hears_deploys(api, &endpoint, "staging").await;
    let event = api.sends(deploy()).await;
    let path = format!("/v1/events/{event}/verdicts");
    let verdicts = api.get(&path).await.expect(200);
    assert_eq!(of(&verdicts, &production)["summary"], "matched");
    let staging = of(&verdicts, &staging);
    assert_eq!(
        staging["summary"],
        r#"did not match: data.environment is "production", wanted "staging""#
    );
    let clause = &staging["verdict"]["when"]["clauses"][0];
    assert_eq!(clause["pointer"], "/data/environment");
    assert_eq!(clause["wanted"], json!(["staging"]));
    assert_eq!(clause["found"], json!(["production"]));
}

#[tokio::test]
async fn question_4_was_it_skipped_and_since_when_is_that_so() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    for (state, outcome, begin) in [
        ("disabled", "skipped", "skipped: the endpoint is disabled"),
        ("paused", "delivery", "waiting: the endpoint is paused"),
    ] {
        let endpoint = api
            .endpoint(json!({"url": receiver.url_of(&format!("/{state}"))}))
            .await;
        let listener = hears_deploys(api, &endpoint, state).await;
        api.sets(&endpoint, state).await;
        let since = api.get(&format!("/v1/endpoints/{endpoint}")).await;
        let since = text(&since.expect(200)["state_since"]);
        let event = json!({"type": "site.deploy.failed", "data": {"environment": state}});
        let event = api.sends(event).await;
        let path = format!("/v1/events/{event}/verdicts");
        let verdicts = api.get(&path).await.expect(200);
        let reaction = &of(&verdicts, &listener)["reactions"][0];
        assert_eq!(reaction["outcome"], outcome);
        assert_eq!(reaction["summary"], format!("{begin} since {since}"));
    }
}

#[tokio::test]
async fn question_5_what_happened_when() {
    let gateway = Setup::new().retrying("0s,10ms,1h").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    receiver.answers(503);
    api.registers("a.b", &receiver.url()).await;
    let id = api.delivery_of_new().await;
    api.attempted(&id, 2).await;
    let delivery = api.delivery(&id).await;
    let steps = delivery["timeline"].as_array().expect("steps");
    let steps: Vec<_> = steps.iter().map(|step| text(&step["what"])).collect();
    assert_eq!(
        steps,
        [
            "received",
            "matched",
            "queued",
            "attempted",
            "attempted",
            "next_attempt"
        ]
    );
    let next = text(&delivery["timeline"][5]["at"]);
    let summary = text(&delivery["summary"]);
    let begin = format!("next attempt at {next}; 2 attempts, last error status_5xx");
    assert!(summary.starts_with(&begin), "{summary}");
}

#[tokio::test]
async fn question_6_what_was_sent_and_what_came_back() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    receiver.answers_with(422, &[("x-request-id", "r-7")], "no such site");
    let id = api.delivery_of_new().await;
    let sent = receiver.expect_one().await;
    api.delivery_becomes(&id, "dead").await;
    let path = format!("/v1/deliveries/{id}/attempts/1");
    let attempt = api.get(&path).await.expect(200);
    let request = &attempt["request"];
    assert_eq!(request["url"], receiver.url());
    let address = text(&request["address"]);
    assert!(receiver.url().contains(&address), "{address}");
    assert_eq!(request["body"]["content"], sent.text());
    let headers = request["headers"].as_array().expect("headers");
    let signature = headers.iter().find(|it| it["name"] == "webhook-signature");
    assert_eq!(
        signature.expect("a signature")["value"],
        sent.header("webhook-signature").expect("a signature")
    );
    let base = text(&attempt["signature_base"]["content"]);
    assert!(base.starts_with(&format!("{id}.")) && base.ends_with(sent.text()));
    assert!(sent.is_signed_with(&hook.secret));
    let response = &attempt["response"];
    assert_eq!(response["status"], 422);
    assert_eq!(response["body"]["content"], "no such site");
    let headers = response["headers"].as_array().expect("headers");
    assert!(headers.contains(&json!({"name": "x-request-id", "value": "r-7"})));
    assert!(attempt["duration_ms"].is_u64());
}

#[tokio::test]
async fn question_7_what_kind_of_error_was_it() {
    let gateway = Setup::new().retrying("0s").start().await;
    let api = gateway.api();
    let down = Receiver::down().await;
    let [refuses, redirects, hangs] = [
        Receiver::start().await,
        Receiver::start().await,
        Receiver::start().await,
    ];
    refuses.answers(404);
    redirects.answers_with(301, &[("location", "https://elsewhere.example/")], "");
    hangs.hangs();
    for (url, kind, says) in [
        (down.url(), "connect_refused", "Nothing listens"),
        (refuses.url(), "status_4xx", "refused the webhook"),
        (redirects.url(), "redirect", "points elsewhere"),
        (hangs.url(), "headers_timeout", "in time"),
    ] {
        let endpoint = json!({"url": url, "timeout": "500ms"});
        let endpoint = api.endpoint(endpoint).await;
        let test = format!("/v1/endpoints/{endpoint}/test?wait=30s");
        let tested = api.post_nothing(&test).await.expect(200);
        let error = &tested["result"]["attempts"][0]["error"];
        assert_eq!(error["kind"], kind, "{error}");
        assert!(text(&error["explanation"]).contains(says), "{error}");
    }
}

#[tokio::test]
async fn question_8_does_the_same_fail_elsewhere() {
    let gateway = Setup::new().retrying("0s").start().await;
    let api = gateway.api();
    let failing = [Receiver::start().await, Receiver::start().await];
    let mut endpoints = Vec::new();
    for receiver in &failing {
        receiver.answers(503);
        endpoints.push(api.hears_all(json!({"url": receiver.url()})).await);
    }
    let down = Receiver::down().await;
    api.hears_all(json!({"url": down.url()})).await;
    api.sends(deploy()).await;
    api.drained().await;
    let by_cause = api.get("/v1/dead-letters/groups?by=cause").await;
    let by_cause = by_cause.expect(200);
    let groups = by_cause["data"].as_array().expect("groups");
    let counts: Vec<_> = groups
        .iter()
        .map(|group| (text(&group["error_kind"]), &group["endpoints"]))
        .collect();
    assert_eq!(
        counts,
        [
            ("status_5xx".to_owned(), &json!(2)),
            ("connect_refused".to_owned(), &json!(1)),
        ]
    );
    let samples = groups[0]["samples"].as_array().expect("deliveries");
    for sample in samples {
        let delivery = api.delivery(&text(sample)).await;
        assert!(
            endpoints.contains(&text(&delivery["endpoint"])),
            "{delivery}"
        );
    }
    // What the group has in common is what redrives it.
    let redriven = api.redrives(groups[0]["selection"].clone()).await;
    assert_eq!(redriven["total"], 2, "{redriven}");
}

#[tokio::test]
async fn question_9_send_it_again_or_elsewhere_or_by_hand() {
    let (gateway, receiver, hook) = a_webhook().await;
    let (api, mine) = (gateway.api(), Receiver::start().await);
    receiver.answers(500);
    let id = api.delivery_of_new().await;
    api.delivery_becomes(&id, "dead").await;
    // To a URL of one's own.
    let delivery = api.delivery(&id).await;
    let elsewhere = json!({"url": mine.url(), "event": delivery["event"]["id"]});
    let test = format!("/v1/endpoints/{}/test", hook.endpoint);
    let tried = api.post(&test, elsewhere).await.expect(200);
    assert_eq!(tried["attempt"]["response"]["status"], 200);
    assert_eq!(mine.expect_one().await.json()["type"], "a.b");
    // As a command for a shell.
    let path = format!("/v1/deliveries/{id}/attempts/1");
    let attempt = api.get(&path).await.expect(200);
    let command = text(&attempt["curl"]["command"]);
    let shell = move || Command::new("sh").arg("-c").arg(command).output();
    let ran = tokio::task::spawn_blocking(shell);
    assert!(
        ran.await
            .expect("no panic")
            .expect("a shell")
            .status
            .success()
    );
    assert_eq!(receiver.expect_requests(2).await[1].id(), id);
    // Once more.
    receiver.answers(200);
    let retry = format!("/v1/deliveries/{id}/retry");
    api.post_nothing(&retry).await.expect(202);
    api.delivery_becomes(&id, "delivered").await;
    assert!(receiver.received()[2].is_signed_with(&hook.secret));
}

#[tokio::test]
async fn question_10_is_it_lost_or_only_late() {
    let gateway = Gateway::with("RIPOSTE_DELIVERY__CONCURRENCY", "1");
    let (gateway, receiver) = (gateway.start().await, Receiver::start().await);
    let api = gateway.api();
    receiver.hangs();
    api.registers("a.b", &receiver.url()).await;
    let first = api.delivery_of_new().await;
    receiver.expect_requests(1).await;
    api.delivery_of_new().await;
    let stats = api.stats().await;
    assert_eq!(stats["deliveries"]["pending"], 2);
    let queue = &stats["queue"];
    assert_eq!((&queue["due"], &queue["late"]), (&json!(2), &json!(0)));
    let received = text(&api.delivery(&first).await["timeline"][0]["at"]);
    assert_eq!(text(&queue["oldest_due_at"]), received, "{queue}");
    receiver.lets_go();
    let stats = api.drained().await;
    assert_eq!(stats["queue"]["oldest_due_at"], Value::Null);
    assert_eq!(stats["deliveries"]["delivered"], 2);
}
