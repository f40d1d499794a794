//! Every route that changes something, as the OpenAPI document has them: what holds for one holds
//! for all.

use http::Method;
use serde_json::{Value, json};

use super::repeats::{assert_repeated, is_replayed, marked};
use crate::{
    openapi::{Ids, Operation, body_of, operations},
    support::{Answer, Api, Gateway},
};

/// Routes that change nothing though they are no GET.
const READS: [&str; 1] = ["/v1/listeners/test"];

/// Routes that answer each event.
const EVENTS: &str = "/v1/events";

/// Routes that change nothing that users set up.
const NOT_AUDITED: [&str; 2] = [EVENTS, "/v1/endpoints/{id}/test"];

/// Routes that are refused where the walk comes by: the delivery has arrived, the job has ended.
const TOO_LATE: [&str; 2] = ["/v1/deliveries/{id}/cancel", "/v1/jobs/{id}/cancel"];

impl Operation {
    fn changes_something(&self) -> bool {
        self.method != Method::GET && !READS.contains(&self.path.as_str())
    }

    fn takes(&self, header: &str) -> bool {
        let parameters = self.details["parameters"].as_array();
        parameters
            .into_iter()
            .flatten()
            .any(|parameter| parameter["in"] == "header" && parameter["name"] == header)
    }

    /// What is asked for, so that something changes.
    fn wish(&self, ids: &Ids) -> Value {
        match self.path.as_str() {
            "/v1/dead-letters/redrive" | "/v1/dead-letters/discard" => {
                json!({"endpoint": ids.named("endpoint")})
            }
            "/v1/listeners/{id}" => json!({"name": "renamed"}),
            _ => body_of(self, ids),
        }
    }

    /// What has to be said as well where everything of a project goes.
    fn confirmation(&self) -> &'static str {
        match (self.method.as_str(), self.path.as_str()) {
            ("DELETE", "/v1/projects/{project}") => "?confirm=globex",
            _ => "",
        }
    }

    async fn call(&self, api: &Api, ids: &Ids) -> Answer {
        let (method, mut path) = (self.method.clone(), self.path_with(ids));
        path.push_str(self.confirmation());
        match self.details["requestBody"].is_null() {
            true => api.call(method, &path, &[], "").await,
            false => api.json(method, &path, self.wish(ids)).await,
        }
    }
}

async fn audited(api: &Api) -> usize {
    let own = api.list("/v1/audit").await.len();
    own + api.list("/v1/audit?log=gateway").await.len()
}

#[tokio::test]
async fn every_change_takes_a_key_and_every_version_a_condition() {
    let gateway = Gateway::start().await;
    for operation in operations(gateway.api()).await {
        let changes = operation.changes_something();
        assert_eq!(operation.takes("Idempotency-Key"), changes, "{operation:?}");
        if matches!(operation.method, Method::PATCH | Method::DELETE) {
            assert!(operation.takes("If-Match"), "{operation:?}");
        }
    }
}

#[tokio::test]
async fn every_change_is_made_once_under_its_key_and_written_down_once() {
    let gateway = Gateway::start().await;
    let mut walked = 0;
    for operation in operations(gateway.api()).await {
        if !operation.changes_something() {
            continue;
        }
        let gateway = Gateway::start().await;
        let ids = Ids::of(gateway.api()).await;
        gateway.api().ended(&ids.named("job")).await;
        let api = marked(gateway.api(), "once");
        let before = audited(gateway.api()).await;
        let first = operation.call(&api, &ids).await;
        if TOO_LATE.contains(&operation.path.as_str()) {
            first.refused(409, "wrong_state");
            continue;
        }
        assert!(first.status < 300, "{operation:?}: {}", first.text());
        let after = audited(gateway.api()).await;
        let repeat = operation.call(&api, &ids).await;
        match NOT_AUDITED.contains(&operation.path.as_str()) {
            true => assert_eq!(after, before, "{operation:?}"),
            false => assert!(after > before, "{operation:?}"),
        }
        assert_eq!(audited(gateway.api()).await, after, "{operation:?}");
        if operation.path == EVENTS {
            let (first, repeat) = (first.expect(202), repeat.expect(202));
            assert_eq!(first["data"][0]["id"], repeat["data"][0]["id"]);
            assert_eq!(repeat["data"][0]["status"], "duplicate");
        } else if operation.path == "/v1/endpoints/{id}/test" {
            assert!(is_replayed(&repeat));
            assert_eq!(first.json()["delivery"], repeat.json()["delivery"]);
        } else {
            assert_repeated(&first, &repeat);
        }
        walked += 1;
    }
    assert!(walked >= 14, "only {walked} routes change something");
}

#[tokio::test]
async fn every_change_that_takes_a_condition_keeps_to_it() {
    let gateway = Gateway::start().await;
    let mut walked = 0;
    for operation in operations(gateway.api()).await {
        if !operation.takes("If-Match") {
            continue;
        }
        let gateway = Gateway::start().await;
        let ids = Ids::of(gateway.api()).await;
        let before = audited(gateway.api()).await;
        let stale = gateway.api().with_header("if-match", "\"999\"");
        let refused = operation.call(&stale, &ids).await;
        refused.refused(412, "precondition_failed");
        assert_eq!(audited(gateway.api()).await, before, "{operation:?}");
        let any = gateway.api().with_header("if-match", "*");
        let done = operation.call(&any, &ids).await;
        assert!(done.status < 300, "{operation:?}: {}", done.text());
        walked += 1;
    }
    assert!(walked >= 7, "only {walked} routes take a condition");
}
