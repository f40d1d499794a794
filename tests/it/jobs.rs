//! Long work: jobs on many dead letters, with their progress, their rate, their end before time, and
//! across restarts.

use std::time::Duration;

use riposte::clock::Clock;
use serde_json::{Value, json};

use crate::support::{Api, Gateway, Hook, Receiver, a_webhook, id_of, until};

/// Makes `count` dead letters of a receiver that fails.
async fn dead_letters(api: &Api, receiver: &Receiver, count: usize) {
    receiver.answers(500);
    let events = vec![json!({"type": "a.b"}); count];
    for batch in events.chunks(500) {
        api.post("/v1/events", json!(batch)).await.expect(202);
    }
    api.drained().await;
    receiver.answers(200);
}

async fn some_dead(count: usize) -> (Gateway, Receiver, Hook) {
    let (gateway, receiver, hook) = a_webhook().await;
    dead_letters(gateway.api(), &receiver, count).await;
    (gateway, receiver, hook)
}

async fn asks(api: &Api, what: &str, selection: Value) -> Value {
    let path = format!("/v1/dead-letters/{what}");
    api.post(&path, selection).await.expect(202)
}

#[tokio::test]
async fn a_job_says_what_it_is_asked_to_do_and_what_came_of_it() {
    let (gateway, receiver, hook) = some_dead(3).await;
    let api = gateway.api();
    let asked = asks(api, "redrive", json!({"endpoint": hook.endpoint})).await;
    assert_eq!(asked["kind"], "redrive");
    assert_eq!(asked["selection"], json!({"endpoint": hook.endpoint}));
    assert_eq!(asked["requested_by"], "operator");
    let done = api.ended(&id_of(&asked)).await;
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!((&done["done"], &done["total"]), (&json!(3), &json!(3)));
    assert_eq!(done["outcomes"], json!({"redriven": 3}));
    assert!(done["started_at"].is_string() && done["finished_at"].is_string());
    receiver.expect_requests(6).await;
    api.drained().await;
    assert_eq!(api.list("/v1/dead-letters").await.len(), 0);
    let listed = api.list("/v1/jobs?state=done").await;
    assert_eq!(listed, [done]);
    assert_eq!(api.list("/v1/jobs?state=running").await.len(), 0);
}

