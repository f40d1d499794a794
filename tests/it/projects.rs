//! Projects: each for itself, and the platform that hears them all.

use serde_json::{Value, json};

use crate::support::{Gateway, Receiver, Setup, id_of};

#[tokio::test]
async fn the_platform_hears_every_project_and_a_customer_only_its_own() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let customers = [
        operator.new_project("one").await,
        operator.new_project("two").await,
    ];
    let platform = operator.in_project("platform");
    let receivers = [
        Receiver::start().await,
        Receiver::start().await,
        Receiver::start().await,
    ];
    platform.registers(">", &receivers[2].url()).await;
    for (customer, receiver) in customers.iter().zip(&receivers) {
        customer.registers(">", &receiver.url()).await;
    }
    let sent = [
        customers[0].sends(json!({"type": "a.one"})).await,
        customers[1].sends(json!({"type": "a.two"})).await,
    ];
    platform.sends(json!({"type": "a.platform"})).await;
    let types = |webhooks: Vec<crate::support::Webhook>| {
        let all = webhooks.iter().map(|webhook| webhook.json()["type"].take());
        let mut all: Vec<_> = all
            .map(|one| one.as_str().expect("a type").to_owned())
            .collect();
        all.sort();
        all
    };
    assert_eq!(
        types(receivers[2].expect_requests(3).await),
        ["a.one", "a.platform", "a.two"]
    );
    assert_eq!(types(receivers[0].expect_requests(1).await), ["a.one"]);
    assert_eq!(types(receivers[1].expect_requests(1).await), ["a.two"]);
    // What the platform does with a customer's event is the platform's business.
    let seen = customers[0].deliveries(&format!("event={}", sent[0])).await;
    assert_eq!(seen.len(), 1);
    let of_platform = platform.deliveries("state=delivered").await;
    for delivery in &of_platform {
        let path = format!("/v1/deliveries/{}", id_of(delivery));
        customers[0].get(&path).await.refused(404, "not_found");
        let body = platform.get(&path).await.expect(200)["attempts"][0]["request"]["body"].take();
        assert!(body.is_object(), "{body}");
    }
    assert_eq!(customers[0].stats().await["events"], 1);
}

#[tokio::test]
async fn what_the_platform_emits_is_the_platforms() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    let platform = operator.in_project("platform");
    let emit = json!({"emit": {"type": "usage.measured"}});
    platform
        .listens(&["site.deployed"], Value::Null, emit)
        .await;
    let heard = Receiver::start().await;
    customer.registers("usage.measured", &heard.url()).await;
    let root = customer.sends(json!({"type": "site.deployed"})).await;
    let made = platform.list("/v1/events?type=usage.measured").await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["lineage"]["causation_id"], root);
    assert_eq!(customer.list("/v1/events").await.len(), 1);
    assert_eq!(customer.stats().await["deliveries"]["pending"], 0);
    assert_eq!(heard.received().len(), 0);
}

#[tokio::test]
async fn the_same_id_in_two_projects_is_two_events() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let event = json!({"type": "a.b", "id": "7", "source": "/ci"});
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        ids.push(operator.new_project(name).await.sends(event.clone()).await);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_projects_key_is_no_operators() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    for answer in [
        customer.get("/v1/projects").await,
        customer.get("/v1/projects/customer").await,
        customer.get("/v1/projects/default").await,
        customer.post("/v1/projects", json!({"name": "mine"})).await,
        customer
            .patch(
                "/v1/projects/customer",
                json!({"openings": {"allow_http": true}}),
            )
            .await,
    ] {
        answer.refused(403, "forbidden");
    }
    operator
        .post("/v1/projects", json!({"name": "customer"}))
        .await
        .refused(409, "already_exists");
    operator
        .in_project("nobody")
        .get("/v1/events")
        .await
        .refused(404, "not_found");
    let named = operator
        .in_project("customer")
        .get("/v1/stats")
        .await
        .expect(200);
    assert_eq!(named, customer.stats().await);
}

#[tokio::test]
async fn a_key_that_is_revoked_or_over_opens_nothing() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    let second = customer
        .post("/v1/keys", json!({"name": "second"}))
        .await
        .expect(201);
    let key = second["key"].as_str().expect("a key");
    let with_second = customer.with_key(key);
    with_second.get("/v1/events").await.expect(200);
    let path = format!("/v1/keys/{}", id_of(&second));
    customer.delete(&path).await.expect(204);
    with_second
        .get("/v1/events")
        .await
        .refused(401, "unauthorized");
    customer.get("/v1/events").await.expect(200);
    let listed = customer.get("/v1/keys").await.text();
    assert!(
        !listed.contains(key.rsplit('_').next().expect("a secret")),
        "{listed}"
    );
    let past = json!({"name": "past", "expires_at": "2020-01-01T00:00:00Z"});
    customer
        .post("/v1/keys", past)
        .await
        .refused(422, "invalid");
}

