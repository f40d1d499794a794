//! Lists as users read them: filters, orders, ranges of time, and cursors.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, Setup, id_of, text};

/// The ids of a list, in its order.
async fn ids(api: &Api, path: &str) -> Vec<String> {
    api.list(path).await.iter().map(id_of).collect()
}

/// What is refused of a query, which must name `parameter`.
async fn refused(api: &Api, path: &str, parameter: &str) -> String {
    let problem = api.get(path).await.refused(400, "bad_parameter");
    let detail = problem.detail().to_owned();
    assert!(detail.starts_with(&format!("{parameter}: ")), "{detail}");
    detail
}

#[tokio::test]
async fn deliveries_and_dead_letters_are_listed_by_how_their_last_attempt_went() {
    let gateway = Setup::new().retrying("0s").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    let hook = api.registers("site.>", &receiver.url()).await;
    let mut ended = Vec::new();
    for (event_type, status, state) in [
        ("site.deploy.failed", 503, "dead"),
        ("site.deploy.failed", 404, "dead"),
        ("site.created", 204, "delivered"),
    ] {
        receiver.answers(status);
        let event = api.sends(json!({"type": event_type})).await;
        let id = api.delivery_of(&event).await;
        api.delivery_becomes(&id, state).await;
        ended.push(id);
    }
    let [down, refused, taken] = <[String; 3]>::try_from(ended).expect("three");
    for (query, expected) in [
        ("status=503", vec![&down]),
        ("status=4xx", vec![&refused]),
        ("status=2xx", vec![&taken]),
        ("error_kind=status_5xx", vec![&down]),
        ("error_kind=connect_refused", vec![]),
        ("reason=attempts_exhausted", vec![&refused, &down]),
        ("type=site.deploy.failed", vec![&refused, &down]),
        ("type=site.*", vec![&taken]),
        ("type=site.>&order=oldest", vec![&down, &refused, &taken]),
        ("type=site.deploy.*&status=5xx&state=dead", vec![&down]),
        ("since=2000-01-01T00:00:00Z&status=404", vec![&refused]),
        ("until=2000-01-01T00:00:00Z&status=404", vec![]),
    ] {
        let path = format!("/v1/deliveries?{query}&endpoint={}", hook.endpoint);
        assert_eq!(
            ids(api, &path).await.iter().collect::<Vec<_>>(),
            expected,
            "{query}"
        );
        let dead: Vec<_> = expected.into_iter().filter(|id| **id != taken).collect();
        let path = format!("/v1/dead-letters?{}", query.replace("&state=dead", ""));
        assert_eq!(
            ids(api, &path).await.iter().collect::<Vec<_>>(),
            dead,
            "{query}"
        );
    }
    let first = &api.list("/v1/deliveries?status=503").await[0];
    assert_eq!(
        (&first["error_kind"], &first["status"]),
        (&json!("status_5xx"), &json!(503))
    );
    assert_eq!(first["event"]["type"], "site.deploy.failed");
}

#[tokio::test]
async fn events_are_listed_by_their_attributes() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let mut sent = Vec::new();
    for event in [
        json!({"type": "site.deploy.failed", "source": "/ci", "subject": "site/7", "id": "one"}),
        json!({"type": "site.created", "source": "/sites", "subject": "site/7"}),
        json!({"type": "domain.set", "source": "/ci"}),
    ] {
        sent.push(api.sends(event).await);
    }
    let [failed, created, set] = <[String; 3]>::try_from(sent).expect("three");
    for (query, expected) in [
        ("", vec![&set, &created, &failed]),
        ("order=oldest", vec![&failed, &created, &set]),
        ("type=site.deploy.failed", vec![&failed]),
        ("type=site.>", vec![&created, &failed]),
        ("type=site.*&source=/sites", vec![&created]),
        ("source=/ci", vec![&set, &failed]),
        ("subject=site/7", vec![&created, &failed]),
        ("subject=site/7&source=/ci&state=accepted", vec![&failed]),
        ("event_id=one", vec![&failed]),
        ("state=loop_suppressed", vec![]),
        ("state=accepted", vec![&set, &created, &failed]),
    ] {
        let found = ids(api, &format!("/v1/events?{query}")).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let path = format!("/v1/events?correlation={created}");
    assert_eq!(ids(api, &path).await, [created]);
}

