//! Quotas: what a project may have, what happens beyond, and how that is seen.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, Setup, id_of};

/// A gateway, its operator, and a project that has `quotas`.
async fn limited(quotas: Value) -> (Gateway, Api) {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    gateway.api().limits("customer", quotas).await;
    (gateway, customer)
}

impl Api {
    /// Sets quotas of a project; gives the project.
    async fn limits(&self, project: &str, quotas: Value) -> Value {
        let path = format!("/v1/projects/{project}");
        let changed = self.patch(&path, json!({"quotas": quotas})).await;
        changed.expect(200)
    }

    /// How a quota of the project is used.
    async fn quota(&self, quota: &str) -> Value {
        self.stats().await["quotas"][quota].take()
    }
}

#[tokio::test]
async fn listeners_and_endpoints_are_refused_when_there_are_as_many_as_there_may_be() {
    let (gateway, customer) = limited(json!({"listeners": 1, "endpoints": 2})).await;
    let receiver = Receiver::start().await;
    let hook = customer.registers("a.b", &receiver.url()).await;
    let listener = json!({"on": ["a.b"], "reactions": [{"emit": {"type": "a.c"}}]});
    let refused = customer.post("/v1/listeners", listener.clone()).await;
    let refused = refused.refused(403, "quota_exceeded");
    let named = "1 listeners of the 1 that it may have";
    assert!(refused.detail().contains(named), "{refused:?}");
    let endpoint = |path: &str| json!({"url": format!("{}/{path}", receiver.url())});
    let second = customer.endpoint(endpoint("second")).await;
    customer
        .post("/v1/endpoints", endpoint("third"))
        .await
        .refused(403, "quota_exceeded");
    // A URL that is known needs no endpoint more; one that is new does.
    let path = format!("/v1/listeners/{}", hook.listener);
    let reactions = |path: &str| json!({"reactions": [{"webhook": endpoint(path)}]});
    customer.patch(&path, reactions("second")).await.expect(200);
    let new = customer.patch(&path, reactions("new")).await;
    new.refused(403, "quota_exceeded");
    let used = customer.quota("endpoints").await;
    assert_eq!(
        (&used["used"], &used["limit"], &used["refused"]),
        (&json!(2), &json!(2), &json!(2))
    );
    assert!(used["last_refused_at"].is_string(), "{used}");
    // What is deleted makes room, and so does an operator.
    customer.patch(&path, reactions("second")).await.expect(200);
    let first = format!("/v1/endpoints/{}", hook.endpoint);
    customer.delete(&first).await.expect(204);
    assert_ne!(customer.endpoint(endpoint("third")).await, second);
    let more = json!({"listeners": 2});
    let project = gateway.api().limits("customer", more).await;
    assert_eq!(project["quotas"]["endpoints"]["limit"], 2);
    customer.post("/v1/listeners", listener).await.expect(201);
}

#[tokio::test]
async fn a_project_that_sends_too_fast_is_told_when_to_come_back() {
    let (_gateway, customer) = limited(json!({"events_per_second": 1, "events_burst": 3})).await;
    let event = json!({"type": "a.b"});
    let batch = json!([event, event, event]);
    customer.post("/v1/events", batch.clone()).await.expect(202);
    let refused = customer.post("/v1/events", batch).await;
    let wait = refused.headers["retry-after"].to_str().expect("a number");
    let wait: u64 = wait.parse().expect("seconds");
    assert!((2..=3).contains(&wait), "{wait}");
    refused.refused(429, "rate_limited");
    assert_eq!(customer.stats().await["events"], 3, "nothing was stored");
    let never = json!([event, event, event, event]);
    let never = customer.post("/v1/events", never).await;
    let never = never.refused(403, "quota_exceeded");
    assert!(never.detail().contains("send fewer"), "{never:?}");
    assert_eq!(customer.quota("events_per_second").await["refused"], 1);
    assert_eq!(customer.quota("events_burst").await["refused"], 1);
}

#[tokio::test]
async fn a_project_with_a_full_backlog_sends_nothing_until_it_drains() {
    let (_gateway, customer) = limited(json!({"pending_deliveries": 2})).await;
    let receiver = Receiver::start().await;
    let hook = customer.registers("a.b", &receiver.url()).await;
    customer.sets(&hook.endpoint, "paused").await;
    let event = json!({"type": "a.b"});
    for _ in 0..2 {
        customer.sends(event.clone()).await;
    }
    let refused = customer.post("/v1/events", event.clone()).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.refused(429, "backlog_full");
    // What was acknowledged is carried all the same.
    customer.sets(&hook.endpoint, "enabled").await;
    receiver.expect_requests(2).await;
    customer.drained().await;
    customer.sends(event).await;
}

#[tokio::test]
async fn a_project_that_stores_as_much_as_it_may_sends_nothing_more() {
    let (gateway, customer) = limited(json!({"stored_bytes": 10})).await;
    let event = json!({"type": "a.b", "data": "0123456789"});
    customer.sends(event.clone()).await;
    let refused = customer.post("/v1/events", event.clone()).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.refused(507, "storage_full");
    let used = customer.quota("stored_bytes").await;
    assert_eq!((&used["used"], &used["refused"]), (&json!(12), &json!(1)));
    // What was refused is remembered, and so are quotas.
    let gateway = gateway.restart().await;
    let project = gateway.api().get("/v1/projects/customer").await.expect(200);
    assert_eq!(project["quotas"]["stored_bytes"]["limit"], 10);
    assert_eq!(project["quotas"]["stored_bytes"]["refused"], 1);
    let lifted = json!({"stored_bytes": null});
    gateway.api().limits("customer", lifted).await;
    gateway.api().in_project("customer").sends(event).await;
}

#[tokio::test]
async fn what_a_project_does_not_say_is_configured() {
    let setup = Setup::new().with("RIPOSTE_QUOTAS__ENDPOINTS", "0");
    let gateway = setup.with("RIPOSTE_QUOTAS__STORED_BYTES", "1 GiB");
    let gateway = gateway.start().await;
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    let endpoint = json!({"url": "https://1.1.1.1/"});
    customer
        .post("/v1/endpoints", endpoint.clone())
        .await
        .refused(403, "quota_exceeded");
    assert_eq!(customer.quota("endpoints").await["is_own"], false);
    let stored = customer.quota("stored_bytes").await;
    assert_eq!(stored["limit"], 1 << 30);
    operator.limits("customer", json!({"endpoints": 1})).await;
    id_of(&customer.post("/v1/endpoints", endpoint).await.expect(201));
    let project = operator.limits("customer", json!({"endpoints": null}));
    let own = &project.await["quotas"]["endpoints"];
    assert_eq!((&own["limit"], &own["is_own"]), (&json!(0), &json!(false)));
    for (wrong, pointer) in [
        (json!({"events_per_second": 0}), "/quotas/events_per_second"),
        (json!({"listeners": -1}), "/quotas/listeners"),
        (json!({"listners": 1}), "/quotas/listners"),
    ] {
        let refused = operator
            .patch("/v1/projects/customer", json!({"quotas": wrong}))
            .await;
        let refused = refused.refused(422, "invalid");
        assert_eq!(refused.pointer(), Some(pointer));
    }
}