#[tokio::test]
async fn no_key_outlives_the_key_that_makes_it() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    let key = |end: Value| json!({"name": "a key", "expires_at": end});
    let end = json!("2100-01-01T00:00:00.000Z");
    let bounded = customer
        .post("/v1/keys", key(end.clone()))
        .await
        .expect(201);
    let bounded = customer.with_key(bounded["key"].as_str().expect("a key"));
    let later = key(json!("2100-01-01T00:00:01Z"));
    let refused = bounded.post("/v1/keys", later.clone()).await;
    let problem = refused.refused(422, "invalid");
    assert_eq!(problem.pointer(), Some("/expires_at"));
    for (asked, expected) in [
        (
            json!("2099-01-01T00:00:00.000Z"),
            json!("2099-01-01T00:00:00.000Z"),
        ),
        (end.clone(), end.clone()),
        (Value::Null, end),
    ] {
        let made = bounded.post("/v1/keys", key(asked)).await.expect(201);
        assert_eq!(made["expires_at"], expected);
    }
    customer.post("/v1/keys", later).await.expect(201);
}

#[tokio::test]
async fn a_key_that_is_rotated_goes_on_for_a_while_beside_its_successor() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    let scopes = json!(["events:write", "admin"]);
    let key = json!({"name": "CI", "scopes": scopes, "expires_at": "2100-01-01T00:00:00.000Z"});
    let old = customer.post("/v1/keys", key).await.expect(201);
    let with = |key: &Value| customer.with_key(key["key"].as_str().expect("a key"));
    let rotate = |key: &Value| format!("/v1/keys/{}/rotate", id_of(key));
    let wait = json!({"grace": "1h"});
    // A key can rotate itself.
    let new = with(&old).post(&rotate(&old), wait.clone()).await;
    let new = new.expect(201);
    for field in ["name", "scopes", "expires_at"] {
        assert_eq!(new[field], old[field], "{field}");
    }
    let event = json!({"type": "a.b"});
    with(&old).sends(event.clone()).await;
    with(&new).sends(event.clone()).await;
    let keys = customer.list("/v1/keys").await;
    let listed = keys.iter().find(|key| key["id"] == old["id"]);
    let listed = listed.expect("it is listed");
    assert_eq!(listed["successor"], new["id"]);
    assert!(listed["expires_at"].as_str() < old["expires_at"].as_str());
    // Two of a line live at a time.
    for key in [&old, &new] {
        let refused = customer.post(&rotate(key), wait.clone()).await;
        refused.refused(409, "wrong_state");
    }
    let revoked = format!("/v1/keys/{}", id_of(&old));
    customer.delete(&revoked).await.expect(204);
    let third = customer.post(&rotate(&new), json!({"grace": "0s"})).await;
    with(&third.expect(201)).sends(event.clone()).await;
    let over = with(&new).post("/v1/events", event).await;
    over.refused(401, "unauthorized");
    let long = customer.post(&rotate(&new), json!({"grace": "31d"})).await;
    assert_eq!(long.refused(422, "invalid").pointer(), Some("/grace"));
}

#[tokio::test]
async fn no_rotation_gives_more_than_the_key_has_that_asks_for_it() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    let all = customer.post("/v1/keys", json!({"name": "all"})).await;
    let all = format!("/v1/keys/{}/rotate", id_of(&all.expect(201)));
    let some = json!({"name": "some", "scopes": ["admin"]});
    let some = customer.post("/v1/keys", some).await.expect(201);
    let some = customer.with_key(some["key"].as_str().expect("a key"));
    let refused = some.post_nothing(&all).await.refused(403, "forbidden");
    assert!(refused.detail().contains("events:write"), "{refused:?}");
    let short = json!({"name": "short", "expires_at": "2100-01-01T00:00:00.000Z"});
    let short = customer.post("/v1/keys", short).await.expect(201);
    let with_short = customer.with_key(short["key"].as_str().expect("a key"));
    let made = with_short.post_nothing(&all).await.expect(201);
    assert_eq!(made["expires_at"], short["expires_at"]);
}

#[tokio::test]
async fn a_key_shows_when_it_was_last_used() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    let second = customer.post("/v1/keys", json!({"name": "second"})).await;
    let second = second.expect(201);
    assert_eq!(second["last_used_at"], Value::Null);
    let with_second = customer.with_key(second["key"].as_str().expect("a key"));
    with_second.get("/v1/events").await.expect(200);
    let find = async |api: &crate::support::Api| {
        let keys = api.list("/v1/keys").await;
        let found = keys.into_iter().find(|key| key["name"] == "second");
        found.expect("it is listed")["last_used_at"].take()
    };
    let used = find(&customer).await;
    assert!(used.is_string(), "{used}");
    let gateway = gateway.restart().await;
    assert_eq!(find(&gateway.api().in_project("customer")).await, used);
}

