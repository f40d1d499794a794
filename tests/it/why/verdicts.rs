//! What each listener said to an event, at the moment of that event.

use serde_json::{Value, json};

use crate::support::{Api, Gateway, Receiver, id_of, text};

/// All verdicts on an event, page by page; the first page with everything.
async fn verdicts(api: &Api, event: &str) -> (Value, Vec<Value>) {
    let path = format!("/v1/events/{event}/verdicts");
    (api.get(&path).await.expect(200), api.list(&path).await)
}

/// The verdict of one listener.
async fn verdict_of(api: &Api, event: &str, listener: &str) -> Value {
    let (_, all) = verdicts(api, event).await;
    let own = all.into_iter().find(|it| it["listener"] == listener);
    own.unwrap_or_else(|| panic!("{listener} has no verdict"))
}

fn listeners(verdicts: &[Value]) -> Vec<String> {
    verdicts.iter().map(|it| text(&it["listener"])).collect()
}

#[tokio::test]
async fn each_listener_says_clause_by_clause_what_it_wanted_and_what_stood_there() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let endpoint = api.endpoint(json!({"url": receiver.url()})).await;
    let hook = json!({"webhook": {"endpoint": endpoint}});
    let production = json!({"data": {"environment": ["production"]}});
    let staging = json!({"data": {"environment": ["staging"]}});
    let unrelated = id_of(&api.listens(&["domain.>"], Value::Null, hook.clone()).await);
    let wrong = id_of(&api.listens(&["site.*"], production, hook.clone()).await);
    let right = id_of(&api.listens(&["site.*"], staging, hook).await);
    let event = json!({"type": "site.deployed", "data": {"environment": "staging"}});
    let event = api.sends(event).await;
    let delivery = api.delivery_of(&event).await;
    api.delivery_becomes(&delivery, "delivered").await;

    let (page, all) = verdicts(api, &event).await;
    assert_eq!(listeners(&all), [wrong, right, unrelated]);
    assert_eq!(
        page["totals"],
        json!({"listeners": 3, "enabled": 3, "on_matched": 2, "matched": 1,
               "deliveries": {"delivered": 1}, "emitted": 0})
    );
    assert_eq!(page["note"], Value::Null);
    assert_eq!(page["next"], Value::Null);
    assert_eq!(page["rules"]["project_version"], 3);
    assert_eq!(page["event"]["type"], "site.deployed");
    let said: Vec<_> = all.iter().map(|it| text(&it["summary"])).collect();
    assert_eq!(
        said,
        [
            r#"did not match: data.environment is "staging", wanted "production""#,
            "matched",
            "did not match: the type site.deployed is none that it waits for",
        ]
    );
    assert_eq!(
        all[0]["verdict"]["when"]["clauses"][0],
        json!({"pointer": "/data/environment", "path": "data.environment",
               "wanted": ["production"], "found": ["staging"], "found_more": 0, "held": false})
    );
    assert_eq!(
        all[2]["verdict"]["on"],
        json!([{"subject": "domain.>", "held": false}])
    );
    assert_eq!(all[0]["reactions"], json!([]));
    let reaction = &all[1]["reactions"][0];
    assert_eq!(reaction["outcome"], "delivery");
    assert_eq!(reaction["delivery"], delivery);
    assert_eq!(reaction["endpoint"], endpoint);
    assert_eq!(reaction["state"], "delivered");
    let sentence = text(&reaction["summary"]);
    assert!(
        sentence.starts_with("delivered at the 1st attempt, 200 after "),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_verdict_stays_that_of_its_moment_whatever_becomes_of_the_listener() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let hook = api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let path = format!("/v1/listeners/{}", hook.listener);
    api.patch(&path, json!({"on": ["c.d"]})).await.expect(200);
    let changed = verdict_of(api, &event, &hook.listener).await;
    assert_eq!(changed["summary"], "matched");
    assert_eq!(
        (&changed["revision"], &changed["superseded"]),
        (&json!(1), &json!(true))
    );
    api.delete(&path).await.expect(204);
    let deleted = verdict_of(api, &event, &hook.listener).await;
    assert_eq!(deleted["summary"], "matched");
    assert_eq!(deleted["reactions"][0]["outcome"], "delivery");
    // An event that comes now meets nobody.
    let late = api.sends(json!({"type": "a.b"})).await;
    let (page, all) = verdicts(api, &late).await;
    assert_eq!(all, [] as [Value; 0]);
    assert_eq!(page["totals"]["listeners"], 0);
}

