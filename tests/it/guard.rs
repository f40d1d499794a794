//! Where webhooks may go, told when they are registered.

use serde_json::json;

use crate::support::{Gateway, Receiver, Setup};

/// Addresses of both kinds: what is expected, the URL, its normalised host, the reason.
const ADDRESSES: &str = include_str!("../data/addresses.tsv");

/// A gateway that opens nothing but plain http.
async fn closed() -> Gateway {
    let setup = Setup::new().without("RIPOSTE_DELIVERY__ALLOW_NETWORKS");
    setup.start().await
}

fn cases() -> impl Iterator<Item = [&'static str; 4]> {
    ADDRESSES.lines().skip(1).map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        columns.try_into().expect("four columns")
    })
}

#[tokio::test]
async fn every_address_is_judged_with_its_reason_when_it_is_registered() {
    let gateway = closed().await;
    let api = gateway.api();
    let (mut refused, mut allowed) = (0, 0);
    for [expected, url, host, reason] in cases() {
        let reaction = json!({"webhook": {"url": url}});
        let listener = json!({"on": ["a.b"], "reactions": [reaction]});
        let by_listener = api.post("/v1/listeners", listener).await;
        let answer = api.post("/v1/endpoints", json!({"url": url})).await;
        if expected == "allow" {
            let made = answer.expect(201);
            let shown = made["url"].as_str().expect("a URL");
            assert!(shown.contains(host), "{made}");
            by_listener.expect(201);
            allowed += 1;
            continue;
        }
        for (answer, pointer) in [(answer, "/url"), (by_listener, "/reactions/0/webhook/url")] {
            let problem = answer.refused(422, "url_refused");
            assert_eq!(problem.pointer(), Some(pointer), "{url}");
            assert_eq!(
                problem.0["errors"][0]["reason"], reason,
                "{url}: {}",
                problem.0
            );
        }
        refused += 1;
    }
    assert!(
        refused > 70 && allowed > 10,
        "{refused} refused, {allowed} allowed"
    );
    assert_eq!(api.list("/v1/endpoints").await.len(), 2 * allowed);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_taken_with_a_warning_and_judged_at_the_attempt() {
    let gateway = Setup::new().retrying("0s").start().await;
    let api = gateway.api();
    let url = "https://does-not-exist.riposte-tests.example/hook";
    let made = api
        .post("/v1/endpoints", json!({"url": url}))
        .await
        .expect(201);
    let warnings = made["warnings"].as_array().expect("warnings");
    assert_eq!(warnings.len(), 1, "{made}");
    let hook = api.registers("a.b", url).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let id = api.delivery_of(&event).await;
    let dead = api.delivery_becomes(&id, "dead").await;
    let kind = dead["attempts"][0]["error"]["kind"]
        .as_str()
        .expect("a kind");
    assert!(matches!(kind, "dns_not_found" | "dns_failed"), "{dead}");
    assert_eq!(dead["endpoint"], hook.endpoint);
}

/// Sees that no endpoint can be made for `url`, for `reason`.
async fn refuses(gateway: &Gateway, url: &str, reason: &str) {
    let endpoint = json!({"url": url});
    let answer = gateway.api().post("/v1/endpoints", endpoint).await;
    let problem = answer.refused(422, "url_refused");
    assert_eq!(problem.0["errors"][0]["reason"], reason);
}

#[tokio::test]
async fn plain_http_needs_an_operator() {
    let setup = Setup::new().without("RIPOSTE_DELIVERY__ALLOW_HTTP");
    let gateway = setup.start().await;
    let receiver = Receiver::start().await;
    refuses(&gateway, &receiver.url(), "scheme").await;
}

#[tokio::test]
async fn the_gateway_never_calls_itself() {
    let gateway = Gateway::start().await;
    let own = gateway.api().url("/v1/events");
    refuses(&gateway, &own, "own_socket").await;
}

#[tokio::test]
async fn what_is_denied_is_denied_whatever_is_open() {
    let gateway = Gateway::with("RIPOSTE_DELIVERY__DENY_NETWORKS", "127.0.0.0/8")
        .start()
        .await;
    let receiver = Receiver::start().await;
    refuses(&gateway, &receiver.url(), "denied").await;
}

#[tokio::test]
async fn a_change_of_the_url_is_judged_too() {
    let gateway = closed().await;
    let api = gateway.api();
    let id = api.endpoint(json!({"url": "https://1.1.1.1/"})).await;
    let path = format!("/v1/endpoints/{id}");
    let answer = api.patch(&path, json!({"url": "http://10.0.0.1/"})).await;
    let problem = answer.refused(422, "url_refused");
    assert_eq!(problem.0["errors"][0]["reason"], "ip");
    assert_eq!(api.get(&path).await.expect(200)["url"], "https://1.1.1.1/");
}

#[tokio::test]
async fn the_development_profile_opens_this_machine_for_one_project() {
    let receiver = Receiver::start().await;
    let setup = Setup::new().without("RIPOSTE_DELIVERY__ALLOW_NETWORKS");
    let setup = setup
        .without("RIPOSTE_DELIVERY__ALLOW_HTTP")
        .in_development();
    let gateway = setup.start().await;
    gateway.api().registers("a.b", &receiver.url()).await;
    gateway.api().sends(json!({"type": "a.b"})).await;
    receiver.expect_one().await;
    let other = gateway.api().new_project("other").await;
    let answer = other
        .post("/v1/endpoints", json!({"url": receiver.url()}))
        .await;
    answer.refused(422, "url_refused");
}