#[tokio::test]
async fn a_project_is_renamed_and_keeps_all_that_it_has() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    operator.new_project("another").await;
    let event = customer.sends(json!({"type": "a.b"})).await;
    let name = |name: &str| json!({"name": name});
    for (path, new, status, code) in [
        ("customer", "another", 409, "already_exists"),
        ("customer", "No name", 422, "invalid"),
        ("default", "mine", 409, "wrong_state"),
        ("platform", "mine", 409, "wrong_state"),
    ] {
        let path = format!("/v1/projects/{path}");
        let refused = operator.patch(&path, name(new)).await;
        refused.refused(status, code);
    }
    let renamed = operator.patch("/v1/projects/customer", name("client"));
    assert_eq!(renamed.await.expect(200)["name"], "client");
    let path = format!("/v1/events/{event}");
    operator.in_project("client").get(&path).await.expect(200);
    customer.get(&path).await.expect(200);
    operator
        .new_project("customer")
        .await
        .get(&path)
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn no_key_may_do_more_than_the_key_that_makes_it() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    let key = |scopes: Value| json!({"name": "a key", "scopes": scopes});
    let some = json!(["events:write", "admin"]);
    let made = customer.post("/v1/keys", key(some.clone())).await;
    let made = made.expect(201);
    assert_eq!(made["scopes"], some);
    let limited = customer.with_key(made["key"].as_str().expect("a key"));
    limited.sends(json!({"type": "a.b"})).await;
    let refused = limited.get("/v1/events").await.refused(403, "forbidden");
    assert!(refused.detail().contains("events:read"), "{refused:?}");
    for (asked, pointer) in [
        (json!(["events:write", "events:read"]), "/scopes/1"),
        (json!([]), "/scopes"),
        (json!(["events:eat"]), "/scopes/0"),
    ] {
        let refused = limited.post("/v1/keys", key(asked)).await;
        let refused = refused.refused(422, "invalid");
        assert_eq!(refused.pointer(), Some(pointer));
    }
    // What is left out, or said by null, is what the key itself may do.
    for asked in [json!({"name": "a key"}), key(Value::Null)] {
        let made = limited.post("/v1/keys", asked).await.expect(201);
        assert_eq!(made["scopes"], some);
    }
    let all = customer.post("/v1/keys", json!({"name": "all"})).await;
    let all = all.expect(201);
    assert_eq!(all["scopes"].as_array().expect("a list").len(), 7);
}

#[tokio::test]
async fn openings_that_change_at_once_all_hold() {
    let setup = Setup::new().without("RIPOSTE_DELIVERY__ALLOW_NETWORKS");
    let setup = setup.without("RIPOSTE_DELIVERY__ALLOW_HTTP");
    let gateway = setup.start().await;
    let operator = gateway.api();
    let networks = json!(["10.1.0.0/16"]);
    let hosts = json!(["*.internal"]);
    for round in 0..8 {
        let name = format!("customer-{round}");
        let customer = operator.new_project(&name).await;
        let path = format!("/v1/projects/{name}");
        let open = |openings: Value| operator.patch(&path, json!({"openings": openings}));
        let (first, second, third) = tokio::join!(
            open(json!({"allow_networks": networks})),
            open(json!({"allow_hosts": hosts})),
            open(json!({"allow_http": true})),
        );
        for answer in [first, second, third] {
            answer.expect(200);
        }
        let all = json!({"allow_networks": networks, "allow_hosts": hosts, "allow_http": true});
        assert_eq!(operator.get(&path).await.expect(200)["openings"], all);
        let endpoint = json!({"url": "http://10.1.0.7/"});
        customer.post("/v1/endpoints", endpoint).await.expect(201);
    }
}

#[tokio::test]
async fn what_an_operator_opens_for_one_project_is_open_for_that_alone() {
    let setup = Setup::new().without("RIPOSTE_DELIVERY__ALLOW_NETWORKS");
    let setup = setup.without("RIPOSTE_DELIVERY__ALLOW_HTTP").retrying("0s");
    let gateway = setup.start().await;
    let operator = gateway.api();
    let (one, two) = (
        operator.new_project("one").await,
        operator.new_project("two").await,
    );
    let receiver = Receiver::start().await;
    let endpoint = json!({"url": receiver.url()});
    let openings = |networks: Value, http: bool| json!({"openings": {"allow_networks": networks, "allow_http": http}});
    let opened = openings(json!(["127.0.0.0/8"]), true);
    operator.patch("/v1/projects/one", opened).await.expect(200);
    one.registers("a.b", &receiver.url()).await;
    two.post("/v1/endpoints", endpoint)
        .await
        .refused(422, "url_refused");
    one.sends(json!({"type": "a.b"})).await;
    receiver.expect_one().await;
    let gateway = gateway.restart().await;
    let one = gateway.api().in_project("one");
    one.sends(json!({"type": "a.b"})).await;
    receiver.expect_requests(2).await;
    let closed = openings(json!([]), true);
    gateway
        .api()
        .patch("/v1/projects/one", closed)
        .await
        .expect(200);
    let event = one.sends(json!({"type": "a.b"})).await;
    let id = one.delivery_of(&event).await;
    let dead = one.delivery_becomes(&id, "dead").await;
    assert_eq!(dead["attempts"][0]["error"]["kind"], "address_refused");
    receiver.expect_requests(2).await;
}