#[tokio::test]
async fn whoever_came_or_changed_later_is_named_with_a_hint() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let endpoint = api.endpoint(json!({"url": receiver.url()})).await;
    let hook = json!({"webhook": {"endpoint": endpoint}});
    let narrow = id_of(&api.listens(&["c.d"], Value::Null, hook.clone()).await);
    let paused = id_of(&api.listens(&["a.b"], Value::Null, hook.clone()).await);
    let paused_path = format!("/v1/listeners/{paused}");
    api.patch(&paused_path, json!({"state": "disabled"}))
        .await
        .expect(200);
    let renamed = id_of(&api.listens(&["a.b"], Value::Null, hook.clone()).await);
    let event = api.sends(json!({"type": "a.b"})).await;

    let off = verdict_of(api, &event, &paused).await;
    assert_eq!(
        (&off["asked"], &off["state"]),
        (&json!(false), &json!("disabled"))
    );
    let said = text(&off["summary"]);
    assert!(
        said.starts_with("would have matched, but it is disabled since "),
        "{said}"
    );
    assert_eq!(off["verdict"]["matched"], true);
    assert_eq!(off["reactions"], json!([]));

    let wider = json!({"on": ["a.b", "c.d"]});
    api.patch(&format!("/v1/listeners/{narrow}"), wider)
        .await
        .expect(200);
    api.patch(&paused_path, json!({"state": "enabled"}))
        .await
        .expect(200);
    let path = format!("/v1/listeners/{renamed}");
    api.patch(&path, json!({"name": "another"}))
        .await
        .expect(200);
    api.listens(&["x.y"], Value::Null, hook.clone()).await;
    let late = id_of(&api.listens(&["a.*"], Value::Null, hook).await);
    let (page, _) = verdicts(api, &event).await;
    let hints: Vec<_> = page["later"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (text(&it["listener"]), text(&it["hint"])))
        .collect();
    let begins = [
        (
            narrow,
            "revision 1 did not match; it would since the change of ",
        ),
        (paused, "disabled then; enabled by the change of "),
        (late, "created later, at "),
    ];
    assert_eq!(hints.len(), begins.len(), "{hints:?}");
    for ((listener, hint), (expected, begin)) in hints.iter().zip(&begins) {
        assert_eq!(listener, expected);
        assert!(hint.starts_with(begin), "{hint}");
    }
}