#[tokio::test]
async fn listeners_and_endpoints_are_found() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let endpoint =
        |name: &str, url: &str| api.post("/v1/endpoints", json!({"name": name, "url": url}));
    let ci = endpoint("CI of the web team", "https://1.1.1.1/ci").await;
    let chat = endpoint("Chat", "https://1.0.0.1/chat").await;
    let (ci, chat) = (id_of(&ci.expect(201)), id_of(&chat.expect(201)));
    api.sets(&chat, "paused").await;
    let listener = |name: &str, on: &str, endpoint: &str| {
        let reactions = json!([{"webhook": {"endpoint": endpoint}}]);
        let body = json!({"name": name, "on": [on], "reactions": reactions});
        api.post("/v1/listeners", body)
    };
    let failures = listener("Failures to ops", "site.*.failed", &chat).await;
    let all = listener("Everything", "site.>", &ci).await;
    let (failures, all) = (id_of(&failures.expect(201)), id_of(&all.expect(201)));
    let off = format!("/v1/listeners/{all}");
    api.patch(&off, json!({"state": "disabled"}))
        .await
        .expect(200);
    let gone = id_of(&listener("Gone", "site.>", &ci).await.expect(201));
    api.delete(&format!("/v1/listeners/{gone}"))
        .await
        .expect(204);

    for (path, expected) in [
        ("/v1/endpoints?name=web", vec![&ci]),
        ("/v1/endpoints?url=1.0.0.1/CHAT", vec![&chat]),
        ("/v1/endpoints?state=paused", vec![&chat]),
        ("/v1/endpoints?state=enabled&name=chat", vec![]),
        ("/v1/endpoints?order=oldest", vec![&ci, &chat]),
        ("/v1/listeners", vec![&all, &failures]),
        ("/v1/listeners?order=oldest", vec![&failures, &all]),
        ("/v1/listeners?state=disabled", vec![&all]),
        ("/v1/listeners?name=OPS", vec![&failures]),
        (
            "/v1/listeners?hears=site.deploy.failed",
            vec![&all, &failures],
        ),
        ("/v1/listeners?hears=site.created", vec![&all]),
        (
            "/v1/listeners?hears=site.deploy.failed&state=enabled",
            vec![&failures],
        ),
    ] {
        let found = ids(api, path).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{path}");
    }
    let to_chat = format!("/v1/listeners?endpoint={chat}");
    assert_eq!(ids(api, &to_chat).await, [failures]);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list_and_order() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    for _ in 0..3 {
        api.sends(json!({"type": "a.b"})).await;
    }
    let page = api.get("/v1/events?limit=2&order=oldest").await.expect(200);
    assert_eq!(page["scanned_until"], Value::Null);
    let next = text(&page["next"]);
    let rest = api
        .get(&format!("/v1/events?cursor={next}"))
        .await
        .expect(200);
    let oldest = ids(api, "/v1/events?order=oldest").await;
    assert_eq!(
        id_of(&rest["data"][0]),
        oldest[2],
        "the cursor carries its order"
    );
    assert_eq!(rest["next"], Value::Null);

    let turned = format!("/v1/events?cursor={next}&order=newest");
    let detail = refused(api, &turned, "cursor").await;
    assert!(detail.contains("order=oldest"), "{detail}");
    refused(api, &format!("/v1/deliveries?cursor={next}"), "cursor").await;
    refused(api, "/v1/events?cursor=7", "cursor").await;
    refused(api, "/v1/events?order=latest", "order").await;
    refused(api, "/v1/events?since=yesterday", "since").await;
    refused(api, "/v1/events?type=a.b*", "type").await;
    refused(api, "/v1/events?state=lost", "state").await;
    refused(api, "/v1/deliveries?status=5x", "status").await;
    refused(api, "/v1/deliveries?reason=bad_luck", "reason").await;
    refused(api, "/v1/dead-letters?reason=discarded", "reason").await;
    refused(api, "/v1/listeners?hears=a.>", "hears").await;
    let unknown = api.get("/v1/events?colour=red").await;
    unknown.refused(400, "bad_parameter");
}

#[tokio::test]
async fn attempts_are_listed_across_deliveries() {
    let gateway = Setup::new().retrying("0s,10ms").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    let hook = api.registers("a.b", &receiver.url()).await;
    receiver.answers(503).then_answers(204);
    let delivery = api.delivery_of_new().await;
    api.delivery_becomes(&delivery, "delivered").await;

    let all = api.list("/v1/attempts?order=oldest").await;
    let [failed, taken] = <[Value; 2]>::try_from(all).expect("two");
    for (attempt, number, outcome, status) in
        [(&failed, 1, "failed", 503), (&taken, 2, "succeeded", 204)]
    {
        assert_eq!(attempt["number"], number);
        assert_eq!(attempt["outcome"], outcome);
        assert_eq!(attempt["status"], status);
        assert_eq!(attempt["delivery"], *delivery);
        assert_eq!(attempt["endpoint"], *hook.endpoint);
    }
    assert_eq!(failed["error"]["kind"], "status_5xx");
    assert_eq!(taken["error"], Value::Null);
    let shown = api.delivery(&delivery).await;
    assert_eq!(shown["attempts"][0]["id"], failed["id"]);

    let (failed, taken) = (id_of(&failed), id_of(&taken));
    for (query, expected) in [
        ("", vec![&taken, &failed]),
        ("outcome=failed", vec![&failed]),
        ("outcome=succeeded", vec![&taken]),
        ("outcome=failed&status=2xx", vec![]),
        ("outcome=succeeded&status=204", vec![&taken]),
        ("status=5xx", vec![&failed]),
        ("error_kind=status_5xx", vec![&failed]),
        ("error_kind=protocol", vec![]),
        ("until=2000-01-01T00:00:00Z", vec![]),
    ] {
        for of in [
            String::new(),
            format!("&delivery={delivery}"),
            format!("&endpoint={}", hook.endpoint),
        ] {
            let found = ids(api, &format!("/v1/attempts?{query}{of}")).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}{of}");
        }
    }
    refused(api, "/v1/attempts?outcome=lost", "outcome").await;
}

