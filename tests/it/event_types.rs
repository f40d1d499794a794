//! The catalogue of event types, and schemas that events keep to.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, id_of, text};

/// A schema of sites: a name in lower case, and a version from 1 on.
fn of_sites() -> Value {
    json!({
        "type": "object",
        "required": ["site"],
        "properties": {
            "site": {"type": "string", "pattern": "^[a-z]+$"},
            "version": {"type": "integer", "minimum": 1},
        },
    })
}

async fn describes(api: &Api, event_type: &str, document: Value) -> Value {
    let path = format!("/v1/event-types/{event_type}");
    api.json(http::Method::PUT, &path, document)
        .await
        .expect(200)
}

async fn event_type(api: &Api, event_type: &str) -> Value {
    api.get(&format!("/v1/event-types/{event_type}"))
        .await
        .expect(200)
}

async fn validates(api: &Api, validation: &str) {
    let document = json!({"schema": of_sites(), "validation": validation});
    describes(api, "site.deployed", document).await;
}

fn deployed(data: Value) -> Value {
    json!({"type": "site.deployed", "data": data})
}

#[tokio::test]
async fn types_are_catalogued_as_they_are_seen() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    api.listens(
        &["site.deployed"],
        Value::Null,
        json!({"emit": {"type": "usage.measured"}}),
    )
    .await;
    api.sends(json!({"type": "site.deployed", "id": "1"})).await;
    let again = json!([{"type": "site.deployed", "id": "1"}, {"type": "site.deployed"}, {"type": "user.made"}]);
    let results = api.post("/v1/events", again).await.expect(202);
    let last = id_of(&results["data"][1]);

    let all = api.list("/v1/event-types").await;
    let counts: Vec<_> = all
        .iter()
        .map(|it| (text(&it["type"]), it["seen"]["count"].clone()))
        .collect();
    let expected = [
        ("site.deployed", 2),
        ("usage.measured", 2),
        ("user.made", 1),
    ];
    assert_eq!(
        counts,
        expected.map(|(name, count)| (name.to_owned(), json!(count)))
    );
    assert_eq!(all[0]["seen"]["last_event"], last);
    assert_eq!(
        (&all[0]["validation"], &all[0]["schema"]),
        (&json!("off"), &Value::Null)
    );
    assert!(text(&all[0]["seen"]["first_at"]) <= text(&all[0]["seen"]["last_at"]));

    let page = api.get("/v1/event-types?limit=1").await.expect(200);
    assert_eq!(
        (&page["next"], &page["uncatalogued"]),
        (&json!("site.deployed"), &json!(0))
    );
    let next = api
        .get("/v1/event-types?limit=1&cursor=site.deployed")
        .await
        .expect(200);
    assert_eq!(next["data"][0]["type"], "usage.measured");
    assert_eq!(api.list("/v1/event-types?prefix=us").await.len(), 2);
    assert_eq!(api.list("/v1/event-types?prefix=site.").await.len(), 1);

    let found = api.get("/v1/find?q=site.dep").await.expect(200);
    assert_eq!(
        found["data"][0]["path"], "/v1/event-types/site.deployed",
        "{found}"
    );
    api.get("/v1/event-types/user.unmade")
        .await
        .refused(404, "not_found");
    api.get("/v1/event-types/a..b")
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn what_tests_an_endpoint_is_no_type_of_the_project() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let endpoint = api.endpoint(json!({"url": "http://127.0.0.1:9999/"})).await;
    api.post_nothing(&format!("/v1/endpoints/{endpoint}/test"))
        .await
        .expect(202);
    assert_eq!(api.list("/v1/event-types").await.len(), 0);
}

