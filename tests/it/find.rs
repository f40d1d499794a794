//! "I have this id; what is it?", asked with everything that somebody may have at hand.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, a_webhook, attempts, id_of, text};

/// What is found by `q`.
async fn find(api: &Api, q: &str) -> Value {
    let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
    api.get(&format!("/v1/find?q={q}")).await.expect(200)
}

/// The one thing that is found by `q`.
async fn found(api: &Api, q: &str) -> Value {
    let answer = find(api, q).await;
    let data = answer["data"].as_array().expect("hits");
    assert_eq!(data.len(), 1, "{q}: {answer}");
    assert_eq!(answer["hints"], json!([]), "{answer}");
    data[0].clone()
}

#[tokio::test]
async fn an_id_of_any_kind_leads_to_what_it_names() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let event = api.sends(json!({"type": "a.b", "id": "order-7"})).await;
    let delivery = api.delivery_of(&event).await;
    let delivered = api.delivery_becomes(&delivery, "delivered").await;
    let attempt = text(&attempts(&delivered)[0]["id"]);
    let key = api
        .post("/v1/keys", json!({"name": "CI"}))
        .await
        .expect(201);
    let job = api.post("/v1/dead-letters/discard", json!({"all": true}));
    let job = id_of(&job.await.expect(202));
    api.ended(&job).await;
    let project = text(&api.get("/v1/projects/default").await.expect(200)["id"]);
    for (id, kind, state, says, path) in [
        (
            &event,
            "event",
            "accepted",
            "1 delivery, delivered",
            format!("/v1/events/{event}"),
        ),
        (
            &delivery,
            "delivery",
            "delivered",
            "delivered at the 1st attempt, 200",
            format!("/v1/deliveries/{delivery}"),
        ),
        (
            &attempt,
            "attempt",
            "succeeded",
            "answered with 200",
            format!("/v1/deliveries/{delivery}/attempts/1"),
        ),
        (
            &hook.listener,
            "listener",
            "enabled",
            "waits for a.b",
            format!("/v1/listeners/{}", hook.listener),
        ),
        (
            &hook.endpoint,
            "endpoint",
            "enabled",
            "an endpoint at http://127.0.0.1",
            format!("/v1/endpoints/{}", hook.endpoint),
        ),
        (
            &job,
            "job",
            "done",
            "a job of the kind discard",
            format!("/v1/jobs/{job}"),
        ),
        (
            &id_of(&key),
            "key",
            "live",
            "called \"CI\"",
            "/v1/keys".to_owned(),
        ),
    ] {
        let hit = found(api, id).await;
        assert_eq!(
            (&hit["kind"], &hit["by"]),
            (&json!(kind), &json!("id")),
            "{hit}"
        );
        assert_eq!(
            (&hit["id"], &hit["state"]),
            (&json!(id), &json!(state)),
            "{hit}"
        );
        assert_eq!(
            (&hit["path"], &hit["project"]),
            (&json!(path), &json!("default")),
            "{hit}"
        );
        assert!(text(&hit["summary"]).contains(says), "{hit}");
        api.get(&path).await.expect(200);
    }
    assert_eq!(found(api, &project).await["kind"], "project");

    // Of an API key only the public part is looked for and shown.
    let secret = text(&key["key"]);
    let answer = find(api, &secret).await;
    assert_eq!(answer["data"][0]["id"], key["id"]);
    assert_eq!(answer["q"], key["id"]);
}

#[tokio::test]
async fn what_producers_and_users_call_things_leads_to_them_too() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let sent = json!({"type": "a.b", "id": "order 7", "source": "/shop"});
    let event = api.sends(sent).await;
    api.sends(json!({"type": "a.b", "id": "order 7", "source": "/other"}))
        .await;
    let endpoint = format!("/v1/endpoints/{}", hook.endpoint);
    api.patch(&endpoint, json!({"name": "Billing"}))
        .await
        .expect(200);
    let listener = format!("/v1/listeners/{}", hook.listener);
    api.patch(&listener, json!({"name": "billing of orders"}))
        .await
        .expect(200);

    let both = find(api, "order 7").await;
    assert_eq!(both["data"].as_array().map(Vec::len), Some(2), "{both}");
    assert!(
        both["data"]
            .as_array()
            .into_iter()
            .flatten()
            .all(|hit| hit["by"] == "event_id")
    );
    let one = found(api, "/shop order 7").await;
    assert_eq!(
        (&one["id"], &one["by"]),
        (&json!(event), &json!("source_and_id"))
    );

    let named = find(api, "BILLING").await;
    let kinds: Vec<_> = named["data"]
        .as_array()
        .expect("hits")
        .iter()
        .map(|hit| &hit["kind"])
        .collect();
    assert_eq!(kinds, ["listener", "endpoint"], "{named}");
    assert_eq!(found(api, "billing of").await["id"], json!(hook.listener));
    for beginning in [
        receiver.url(),
        "http://127.0.0".to_owned(),
        "127.0.0".to_owned(),
    ] {
        let hit = found(api, &beginning).await;
        assert_eq!(
            (&hit["id"], &hit["by"]),
            (&json!(hook.endpoint), &json!("url"))
        );
    }

    // What is deleted is told as such.
    api.delete(&listener).await.expect(204);
    api.delete(&endpoint).await.expect(204);
    assert_eq!(find(api, "billing").await["data"], json!([]));
    for id in [&hook.listener, &hook.endpoint] {
        let hit = found(api, id).await;
        assert_eq!(hit["state"], "deleted", "{hit}");
        api.get(&text(&hit["path"])).await.expect(200);
    }
}