/// `text` as it stands in a query.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn the_log_is_searched_for_what_stands_in_events() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let mut sent = Vec::new();
    for (event_type, environment, site) in [
        ("site.deploy.failed", "production", 7),
        ("site.deploy.failed", "staging", 7),
        ("site.created", "production", 8),
    ] {
        let data = json!({"environment": environment, "site": site});
        sent.push(api.sends(json!({"type": event_type, "data": data})).await);
    }
    let [failed, staging, created] = <[String; 3]>::try_from(sent).expect("three");
    for (when, and, expected) in [
        (
            r#"{"data": {"environment": ["production"]}}"#,
            "",
            vec![&created, &failed],
        ),
        (
            r#"{"data": {"site": [{"numeric": [">", 7]}]}}"#,
            "",
            vec![&created],
        ),
        (
            r#"{"data": {"environment": ["production"]}}"#,
            "&type=site.deploy.*",
            vec![&failed],
        ),
        (
            r#"{"data": {"site": [7]}}"#,
            "&order=oldest",
            vec![&failed, &staging],
        ),
        (r#"{"$not": {"type": [{"prefix": "site."}]}}"#, "", vec![]),
        (
            r#"{"data": {"site": [7]}}"#,
            "&until=2000-01-01T00:00:00Z",
            vec![],
        ),
    ] {
        let path = format!("/v1/events?when={}{and}", encoded(when));
        assert_eq!(
            ids(api, &path).await.iter().collect::<Vec<_>>(),
            expected,
            "{when}{and}"
        );
    }

    // Page by page, whatever lies between.
    let path = format!(
        "/v1/events?limit=1&when={}",
        encoded(r#"{"data.site": [7]}"#)
    );
    let first = api.get(&path).await.expect(200);
    assert_eq!(id_of(&first["data"][0]), staging);
    let next = text(&first["next"]);
    let second = api.get(&format!("{path}&cursor={next}")).await.expect(200);
    assert_eq!(id_of(&second["data"][0]), failed);
    assert_eq!(second["next"], Value::Null);
    assert_eq!(second["scanned_until"], Value::Null);
}

#[tokio::test]
async fn a_pattern_that_is_none_is_refused_at_its_place() {
    let gateway = Gateway::start().await;
    for (when, place, reason) in [
        (r#"{"data": {"site": 7}}"#, "/data/site", "bare_scalar"),
        (
            r#"{"data": {"site": [{"prefx": "a"}]}}"#,
            "/data/site/0/prefx",
            "unknown_operator",
        ),
        ("{", "", "malformed_json"),
    ] {
        let path = format!("/v1/events?when={}", encoded(when));
        let problem = gateway.api().get(&path).await.refused(400, "bad_parameter");
        assert!(problem.detail().starts_with("when: "), "{problem:?}");
        assert_eq!(problem.pointer(), Some(place), "{problem:?}");
        assert_eq!(problem.0["errors"][0]["reason"], reason);
    }
}

#[tokio::test]
async fn a_search_ends_where_it_has_looked_at_enough_and_goes_on_from_there() {
    let gateway = Gateway::with("RIPOSTE_LIMITS__BATCH_EVENTS", "1000")
        .with("RIPOSTE_LIMITS__REQUEST_BYTES", "64MiB")
        .start()
        .await;
    let api = gateway.api();
    let needle = api.sends(json!({"type": "a.needle", "data": "x"})).await;
    // More bytes than a request looks at.
    let hay = "h".repeat(200_000);
    for _ in 0..9 {
        let hay = (0..10).map(|_| json!({"type": "a.hay", "data": hay}));
        api.post("/v1/events", Value::from_iter(hay))
            .await
            .expect(202);
    }
    let path = format!("/v1/events?when={}", encoded(r#"{"data": ["x"]}"#));
    let first = api.get(&path).await.expect(200);
    assert_eq!(first["data"], json!([]), "it has not come so far");
    assert!(first["scanned_until"].is_string(), "{first}");
    assert!(first["next"].is_string(), "{first}");
    assert_eq!(ids(api, &path).await, [needle]);
}