#[tokio::test]
async fn an_event_that_breaks_an_enforced_schema_is_refused_with_the_place() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    validates(api, "enforce").await;
    api.sends(deployed(json!({"site": "seven", "version": 2})))
        .await;
    for (data, pointer) in [
        (json!({"site": "seven", "version": 0}), "/data/version"),
        (json!({"site": "7"}), "/data/site"),
        (json!({}), "/data"),
        (json!("text"), "/data"),
    ] {
        let refused = api.post("/v1/events", deployed(data)).await;
        let refused = refused.refused(422, "schema_violation");
        assert_eq!(refused.pointer(), Some(pointer));
    }
    let without_data = api
        .post("/v1/events", json!({"type": "site.deployed"}))
        .await;
    assert_eq!(
        without_data.refused(422, "schema_violation").pointer(),
        Some("/data")
    );
    assert_eq!(api.list("/v1/events").await.len(), 1);
    assert_eq!(event_type(api, "site.deployed").await["seen"]["count"], 1);

    // In a batch each event has its own result.
    let batch =
        json!([deployed(json!({"site": "a"})), deployed(json!({"site": 8})), {"type": "other"}]);
    let results = api.post("/v1/events", batch).await.expect(202);
    let status = |index: usize| &results["data"][index]["status"];
    assert_eq!(
        [status(0), status(1), status(2)],
        ["accepted", "broken", "accepted"]
    );
    let error = &results["data"][1]["error"];
    assert_eq!(
        (&error["code"], &error["errors"][0]["pointer"]),
        (&json!("schema_violation"), &json!("/data/site"))
    );
    assert_eq!(results["data"][1].get("id"), None);
    let alone = api
        .post("/v1/events", json!([deployed(json!({}))]))
        .await
        .expect(202);
    assert_eq!(alone["data"][0]["status"], "broken");
}

#[tokio::test]
async fn a_schema_counts_from_its_answer_on_and_across_restarts() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    api.sends(deployed(json!({"site": 7}))).await;
    validates(api, "enforce").await;
    let broken = || deployed(json!({"site": 7}));
    api.post("/v1/events", broken())
        .await
        .refused(422, "schema_violation");
    let gateway = gateway.restart().await;
    let api = gateway.api();
    api.post("/v1/events", broken())
        .await
        .refused(422, "schema_violation");
    let path = "/v1/event-types/site.deployed";
    let looser = json!({"schema": {"properties": {"site": {"type": ["string", "integer"]}}}});
    api.patch(path, looser).await.expect(200);
    api.sends(broken()).await;
    api.delete(path).await.expect(204);
    api.get(path).await.refused(404, "not_found");
    api.sends(deployed(json!([]))).await;
    let back = event_type(api, "site.deployed").await;
    assert_eq!(
        (&back["seen"]["count"], &back["validation"]),
        (&json!(1), &json!("off"))
    );
}

#[tokio::test]
async fn with_warn_events_that_break_the_schema_are_taken_and_counted() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    validates(api, "warn").await;
    api.sends(deployed(json!({"site": "seven"}))).await;
    api.sends(deployed(json!({"site": 1}))).await;
    let last = api
        .sends(deployed(json!({"site": "a", "version": 0.5})))
        .await;
    let seen = event_type(api, "site.deployed").await["seen"].clone();
    assert_eq!(
        (&seen["count"], &seen["violations"]),
        (&json!(3), &json!(2))
    );
    let violation = &seen["last_violation"];
    assert_eq!(
        (&violation["event"], &violation["pointer"]),
        (&json!(last), &json!("/data/version"))
    );
    api.patch(
        "/v1/event-types/site.deployed",
        json!({"validation": "off"}),
    )
    .await
    .expect(200);
    api.sends(deployed(json!({"site": 1}))).await;
    let seen = event_type(api, "site.deployed").await["seen"].clone();
    assert_eq!(
        (&seen["count"], &seen["violations"]),
        (&json!(4), &json!(2))
    );
}

#[tokio::test]
async fn an_emitted_event_that_breaks_its_schema_is_a_dead_letter() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    validates(api, "enforce").await;
    let template = json!({"type": "site.deployed", "data": {"site": "{{ event.data.name }}"}});
    api.listens(&["build.done"], Value::Null, json!({"emit": template}))
        .await;
    api.sends(json!({"type": "build.done", "data": {"name": "seven"}}))
        .await;
    assert_eq!(api.list("/v1/events?type=site.deployed").await.len(), 1);
    api.sends(json!({"type": "build.done", "data": {"name": "7"}}))
        .await;
    assert_eq!(api.list("/v1/events?type=site.deployed").await.len(), 1);
    let dead = api.list("/v1/dead-letters").await;
    assert_eq!(
        (dead.len(), &dead[0]["reason"]),
        (1, &json!("emit_failed")),
        "{dead:?}"
    );
    let detail = text(&dead[0]["detail"]);
    assert!(
        detail.contains("breaks the schema of site.deployed at /data/site"),
        "{detail}"
    );

    api.redrives(json!({"all": true})).await;
    assert_eq!(api.list("/v1/dead-letters").await.len(), 1);
    validates(api, "warn").await;
    api.redrives(json!({"all": true})).await;
    assert_eq!(api.list("/v1/dead-letters").await.len(), 0);
    assert_eq!(
        event_type(api, "site.deployed").await["seen"]["violations"],
        1
    );
}

