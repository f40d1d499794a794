//! The audit log: who changed what, and how it was before.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, a_webhook, id_of, text, until};

async fn about(api: &Api, object: &str) -> Vec<Value> {
    api.list(&format!("/v1/audit?object={object}")).await
}

/// Actions, the newest first.
fn actions(entries: &[Value]) -> Vec<&str> {
    let actions = entries.iter().map(|entry| entry["action"].as_str());
    actions.map(|action| action.expect("an action")).collect()
}

#[tokio::test]
async fn what_is_done_to_an_endpoint_is_told_with_what_it_was_before() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let made = api
        .post(
            "/v1/endpoints",
            json!({"url": "https://1.1.1.1/", "name": "CI"}),
        )
        .await
        .expect(201);
    let id = id_of(&made);
    let path = format!("/v1/endpoints/{id}");
    let first = api.get(&path).await.expect(200);
    api.patch(&path, json!({"name": "CI of the web team"}))
        .await
        .expect(200);
    let second = api.get(&path).await.expect(200);
    api.patch(&path, json!({"state": "enabled"}))
        .await
        .expect(200);
    api.post_nothing(&format!("{path}/rotate-secret"))
        .await
        .expect(200);
    api.delete(&path).await.expect(204);
    let entries = about(api, &id).await;
    assert_eq!(
        actions(&entries),
        [
            "endpoint.deleted",
            "endpoint.secret_rotated",
            "endpoint.changed",
            "endpoint.created"
        ]
    );
    let documents: Vec<_> = entries
        .iter()
        .map(|entry| (&entry["before"], &entry["after"]))
        .collect();
    assert_eq!(documents[3], (&Value::Null, &first));
    assert_eq!(documents[2], (&first, &second));
    assert_eq!(documents[0], (&second, &Value::Null));
    assert_eq!(
        entries[1]["after"]["secrets"].as_array().map(Vec::len),
        Some(2)
    );
    let changes = entries[2]["changes"].as_array().expect("changes");
    assert!(changes.contains(&json!("name")) && !changes.contains(&json!("url")));
    for entry in &entries {
        assert_eq!(entry["object"], json!({"kind": "endpoint", "id": id}));
        assert_eq!(
            entry["actor"],
            json!({"kind": "operator", "address": "127.0.0.1"})
        );
    }
}

#[tokio::test]
async fn whoever_changes_something_is_named_with_the_key() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    let hook = customer.registers("a.b", "https://1.1.1.1/").await;
    let entries = customer.list("/v1/audit").await;
    assert_eq!(
        actions(&entries),
        ["listener.created", "endpoint.created", "key.created"]
    );
    assert_eq!(entries[0]["object"]["id"], hook.listener);
    assert_eq!(entries[1]["object"]["id"], hook.endpoint);
    for entry in &entries[..2] {
        assert_eq!(entry["actor"]["kind"], "key");
        assert_eq!(entry["actor"]["name"], "test");
        assert_eq!(entry["actor"]["id"], entries[2]["object"]["id"]);
    }
    let by_key = format!("/v1/audit?actor={}", text(&entries[0]["actor"]["id"]));
    assert_eq!(customer.list(&by_key).await.len(), 2);
}

#[tokio::test]
async fn a_project_sees_its_own_log_and_an_operator_that_of_the_gateway_too() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    let other = operator.new_project("other").await;
    customer.registers("a.b", "https://1.1.1.1/").await;
    assert_eq!(actions(&other.list("/v1/audit").await), ["key.created"]);
    assert_eq!(
        operator
            .in_project("customer")
            .list("/v1/audit")
            .await
            .len(),
        3
    );
    let refused = customer.get("/v1/audit?log=gateway").await;
    refused.refused(403, "forbidden");
    let open = json!({"openings": {"allow_networks": ["10.0.0.0/8"]}});
    let path = "/v1/projects/customer";
    operator.patch(path, open.clone()).await.expect(200);
    operator.patch(path, open).await.expect(200);
    let gateways = operator.list("/v1/audit?log=gateway").await;
    assert_eq!(
        actions(&gateways),
        ["project.changed", "project.created", "project.created"]
    );
    assert_eq!(gateways[0]["changes"], json!(["openings"]));
    assert_eq!(customer.list("/v1/audit").await.len(), 3);
}

