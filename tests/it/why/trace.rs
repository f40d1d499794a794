//! What led to an event, and what came of it.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, id_of, text};

async fn trace(api: &Api, event: &str) -> Value {
    let path = format!("/v1/events/{event}/trace");
    api.get(&path).await.expect(200)
}

fn emits(event_type: &str) -> Value {
    json!({"emit": {"type": event_type}})
}

/// The types of a tree's events from the root on, depth first, with two spaces for each step down.
fn drawn(trace: &Value) -> Vec<String> {
    fn draw(node: &Value, depth: usize, lines: &mut Vec<String>) {
        let asked = if node["is_asked"] == true { " <-" } else { "" };
        let (event_type, indent) = (text(&node["type"]), "  ".repeat(depth));
        lines.push(format!("{indent}{event_type}{asked}"));
        for reaction in node["reactions"].as_array().expect("reactions") {
            if reaction["delivery"].is_object() {
                let state = text(&reaction["delivery"]["state"]);
                lines.push(format!("{}({state})", "  ".repeat(depth + 1)));
            }
            if reaction["event"].is_object() {
                draw(&reaction["event"], depth + 1, lines);
            }
        }
    }
    let mut lines = Vec::new();
    for root in trace["roots"].as_array().expect("roots") {
        draw(root, 0, &mut lines);
    }
    lines
}

#[tokio::test]
async fn a_trace_goes_from_the_first_cause_down_whatever_event_is_asked_about() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let named = json!({"name": "Upload", "on": ["deploy.requested"], "reactions": [emits("version.uploaded")]});
    let upload = id_of(&api.post("/v1/listeners", named).await.expect(201));
    api.listens(&["version.uploaded"], Value::Null, emits("records.updated"))
        .await;
    let hook = api.registers("records.*", &receiver.url()).await;
    let first = api
        .sends(json!({"type": "deploy.requested", "subject": "site/7"}))
        .await;
    api.drained().await;

    let whole = trace(api, &first).await;
    let tree = [
        "deploy.requested <-",
        "  version.uploaded",
        "    records.updated",
        "      (delivered)",
    ];
    assert_eq!(drawn(&whole), tree);
    assert_eq!(whole["truncated"], false);
    assert_eq!(whole["first_cause"], first);
    let root = &whole["roots"][0];
    assert_eq!(
        (&root["subject"], &root["state"]),
        (&json!("site/7"), &json!("accepted"))
    );
    let reaction = &root["reactions"][0];
    assert_eq!(reaction["reaction"], 0);
    assert_eq!(reaction["listener"]["id"], upload);
    assert_eq!(reaction["listener"]["revision"], 1);
    assert_eq!(reaction["listener"]["name"], "Upload");

    let last = &reaction["event"]["reactions"][0]["event"];
    let delivery = &last["reactions"][0]["delivery"];
    assert_eq!(delivery["endpoint"], hook.endpoint);
    assert_eq!(delivery["attempts"], 1);
    let summary = text(&delivery["summary"]);
    assert!(
        summary.starts_with("delivered at the 1st attempt, 200 "),
        "{summary}"
    );
    // Asked about the last one, the tree is the same.
    let from_below = trace(api, &id_of(last)).await;
    let tree = [
        "deploy.requested",
        "  version.uploaded",
        "    records.updated <-",
        "      (delivered)",
    ];
    assert_eq!(drawn(&from_below), tree);
    // The listener has changed since: the trace tells of the revision that the event met.
    let path = format!("/v1/listeners/{upload}");
    api.patch(&path, json!({"name": "Another"}))
        .await
        .expect(200);
    let later = trace(api, &first).await;
    assert_eq!(
        later["roots"][0]["reactions"][0]["listener"]["name"],
        "Upload"
    );
}