#[tokio::test]
async fn pages_hold_those_that_wait_for_the_type_before_all_others() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let endpoint = api.endpoint(json!({"url": receiver.url()})).await;
    let mut expected = [Vec::new(), Vec::new()];
    for index in 0..7 {
        let on = if index % 2 == 0 { "c.d" } else { "a.b" };
        let hook = json!({"webhook": {"endpoint": endpoint}});
        let made = api.listens(&[on], Value::Null, hook).await;
        expected[1 - index % 2].push(id_of(&made));
    }
    let event = api.sends(json!({"type": "a.b"})).await;
    let mut seen = Vec::new();
    let mut query = "limit=2".to_owned();
    let mut pages = 0;
    loop {
        let path = format!("/v1/events/{event}/verdicts?{query}");
        let page = api.get(&path).await.expect(200);
        let data = page["data"].as_array().expect("a list");
        assert!(data.len() <= 2, "{page}");
        seen.extend(listeners(data));
        assert_eq!(page["totals"].is_object(), pages == 0, "{page}");
        assert_eq!(page["totals_missing"].is_null(), pages == 0, "{page}");
        pages += 1;
        match page["next"].as_str() {
            Some(next) => query = format!("limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, expected.concat());
    assert_eq!(pages, 4);
    for bad in [
        "limit=0",
        "cursor=on",
        "cursor=off.",
        "cursor=rest.evt_1",
        "after=1",
    ] {
        let path = format!("/v1/events/{event}/verdicts?{bad}");
        api.get(&path).await.refused(400, "bad_parameter");
    }
}

#[tokio::test]
async fn the_platforms_listeners_are_shown_to_operators_alone() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    let platform = operator.in_project("platform");
    let own = customer.registers("a.b", &receiver.url()).await;
    let theirs = platform.registers(">", &receiver.url()).await;
    let event = customer.sends(json!({"type": "a.b"})).await;

    let (page, seen) = verdicts(&customer, &event).await;
    assert_eq!(listeners(&seen), std::slice::from_ref(&own.listener));
    assert_eq!(page["totals"]["listeners"], 1);
    assert_eq!(page["rules"]["platform_version"], Value::Null);

    let (page, seen) = verdicts(&operator.in_project("customer"), &event).await;
    assert_eq!(listeners(&seen), [own.listener, theirs.listener]);
    assert_eq!(seen[0]["audience"], "project");
    assert_eq!(seen[1]["audience"], "platform");
    assert_eq!(page["totals"]["matched"], 2);
    assert_eq!(page["rules"]["platform_version"], 1);
    let delivery = text(&seen[1]["reactions"][0]["delivery"]);
    platform.delivery(&delivery).await;

    // In the eyes of another project there is no such event.
    let stranger = operator.new_project("stranger").await;
    let path = format!("/v1/events/{event}/verdicts");
    stranger.get(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_was_emitted_suppressed_or_could_not_be_emitted_is_told() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let emits = |emit: Value| json!({"emit": emit});
    let fine = api
        .listens(&["a.b"], Value::Null, emits(json!({"type": "c.d"})))
        .await;
    let broken = json!({"type": "c.d", "subject": "{{ event.data.site }}"});
    let broken = api.listens(&["a.b"], Value::Null, emits(broken)).await;
    let round = api
        .listens(&["c.*"], Value::Null, emits(json!({"type": "c.e"})))
        .await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let fine = verdict_of(api, &event, &id_of(&fine)).await;
    assert_eq!(fine["reactions"][0]["outcome"], "emitted");
    let child = text(&fine["reactions"][0]["event"]);
    let broken = verdict_of(api, &event, &id_of(&broken)).await;
    assert_eq!(broken["reactions"][0]["outcome"], "emit_failed");
    assert_eq!(broken["reactions"][0]["state"], "dead");
    let why = text(&broken["reactions"][0]["summary"]);
    assert!(why.contains("event.data.site"), "{why}");
    let (page, _) = verdicts(api, &event).await;
    assert_eq!(page["totals"]["emitted"], 1);
    assert_eq!(page["totals"]["deliveries"], json!({"dead": 1}));

    // The listener emits an event that it hears itself: what it emits for that one meets nobody.
    let first = verdict_of(api, &child, &id_of(&round)).await;
    assert_eq!(first["reactions"][0]["outcome"], "emitted");
    let again = text(&first["reactions"][0]["event"]);
    let second = verdict_of(api, &again, &id_of(&round)).await;
    assert_eq!(second["reactions"][0]["outcome"], "loop_suppressed");
    let suppressed = text(&second["reactions"][0]["event"]);
    let (page, all) = verdicts(api, &suppressed).await;
    let note = text(&page["note"]);
    assert!(note.contains("loop"), "{note}");
    assert!(all.iter().all(|it| it["asked"] == false), "{all:?}");
    let own = verdict_of(api, &suppressed, &id_of(&round)).await;
    assert_eq!(
        own["summary"],
        "would have matched, but no listener was asked"
    );
    assert_eq!(own["reactions"], json!([]));
}

#[tokio::test]
async fn what_was_skipped_says_why_and_since_when_also_where_it_was_only_counted() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let hook = api.registers("a.b", &receiver.url()).await;
    api.sets(&hook.endpoint, "disabled").await;
    let endpoint = api.get(&format!("/v1/endpoints/{}", hook.endpoint)).await;
    let since = text(&endpoint.expect(200)["state_since"]);
    // A thousand rows an hour; the last of these has none.
    let events: Vec<_> = (0..1_001).map(|_| json!({"type": "a.b"})).collect();
    let sent = api
        .post("/v1/events", Value::from(events[..1_000].to_vec()))
        .await;
    let listed = id_of(&sent.expect(202)["data"][0]);
    let counted = api.sends(json!({"type": "a.b"})).await;

    let row = verdict_of(api, &listed, &hook.listener).await;
    let row = &row["reactions"][0];
    assert_eq!(row["outcome"], "skipped");
    assert_eq!(
        row["summary"],
        format!("skipped: the endpoint is disabled since {since}")
    );
    let count = verdict_of(api, &counted, &hook.listener).await;
    let count = &count["reactions"][0];
    assert_eq!(count["outcome"], "skipped_unlisted");
    assert_eq!(count["delivery"], Value::Null);
    let said = text(&count["summary"]);
    assert!(
        said.contains("only counted, as one of 1 in the minute of "),
        "{said}"
    );
}

#[tokio::test]
async fn a_test_of_an_endpoint_met_nobody_and_says_so() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let hook = api.registers(">", &receiver.url()).await;
    let path = format!("/v1/endpoints/{}/test", hook.endpoint);
    let delivery = text(&api.post_nothing(&path).await.expect(202)["delivery"]);
    let event = text(&api.delivery(&delivery).await["event"]["id"]);
    let (page, all) = verdicts(api, &event).await;
    assert_eq!(all, [] as [Value; 0]);
    let note = text(&page["note"]);
    assert!(note.contains("tests an endpoint"), "{note}");
    assert_eq!(page["event"]["state"], "test");
    assert_eq!(page["later"], json!([]));
    assert_eq!(page["rules"]["project_version"], Value::Null);
}
