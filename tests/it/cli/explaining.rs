//! `riposte why` and `riposte trace`.

use serde_json::{Value, json};

use super::Shell;
use crate::support::{Gateway, Receiver, Setup, id_of, text};

/// A gateway that tries once, with a listener that sends, one that does not match, one that hears
/// something else, and one that emits; and an event that they have met.
struct Story {
    gateway: Gateway,
    endpoint: String,
    event: String,
}

async fn story() -> Story {
    let (gateway, receiver) = (
        Setup::new().retrying("0s").start().await,
        Receiver::start().await,
    );
    let api = gateway.api();
    receiver.answers(500);
    let endpoint = api
        .endpoint(json!({"name": "Ops", "url": receiver.url()}))
        .await;
    let webhook = json!({"webhook": {"endpoint": endpoint}});
    let named = |name: &str, on: &str, when: Value, reaction: Value| json!({"name": name, "on": [on], "when": when, "reactions": [reaction]});
    let production = json!({"data": {"environment": ["production"]}});
    let emit = json!({"emit": {"type": "usage.measured"}});
    for listener in [
        named("Tell ops", "site.*", Value::Null, webhook.clone()),
        named("Emergencies", "site.*", production, webhook.clone()),
        named("Elsewhere", "other.>", Value::Null, webhook),
        named("Measure", "site.*", Value::Null, emit),
    ] {
        api.post("/v1/listeners", listener).await.expect(201);
    }
    let event = json!({"specversion": "1.0", "id": "deploy-7", "source": "/ci", "type": "site.failed",
        "data": {"environment": "staging"}});
    let event = api
        .call(
            http::Method::POST,
            "/v1/events",
            &[("content-type", "application/cloudevents+json")],
            event.to_string(),
        )
        .await;
    let event = id_of(&event.expect(202)["data"][0]);
    api.drained().await;
    Story {
        gateway,
        endpoint,
        event,
    }
}

#[tokio::test]
async fn why_tells_of_an_event_what_each_listener_said_and_what_became_of_it() {
    let Story {
        gateway,
        endpoint,
        event,
    } = story().await;
    let shell = Shell::at(&gateway);
    let told = shell.runs(&["why", "deploy-7"]).await;
    told.shows(&[
        "site.failed",
        &event,
        "/ci",
        "2 of 3 listeners that wait for site.failed matched; 1 waits for something else.",
        "✓ Tell ops",
        "matched\n",
        "✓ type site.*",
        &format!("✗ webhook to {endpoint}"),
        "dead: 1 attempt, last error status_5xx",
        "✗ 1st attempt: 500",
        "to do",
        "✗ Emergencies",
        "did not match: data.environment is \"staging\", wanted \"production\"",
        "✗ data.environment is \"staging\": wants \"production\"",
        "✓ Measure",
        "✓ emitted evt_",
        &format!("riposte trace {event}"),
    ]);
    assert!(!told.out.contains("Elsewhere"), "{told:#?}");
    let told = shell.runs(&["why", "--all", &event]).await;
    told.shows(&["Elsewhere", "✗ type other.>"]);
    let document = shell.runs(&["why", &event, "--json"]).await.json();
    assert_eq!(document["event"]["event"]["data"]["environment"], "staging");
    assert_eq!(
        document["verdicts"][0]["data"].as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(document["deliveries"][0]["state"], "dead");
}

#[tokio::test]
async fn why_takes_whatever_one_has_at_hand() {
    let Story {
        gateway,
        endpoint,
        event,
    } = story().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let delivery = api.delivery_of(&event).await;
    let told = shell.runs(&["why", &delivery]).await;
    told.shows(&[
        &delivery,
        "site.failed",
        "dead: 1 attempt",
        &format!("riposte why {event}"),
    ]);
    let attempt = id_of(&api.delivery(&delivery).await["attempts"][0]);
    assert_eq!(shell.runs(&["why", &attempt]).await.ended(0), told.out);
    let told = shell.runs(&["why", &endpoint]).await;
    told.shows(&["Ops", &endpoint, "What was given up:", &delivery]);
    let told = shell.runs(&["why", "Tell"]).await;
    told.shows(&[
        "Tell ops",
        "waits for",
        "site.*",
        "What was given up:",
        &delivery,
    ]);
    let several = shell.runs(&["why", "e"]).await;
    several.shows(&["That may be one of these", "lis_", "\"Elsewhere\""]);
    let absent = shell.runs(&["why", "nothing-like-that"]).await;
    absent.refused(1, "nothing is called so");
}

#[tokio::test]
async fn why_says_of_a_test_of_an_endpoint_what_came_of_it() {
    let Story {
        gateway, endpoint, ..
    } = story().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let test = format!("/v1/endpoints/{endpoint}/test?wait=10s");
    let tested = api.post(&test, json!({})).await.json();
    let event = text(&tested["result"]["event"]["id"]);
    let told = shell.runs(&["why", &event]).await;
    let delivery = text(&tested["delivery"]);
    told.shows(&["No listener was asked", &delivery, "dead: 1 attempt"]);
}

#[tokio::test]
async fn trace_draws_what_came_of_an_event() {
    let Story {
        gateway,
        endpoint,
        event,
    } = story().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let drawn = shell.runs(&["trace", &event]).await;
    drawn.shows(&[
        "site.failed  ◀ asked\n",
        &format!("│ {event}\n"),
        &format!("├─ ✗ Tell ops → webhook to {endpoint}\n│    dlv_"),
        "│    dead: 1 attempt",
        "└─ ✓ Measure → usage.measured\n",
        "evt_",
    ]);
    let document = shell.runs(&["trace", &event, "--json"]).await;
    let given = api
        .get(&format!("/v1/events/{event}/trace"))
        .await
        .expect(200);
    assert_eq!(document.json(), given);
    let delivery = api.delivery_of(&event).await;
    let attempt = id_of(&api.delivery(&delivery).await["attempts"][0]);
    for other in ["deploy-7", &delivery, &attempt] {
        let same = shell.runs(&["trace", other]).await;
        assert_eq!(same.ended(0), drawn.out, "{other}");
    }
    let absent = shell.runs(&["trace", "evt_1"]).await;
    absent.refused(1, "nothing is called so");
    let no_event = shell.runs(&["trace", &endpoint]).await;
    no_event.refused(1, "no event is called so: an endpoint");
}