#[tokio::test]
async fn the_log_is_narrowed_down_and_walked_through() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = gateway.api();
    for name in ["a", "b", "c"] {
        let path = format!("/v1/listeners/{}", hook.listener);
        api.patch(&path, json!({"name": name})).await.expect(200);
    }
    for (query, count) in [
        ("kind=listener", 4),
        ("kind=endpoint", 1),
        ("action=listener.changed", 3),
        ("action=listener.changed&kind=endpoint", 0),
        ("actor=operator", 5),
        ("actor=gateway", 0),
    ] {
        let found = api.list(&format!("/v1/audit?{query}")).await;
        assert_eq!(found.len(), count, "{query}");
    }
    let mut walked = Vec::new();
    let mut path = "/v1/audit?limit=2".to_owned();
    loop {
        let page = api.get(&path).await.expect(200);
        walked.extend(page["data"].as_array().expect("entries").clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/audit?limit=2&cursor={next}");
    }
    assert_eq!(walked, api.list("/v1/audit").await);
    for bad in [
        "kind=car",
        "action=endpoint",
        "actor=me",
        "log=all",
        "cursor=1",
    ] {
        let refused = api.get(&format!("/v1/audit?{bad}")).await;
        refused.refused(400, "bad_parameter");
    }
}

#[tokio::test]
async fn an_endpoint_that_the_gateway_disables_is_told_with_its_reason() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    receiver.answers(410);
    let delivery = api.delivery_of_new().await;
    api.delivery_becomes(&delivery, "dead").await;
    let told = async || match about(api, &hook.endpoint).await {
        entries if entries.len() == 2 => Ok(entries),
        entries => Err(format!("{entries:?}")),
    };
    let entry = until("the entry", told).await.remove(0);
    assert_eq!(entry["action"], "endpoint.changed");
    assert_eq!(entry["actor"]["kind"], "gateway");
    assert!(text(&entry["actor"]["why"]).contains("410"));
    assert_eq!(entry["before"]["state"], "enabled");
    assert_eq!(entry["after"]["state"], "disabled");
}

#[tokio::test]
async fn no_entry_holds_a_secret() {
    let gateway = Gateway::start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    let wanted =
        json!({"url": receiver.url(), "headers": {"authorization": "Bearer s3cret-value"}});
    let made = api.post("/v1/endpoints", wanted).await.expect(201);
    let path = format!("/v1/endpoints/{}", id_of(&made));
    let other = json!({"headers": {"authorization": "Bearer 0ther-value"}});
    api.patch(&path, other).await.expect(200);
    let rotate = format!("{path}/rotate-secret");
    let rotated = api.post_nothing(&rotate).await.expect(200);
    let key = api
        .post("/v1/keys", json!({"name": "CI"}))
        .await
        .expect(201);
    let hook = api.registers("a.b", "https://1.1.1.1/").await;
    api.delete(&path).await.expect(204);
    let entries = api.list("/v1/audit").await;
    assert_eq!(entries.len(), 7);
    let all = json!(entries).to_string();
    let secrets = [
        text(&made["secret"]),
        text(&rotated["secret"]),
        text(&key["key"]),
        hook.secret,
        "s3cret-value".to_owned(),
        "0ther-value".to_owned(),
    ];
    for secret in secrets {
        assert!(!all.contains(&secret), "{secret} in {all}");
    }
    // That a hidden value was changed is told all the same.
    let changed = entries
        .iter()
        .find(|entry| entry["action"] == "endpoint.changed");
    let changes = &changed.expect("it is there")["changes"];
    assert!(
        changes
            .as_array()
            .expect("a list")
            .contains(&json!("headers"))
    );
}