#[tokio::test]
async fn a_dry_run_counts_and_does_nothing() {
    let (gateway, receiver, hook) = some_dead(3).await;
    let api = gateway.api();
    for (selection, matched) in [
        (json!({"all": true}), 3),
        (
            json!({"error_kind": "status_5xx", "endpoint": hook.endpoint}),
            3,
        ),
        (json!({"reason": "gone"}), 0),
        (json!({"type": "a.b", "listener": hook.listener}), 3),
        (json!({"type": "a.c"}), 0),
        (
            json!({"since": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z"}),
            0,
        ),
        (json!({"ids": ["dlv_01h455vb4pex5vsknk084sn02q"]}), 0),
    ] {
        let mut body = selection.clone();
        body["dry_run"] = json!(true);
        for what in ["redrive", "discard"] {
            let path = format!("/v1/dead-letters/{what}");
            let run = api.post(&path, body.clone()).await.expect(200);
            assert_eq!(run["matched"], matched, "{selection}");
            assert_eq!(run["exact"], true);
            let samples = run["samples"].as_array().expect("samples");
            assert_eq!(samples.len(), matched, "{run}");
        }
    }
    assert_eq!(api.list("/v1/jobs").await.len(), 0);
    assert_eq!(api.stats().await["deliveries"]["dead"], 3);
    receiver.expect_requests(3).await;
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_job_is_refused_with_its_place() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    for (what, selection, pointer) in [
        ("redrive", json!({}), ""),
        ("redrive", json!({"all": true, "rate": 0}), "/rate"),
        ("discard", json!({"all": true, "rate": 5}), "/rate"),
        ("redrive", json!({"all": true, "reason": "gone"}), ""),
        ("redrive", json!({"reason": "no_reason"}), "/reason"),
        ("redrive", json!({"since": "yesterday"}), "/since"),
        ("redrive", json!({"type": "a..b"}), "/type"),
        (
            "redrive",
            json!({"endpoint": "dlv_01h455vb4pex5vsknk084sn02q"}),
            "/endpoint",
        ),
    ] {
        let path = format!("/v1/dead-letters/{what}");
        let refused = api.post(&path, selection.clone()).await;
        let refused = refused.refused(422, "invalid");
        assert_eq!(refused.pointer(), Some(pointer), "{selection}");
    }
}

#[tokio::test]
async fn named_dead_letters_are_told_apart_by_what_came_of_each() {
    let (gateway, _receiver, _hook) = some_dead(1).await;
    let api = gateway.api();
    let dead = id_of(&api.list("/v1/dead-letters").await[0]);
    let well = api.delivery_of_new().await;
    api.delivery_becomes(&well, "delivered").await;
    let ids = [&*dead, &*well, "dlv_01h455vb4pex5vsknk084sn02q"];
    let job = api.discards(json!({"ids": ids})).await;
    let outcomes = json!({"discarded": 1, "not_dead": 1, "not_found": 1});
    assert_eq!(job["outcomes"], outcomes, "{job}");
    assert_eq!(job["selection"], json!({"ids": 3}));
    assert_eq!(api.delivery(&dead).await["reason"], "discarded");
}

#[tokio::test]
async fn a_rate_bounds_how_fast_receivers_are_met_again() {
    let (gateway, receiver, _hook) = some_dead(30).await;
    let clock = Clock::system();
    let begun = clock.elapsed();
    let job = gateway
        .api()
        .redrives(json!({"all": true, "rate": 20}))
        .await;
    let took = clock.elapsed() - begun;
    assert_eq!(job["outcomes"], json!({"redriven": 30}), "{job}");
    assert!(took >= Duration::from_millis(1_300), "{took:?}");
    receiver.expect_requests(60).await;
}

#[tokio::test]
async fn a_job_that_is_called_off_stops_where_it_is() {
    let (gateway, _receiver, _hook) = some_dead(20).await;
    let api = gateway.api();
    let job = id_of(&asks(api, "redrive", json!({"all": true, "rate": 1})).await);
    let begun = async || match api.job(&job).await {
        job if job["done"] != 0 => Ok(()),
        job => Err(job.to_string()),
    };
    until("the first step", begun).await;
    let path = format!("/v1/jobs/{job}/cancel");
    let cancelled = api.post_nothing(&path).await.expect(200);
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    let refused = api.post_nothing(&path).await.refused(409, "wrong_state");
    assert!(refused.detail().contains("cancelled"), "{refused:?}");
    let left = api.list("/v1/dead-letters").await.len();
    let done = cancelled["done"].as_u64().expect("a number");
    assert_eq!(left as u64, 20 - done, "{cancelled}");
}

#[tokio::test]
async fn a_job_goes_on_after_a_restart_and_does_nothing_twice() {
    let (gateway, receiver, _hook) = some_dead(30).await;
    let asked = asks(gateway.api(), "redrive", json!({"all": true, "rate": 20})).await;
    let job = id_of(&asked);
    let begun = async || match gateway.api().job(&job).await {
        job if job["done"] != 0 => Ok(()),
        job => Err(job.to_string()),
    };
    until("the first step", begun).await;
    let gateway = gateway.restart().await;
    let done = gateway.api().ended(&job).await;
    assert_eq!(done["outcomes"], json!({"redriven": 30}), "{done}");
    gateway.api().drained().await;
    assert_eq!(gateway.api().stats().await["deliveries"]["delivered"], 30);
    receiver.expect_requests(60).await;
}

#[tokio::test]
async fn a_job_touches_nothing_that_dies_after_it_was_asked_for() {
    let (gateway, receiver, _hook) = some_dead(5).await;
    let api = gateway.api();
    receiver.answers(500);
    // All that it redrives dies again, behind its back.
    let job = api.redrives(json!({"all": true, "rate": 10})).await;
    assert_eq!(job["outcomes"], json!({"redriven": 5}), "{job}");
    api.drained().await;
    receiver.expect_requests(10).await;
    assert_eq!(api.stats().await["deliveries"]["dead"], 5);
}

#[tokio::test]
async fn a_project_sees_its_own_jobs_alone_and_who_asked_for_them() {
    let gateway = Gateway::start().await;
    let (one, other) = (
        gateway.api().new_project("one").await,
        gateway.api().new_project("other").await,
    );
    let job = one.discards(json!({"all": true})).await;
    let keys = one.list("/v1/keys").await;
    assert_eq!(job["requested_by"], keys[0]["id"]);
    assert_eq!(one.list("/v1/jobs").await.len(), 1);
    assert_eq!(other.list("/v1/jobs").await.len(), 0);
    let path = format!("/v1/jobs/{}", id_of(&job));
    other.get(&path).await.refused(404, "not_found");
}