#[tokio::test]
async fn an_emitted_event_is_found_by_the_first_of_its_chain() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    api.listens(&["a"], Value::Null, json!({"emit": {"type": "b"}}))
        .await;
    let first = api.sends(json!({"type": "a"})).await;
    let answer = find(api, &first).await;
    let by: Vec<_> = answer["data"]
        .as_array()
        .expect("hits")
        .iter()
        .map(|hit| &hit["by"])
        .collect();
    assert_eq!(by, ["id", "correlation"], "{answer}");
}

#[tokio::test]
async fn an_idempotency_key_leads_to_the_events_of_its_request() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let outbox = api.with_header("idempotency-key", "outbox 7");
    let batch = json!([{"type": "a.b"}, {"type": "a.c"}]);
    let sent = outbox.post("/v1/events", batch).await.expect(202);
    let hits = find(api, "outbox 7").await;
    for place in [0, 1] {
        let hit = &hits["data"][place];
        assert_eq!(hit["by"], "idempotency_key", "{hits}");
        assert_eq!(hit["id"], sent["data"][place]["id"]);
    }
    assert_eq!(find(api, "outbox").await["data"], json!([]));
    let stranger = api.new_project("stranger").await;
    assert_eq!(find(&stranger, "outbox 7").await["data"], json!([]));
}

#[tokio::test]
async fn nothing_found_says_what_was_looked_for_and_what_that_may_mean() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let answer = find(api, "dlv_01h455vb4pex5vsknk084sn02q").await;
    assert_eq!(answer["data"], json!([]));
    let hints = answer["hints"].to_string();
    assert!(
        hints.contains("would be a delivery, made at 2023-06-30T"),
        "{hints}"
    );
    assert!(hints.contains("all_projects=true"), "{hints}");
    let looked_for = answer["looked_for"].to_string();
    assert!(
        looked_for.contains("events by their producer's id"),
        "{looked_for}"
    );
    let nobody = find(api, "nobody").await;
    assert!(
        nobody["hints"].to_string().contains("called so"),
        "{nobody}"
    );
    let secret = find(api, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await;
    assert_eq!(secret["q"], "[hidden]");
    assert!(secret["hints"].to_string().contains("rotate"), "{secret}");
    api.get("/v1/find?q=%20")
        .await
        .refused(400, "bad_parameter");
    api.get("/v1/find").await.refused(400, "bad_parameter");
}

#[tokio::test]
async fn a_kind_of_which_there_is_much_is_cut() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    for number in 0..12 {
        let source = format!("/{number}");
        api.sends(json!({"type": "a", "id": "same", "source": source}))
            .await;
    }
    let answer = find(api, "same").await;
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(10));
    assert_eq!(answer["more"], json!(["event"]));
}

#[tokio::test]
async fn another_projects_things_are_found_by_operators_who_ask_for_all_projects() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let delivery = api.delivery_of_new().await;
    let stranger = api.new_project("stranger").await;
    for id in [&delivery, &hook.listener, &hook.endpoint] {
        assert_eq!(find(&stranger, id).await["data"], json!([]));
        let elsewhere = api.in_project("stranger");
        assert_eq!(find(&elsewhere, id).await["data"], json!([]));
        let path = format!("/v1/find?q={id}&all_projects=true");
        let answer = elsewhere.get(&path).await.expect(200);
        assert_eq!(answer["data"][0]["project"], "default", "{answer}");
        stranger.get(&path).await.refused(403, "forbidden");
    }
    let names = api
        .get("/v1/find?q=stranger&all_projects=true")
        .await
        .expect(200);
    assert!(names["hints"].to_string().contains("only ids"), "{names}");
    assert_eq!(found(api, "stranger").await["kind"], "project");
    assert_eq!(find(&stranger, "default").await["data"], json!([]));
}