#[tokio::test]
async fn loops_skips_and_failed_emissions_stand_in_the_tree() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let hook = api.registers("a.b", &receiver.url()).await;
    api.sets(&hook.endpoint, "disabled").await;
    api.listens(&["a.b", "c.d"], Value::Null, emits("c.d"))
        .await;
    let broken = json!({"emit": {"type": "e.f", "subject": "{{ event.data.site }}"}});
    api.listens(&["a.b"], Value::Null, broken).await;
    let first = api.sends(json!({"type": "a.b"})).await;
    let tree = ["a.b <-", "  (skipped)", "  c.d", "    c.d", "  (dead)"];
    let drawn_now = trace(api, &first).await;
    assert_eq!(drawn(&drawn_now), tree);
    let suppressed = &drawn_now["roots"][0]["reactions"][1]["event"]["reactions"][0]["event"];
    assert_eq!(suppressed["state"], "loop_suppressed");
}

#[tokio::test]
async fn what_the_platform_does_is_shown_to_operators_alone() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    let platform = operator.in_project("platform");
    platform
        .listens(&["site.deployed"], Value::Null, emits("usage.measured"))
        .await;
    platform.registers("usage.measured", &receiver.url()).await;
    platform.registers("site.deployed", &receiver.url()).await;
    customer.registers("site.deployed", &receiver.url()).await;
    let event = customer.sends(json!({"type": "site.deployed"})).await;
    receiver.expect_requests(3).await;
    customer.drained().await;
    platform.drained().await;
    let own = ["site.deployed <-", "  (delivered)"];
    let look = async |api: Api| drawn(&trace(&api, &event).await);
    assert_eq!(look(customer).await, own);
    let all = look(operator.in_project("customer")).await;
    assert_eq!(all.len(), 5, "{all:?}");
    assert!(all.contains(&"  usage.measured".to_owned()), "{all:?}");
    let stranger = operator.new_project("stranger").await;
    let path = format!("/v1/events/{event}/trace");
    stranger.get(&path).await.refused(404, "not_found");

    // The platform's own project, by a key of its own, sees the platform's events and no others.
    let key = platform.post("/v1/keys", json!({"name": "platform"})).await;
    let key = text(&key.expect(201)["key"]);
    let measured = &platform.list("/v1/events?type=usage.measured").await[0];
    let keyed = operator.without_key().with_key(&key);
    let seen = drawn(&trace(&keyed, &id_of(measured)).await);
    assert_eq!(seen, ["usage.measured <-", "  (delivered)"]);
}

#[tokio::test]
async fn a_trace_has_bounds_and_says_when_it_meets_them() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let endpoint = api.endpoint(json!({"url": receiver.url()})).await;
    let hooks = vec![json!({"webhook": {"endpoint": endpoint}}); 30];
    for _ in 0..2 {
        let listener = json!({"on": ["a.b"], "reactions": hooks.clone()});
        api.post("/v1/listeners", listener).await.expect(201);
    }
    let event = api.sends(json!({"type": "a.b"})).await;
    let trace = trace(api, &event).await;
    assert_eq!(trace["truncated"], true);
    let root = &trace["roots"][0];
    assert_eq!(root["truncated"], true);
    assert_eq!(root["reactions"].as_array().expect("reactions").len(), 50);
    api.drained().await;
}

#[tokio::test]
async fn a_test_of_an_endpoint_is_a_reaction_of_nobody() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let endpoint = api.endpoint(json!({"url": receiver.url()})).await;
    let path = format!("/v1/endpoints/{endpoint}/test");
    let delivery = text(&api.post_nothing(&path).await.expect(202)["delivery"]);
    let event = text(&api.delivery(&delivery).await["event"]["id"]);
    let trace = trace(api, &event).await;
    let reactions = trace["roots"][0]["reactions"]
        .as_array()
        .expect("reactions");
    assert_eq!(reactions.len(), 1);
    assert_eq!(reactions[0]["listener"], Value::Null);
    assert_eq!(reactions[0]["delivery"]["id"], delivery);
}
