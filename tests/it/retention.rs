//! What is past its time goes, what is needed stays, and what is partly gone says so.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, Setup, attempts, text, until};

/// A gateway that keeps nothing for long but what `kept` names.
fn forgetful(kept: &[&str]) -> Setup {
    forgetting(Setup::new(), kept)
}

fn forgetting(setup: Setup, kept: &[&str]) -> Setup {
    let all = ["events", "deliveries", "dead_letters", "jobs"];
    let short = all.iter().filter(|what| !kept.contains(what));
    short.fold(setup.retrying("0s"), |setup, what| {
        let variable = format!("RIPOSTE_RETENTION__{}", what.to_uppercase());
        setup.with(&variable, "1s")
    })
}

async fn goes(api: &Api, path: &str) {
    let look = async || match api.get(path).await {
        answer if answer.status == 404 => Ok(()),
        answer => Err(answer.text()),
    };
    until(format!("{path} to go"), look).await;
}

async fn kind(api: &Api, kind: &str) -> Value {
    let view = api.get("/v1/retention").await.expect(200);
    let kinds = view["kinds"].as_array().expect("kinds").clone();
    let mut found = kinds.into_iter().filter(|one| one["kind"] == kind);
    found.next().expect(kind)
}

#[tokio::test]
async fn what_is_past_its_time_goes_and_what_is_needed_stays() {
    let gateway = forgetful(&[]).start().await;
    let api = gateway.api();
    let receiver = Receiver::start().await;
    let hook = api.registers("a.b", &receiver.url()).await;
    let paused = Receiver::start().await;
    let waiting = api.registers("a.c", &paused.url()).await;
    api.sets(&waiting.endpoint, "paused").await;
    let kept = api.sends(json!({"type": "a.c", "data": {"n": 7}})).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let delivery = api.delivery_of(&event).await;
    receiver.expect_requests(1).await;
    goes(api, &format!("/v1/deliveries/{delivery}")).await;
    goes(api, &format!("/v1/events/{event}")).await;
    let look = async || match api.get("/v1/retention").await.expect(200) {
        view if view["kept_events"] == 1 => Ok(()),
        view => Err(view.to_string()),
    };
    until("the other event to be kept aside", look).await;
    assert_eq!(api.stats().await["deliveries"]["pending"], 1);
    let shown = api.get(&format!("/v1/events/{kept}")).await.expect(200);
    assert_eq!(shown["event"]["data"], json!({"n": 7}));
    api.sets(&waiting.endpoint, "enabled").await;
    let webhook = paused.expect_requests(1).await.remove(0);
    assert_eq!(webhook.json()["data"], json!({"n": 7}));
    goes(api, &format!("/v1/events/{kept}")).await;
    assert_eq!(kind(api, "events").await["removed"], 2);
    assert_eq!(kind(api, "events").await["kept_for"], "1s");
    assert!(kind(api, "events").await["swept_until"].is_string());
    assert_eq!(
        api.get(&format!("/v1/listeners/{}", hook.listener))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_dead_letter_expires_and_is_counted() {
    let gateway = forgetful(&["events", "deliveries"]).start().await;
    let api = gateway.api();
    let receiver = Receiver::start().await;
    receiver.answers(500);
    api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let delivery = api.delivery_of(&event).await;
    goes(api, &format!("/v1/deliveries/{delivery}")).await;
    assert_eq!(kind(api, "dead_letters").await["removed"], 1);
    assert_eq!(kind(api, "deliveries").await["removed"], 0);
    assert_eq!(api.list("/v1/dead-letters").await.len(), 0);
    // The event is kept for its own time.
    let verdicts = api.get(&format!("/v1/events/{event}/verdicts")).await;
    let reaction = verdicts.expect(200)["data"][0]["reactions"][0].take();
    assert_eq!(reaction["outcome"], "unrecorded", "{reaction}");
}

#[tokio::test]
async fn a_delivery_says_that_its_event_is_no_longer_kept() {
    let gateway = forgetful(&["deliveries"]).start().await;
    let api = gateway.api();
    let receiver = Receiver::start().await;
    api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b", "data": {"n": 1}})).await;
    let id = api.delivery_of(&event).await;
    api.delivery_becomes(&id, "delivered").await;
    goes(api, &format!("/v1/events/{event}")).await;
    let delivery = api.delivery(&id).await;
    assert_eq!(delivery["event"]["type"], "a.b");
    assert!(text(&delivery["note"]).contains("no longer kept"));
    assert_eq!(attempts(&delivery)[0]["request"]["body"], Value::Null);
    let sent = api
        .get(&format!("/v1/deliveries/{id}/attempts/1"))
        .await
        .expect(200);
    assert_eq!(sent["curl"], Value::Null);
    let refused = api
        .post_nothing(&format!("/v1/deliveries/{id}/retry"))
        .await;
    let refused = refused.refused(409, "wrong_state");
    assert!(refused.detail().contains("no longer kept"), "{refused:?}");
    api.get(&format!("/v1/events/{event}/trace"))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn room_is_given_back() {
    // Of a file: PostgreSQL keeps room by itself, and drops partitions.
    let gateway = forgetting(Setup::on_sqlite(), &[]).start().await;
    let api = gateway.api();
    let large = "x".repeat(200_000);
    for _ in 0..30 {
        api.sends(json!({"type": "a.b", "data": large})).await;
    }
    let look = async || match api.get("/v1/retention").await.expect(200)["space"].take() {
        space if space["given_back_bytes"].as_u64() > Some(1_000_000) => Ok(()),
        space => Err(space.to_string()),
    };
    until("room to be given back", look).await;
}

#[tokio::test]
async fn a_restart_goes_on_and_keeps_what_is_needed() {
    let gateway = forgetful(&[]).start().await;
    let receiver = Receiver::start().await;
    let hook = gateway.api().registers("a.b", &receiver.url()).await;
    gateway.api().sets(&hook.endpoint, "paused").await;
    let kept = gateway.api().sends(json!({"type": "a.b"})).await;
    let other = gateway.api().sends(json!({"type": "a.c"})).await;
    goes(gateway.api(), &format!("/v1/events/{other}")).await;
    let gateway = gateway.restart().await;
    let api = gateway.api();
    let gone = api.sends(json!({"type": "a.c"})).await;
    goes(api, &format!("/v1/events/{gone}")).await;
    api.get(&format!("/v1/events/{kept}")).await.expect(200);
    api.sets(&hook.endpoint, "enabled").await;
    receiver.expect_requests(1).await;
    goes(api, &format!("/v1/events/{kept}")).await;
}

#[tokio::test]
async fn retention_is_shown_to_operators_alone() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("acme").await;
    customer
        .get("/v1/retention")
        .await
        .refused(403, "forbidden");
    let view = gateway.api().get("/v1/retention").await.expect(200);
    assert_eq!(text(&view["kinds"][0]["kind"]), "events");
    assert_eq!(view["kinds"][2]["kept_for"], "90d");
    assert!(view["space"]["bytes"].as_u64() > Some(0), "{view}");
}