#[tokio::test]
async fn what_cannot_be_said_about_a_type_is_refused_with_its_place() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let path = "/v1/event-types/site.deployed";
    let put = async |document: Value| {
        let refused = api.json(http::Method::PUT, path, document).await;
        text(&refused.refused(422, "invalid").0["errors"][0]["pointer"])
    };
    for (document, pointer) in [
        (json!({"schema": {"type": "strin"}}), "/schema/type"),
        (
            json!({"schema": {"items": {"$ref": "http://127.0.0.1/schema"}}}),
            "/schema/items/$ref",
        ),
        (json!({"schema": {"$ref": "#"}}), "/schema"),
        (json!({"schema": true}), "/schema"),
        (json!({"validation": "enforce"}), "/validation"),
        (json!({"validation": "sometimes"}), "/validation"),
        (
            json!({"schema": of_sites(), "example": {"site": "7"}}),
            "/example/site",
        ),
        (json!({"example": "x".repeat(70_000)}), "/example"),
        (json!({"description": "x".repeat(4_001)}), "/description"),
        (json!({"name": "x"}), "/name"),
    ] {
        assert_eq!(put(document.clone()).await, pointer, "{document}");
    }
    api.patch(path, json!({"description": "x"}))
        .await
        .refused(404, "not_found");
    api.delete(path).await.refused(404, "not_found");

    // A schema may not leave a validation, or an example, without ground.
    let document = json!({"description": "d", "schema": of_sites(), "example": {"site": "a"}, "validation": "enforce"});
    let made = describes(api, "site.deployed", document.clone()).await;
    for (field, value) in document.as_object().expect("an object") {
        assert_eq!(&made[field], value);
    }
    let refused = api.patch(path, json!({"schema": null})).await;
    assert_eq!(
        refused.refused(422, "invalid").pointer(),
        Some("/validation")
    );
    let narrower = json!({"schema": {"required": ["version"]}});
    let refused = api.patch(path, narrower).await;
    assert_eq!(refused.refused(422, "invalid").pointer(), Some("/example"));
    let kept = api
        .patch(path, json!({"description": null}))
        .await
        .expect(200);
    assert_eq!(
        (&kept["description"], &kept["validation"]),
        (&Value::Null, &json!("enforce"))
    );
    let replaced = describes(api, "site.deployed", json!({"description": "e"})).await;
    assert_eq!(
        (&replaced["schema"], &replaced["validation"]),
        (&Value::Null, &json!("off"))
    );
}

#[tokio::test]
async fn a_catalogue_is_its_projects_own() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    validates(api, "enforce").await;
    api.sends(deployed(json!({"site": "a"}))).await;
    let stranger = api.new_project("stranger").await;
    assert_eq!(stranger.list("/v1/event-types").await.len(), 0);
    stranger
        .get("/v1/event-types/site.deployed")
        .await
        .refused(404, "not_found");
    stranger.sends(deployed(json!({}))).await;
    assert_eq!(event_type(api, "site.deployed").await["seen"]["count"], 1);
}

#[tokio::test]
async fn what_is_said_about_a_type_is_changed_once_to_its_version_and_audited() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let path = "/v1/event-types/site.deployed";
    let once = api.with_header("idempotency-key", "one");
    let document = json!({"description": "one"});
    let made = once.json(http::Method::PUT, path, document.clone()).await;
    let again = once.json(http::Method::PUT, path, document).await;
    assert_eq!(made.body, again.body);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let tag = made.headers["etag"].to_str().expect("a tag").to_owned();
    assert_eq!(api.get(path).await.headers["etag"], tag.as_str());

    // What is seen makes no version, what is said does.
    api.sends(deployed(json!({}))).await;
    let matching = api.with_header("if-match", &tag);
    let changed = json!({"description": "two"});
    matching.patch(path, changed.clone()).await.expect(200);
    let late = matching.patch(path, json!({"description": "three"})).await;
    late.refused(412, "precondition_failed");
    api.patch(path, changed).await.expect(200);
    api.delete(path).await.expect(204);
    let audit = api.list("/v1/audit?kind=event_type").await;
    let actions: Vec<_> = audit.iter().map(|entry| text(&entry["action"])).collect();
    let expected = [
        "event_type.forgotten",
        "event_type.changed",
        "event_type.described",
    ];
    assert_eq!(actions, expected, "{audit:?}");
}
