//! Sending events, in every mode; what is the same event and what is not; and that the bytes of
//! data are never touched.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Gateway, id_of, text};

const STRUCTURED: &[(&str, &str)] = &[("content-type", "application/cloudevents+json")];
const BATCH: &[(&str, &str)] = &[("content-type", "application/cloudevents-batch+json")];
const PLAIN: &[(&str, &str)] = &[("content-type", "application/json")];

async fn post(api: &Api, headers: &[(&str, &str)], body: &str) -> Answer {
    let body = body.to_owned();
    api.call(Method::POST, "/v1/events", headers, body).await
}

/// The one event of an answer, as the API shows it.
async fn stored(api: &Api, answer: Answer) -> Value {
    let id = id_of(&answer.expect(202)["data"][0]);
    api.get(&format!("/v1/events/{id}")).await.expect(200)
}

/// What became of each event of a batch.
fn statuses(answer: &Value) -> Vec<String> {
    let all = answer["data"].as_array().expect("results");
    all.iter().map(|result| text(&result["status"])).collect()
}

#[tokio::test]
async fn plain_json_says_little_and_the_gateway_fills_the_rest_in() {
    let gateway = Gateway::start().await;
    let sent = r#"{"type": "site.deployed", "subject": "site/7", "data": {"version": 3}}"#;
    let event = stored(gateway.api(), post(gateway.api(), PLAIN, sent).await).await;
    let id = id_of(&event);
    assert!(id.starts_with("evt_"), "{event}");
    let inner = &event["event"];
    assert_eq!(inner["specversion"], "1.0");
    assert_eq!(inner["id"], id);
    assert_eq!(inner["source"], "/projects/default");
    assert_eq!(inner["type"], "site.deployed");
    assert_eq!(inner["subject"], "site/7");
    assert_eq!(inner["datacontenttype"], "application/json");
    assert_eq!(inner["data"], json!({"version": 3}));
    assert_eq!(event["received_at"], inner["time"]);
    assert_eq!(event["state"], "accepted");
    let lineage = json!({"correlation_id": id, "causation_id": null, "hops": 0, "listeners": []});
    assert_eq!(event["lineage"], lineage);
}

#[tokio::test]
async fn a_structured_event_comes_out_as_it_went_in() {
    let gateway = Gateway::start().await;
    let sent = json!({
        "specversion": "1.0", "id": "a-1", "source": "/ci", "type": "site.deployed",
        "subject": "site/ü", "time": "2026-01-31T12:00:00.5+01:00", "dataschema": "urn:schema",
        "datacontenttype": "application/json", "attempt": 3, "urgent": true, "data": [1, "zwei", null],
    });
    let answer = post(gateway.api(), STRUCTURED, &sent.to_string()).await;
    assert_eq!(stored(gateway.api(), answer).await["event"], sent);
}

#[tokio::test]
async fn binary_mode_takes_attributes_from_headers_and_the_body_as_data() {
    let gateway = Gateway::start().await;
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-id", "b-1"),
        ("ce-source", "/ci"),
        ("ce-type", "site.deployed"),
        ("ce-subject", "a%20b/%C3%BC"),
        ("ce-team", "web"),
    ];
    for (id, media_type, body, member, value) in [
        (
            "1",
            "application/json",
            r#"{"n": 1}"#,
            "data",
            json!({"n": 1}),
        ),
        ("2", "text/plain", "a\nb", "data", json!("a\nb")),
        ("3", "image/png", "\u{0}\u{1}", "data_base64", json!("AAE=")),
        ("4", "application/json", "", "data", Value::Null),
    ] {
        let mut headers = attributes.to_vec();
        headers[1] = ("ce-id", id);
        headers.push(("content-type", media_type));
        let answer = post(gateway.api(), &headers, body).await;
        let event = stored(gateway.api(), answer).await["event"].take();
        assert_eq!(event["subject"], "a b/ü");
        assert_eq!(event["team"], "web");
        assert_eq!(event["datacontenttype"], media_type);
        assert_eq!(event[member], value, "{event}");
    }
}

#[tokio::test]
async fn the_bytes_of_data_are_never_touched() {
    let gateway = Gateway::start().await;
    let data = r#"{"z": 1.10, "big": 1e400,  "a":123456789012345678901234567890,"esc":"\u00e9\/\ud83d\ude00","e":[ ]}"#;
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "binary"),
        ("ce-source", "/ci"),
        ("ce-type", "a.b"),
    ];
    let plain = format!(r#"{{"type": "a.b", "data": {data}}}"#);
    let structured =
        format!(r#"{{"specversion":"1.0","id":"s","source":"/ci","data":{data},"type":"a.b"}}"#);
    for (headers, body) in [
        (PLAIN, plain.as_str()),
        (STRUCTURED, structured.as_str()),
        (
            BATCH,
            &format!("[{}]", structured.replace("\"s\"", "\"t\"")),
        ),
        (&binary, data),
    ] {
        let answer = post(gateway.api(), headers, body).await.expect(202);
        let id = id_of(&answer["data"][0]);
        let shown = gateway.api().get(&format!("/v1/events/{id}")).await.text();
        assert!(shown.contains(&format!(r#""data":{data}"#)), "{shown}");
    }
}

#[tokio::test]
async fn the_same_event_twice_is_one_event() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let event = r#"{"specversion":"1.0","id":"7","source":"/ci","type":"a.b","data":{"n":1}}"#;
    let first = post(api, STRUCTURED, event).await.expect(202);
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "8"),
        ("ce-source", "/ci"),
        ("ce-type", "a.b"),
    ];
    assert_eq!(first["data"][0]["status"], "accepted");
    let again = post(api, STRUCTURED, event).await.expect(202);
    assert_eq!(again["data"][0]["status"], "duplicate");
    assert_eq!(again["data"][0]["id"], first["data"][0]["id"]);
    let elsewhere = event.replace("/ci", "/other");
    let elsewhere = post(api, STRUCTURED, &elsewhere).await.expect(202);
    assert_eq!(elsewhere["data"][0]["status"], "accepted");
    for expected in ["accepted", "duplicate"] {
        let answer = post(api, &binary, "").await.expect(202);
        assert_eq!(statuses(&answer), [expected]);
    }
    assert_eq!(api.list("/v1/events").await.len(), 3);
}

#[tokio::test]
async fn another_event_with_the_same_id_is_a_conflict() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let event = r#"{"specversion":"1.0","id":"7","source":"/ci","type":"a.b","data":{"n":1}}"#;
    let first = id_of(&post(api, STRUCTURED, event).await.expect(202)["data"][0]);
    for other in [
        event.replace("\"n\":1", "\"n\":2"),
        event.replace("\"n\":1", "\"n\":1.0"),
        event.replace("a.b", "a.c"),
        event.replace("\"data\"", "\"x\":\"y\",\"data\""),
    ] {
        let answer = post(api, STRUCTURED, &other).await;
        let problem = answer.refused(409, "event_conflict");
        assert!(problem.detail().contains(&first), "{}", problem.detail());
    }
    assert_eq!(api.list("/v1/events").await.len(), 1);
}

#[tokio::test]
async fn a_batch_answers_for_each_of_its_events() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let event = |id: &str, n: u32| json!({"specversion": "1.0", "id": id, "source": "/ci", "type": "a.b", "data": n});
    let first = post(api, STRUCTURED, &event("1", 1).to_string()).await;
    let first = id_of(&first.expect(202)["data"][0]);
    let batch = json!([
        event("1", 1),
        event("1", 2),
        event("2", 1),
        event("2", 1),
        event("2", 3)
    ]);
    let answer = post(api, BATCH, &batch.to_string()).await.expect(202);
    assert_eq!(
        statuses(&answer),
        ["duplicate", "conflict", "accepted", "duplicate", "conflict"]
    );
    assert_eq!(answer["data"][0]["id"], first);
    assert_eq!(answer["data"][1]["id"], first);
    assert_eq!(answer["data"][4]["id"], answer["data"][2]["id"]);
    assert_eq!(api.list("/v1/events").await.len(), 2);
    let plain = post(api, PLAIN, r#"[{"type": "a"}, {"type": "b"}]"#).await;
    assert_eq!(statuses(&plain.expect(202)), ["accepted", "accepted"]);
    let empty = post(api, BATCH, "[]").await.expect(202);
    assert_eq!(empty, json!({"data": []}));
}

#[tokio::test]
async fn many_producers_that_send_the_same_event_at_once_make_one() {
    let gateway = Gateway::start().await;
    let event = r#"{"specversion":"1.0","id":"7","source":"/ci","type":"a.b"}"#;
    let calls = (0..40).map(|_| post(gateway.api(), STRUCTURED, event));
    let answers = futures_util::future::join_all(calls).await;
    let mut accepted = 0;
    let mut ids = Vec::new();
    for answer in answers {
        let answer = answer.expect(202);
        accepted += usize::from(answer["data"][0]["status"] == "accepted");
        ids.push(id_of(&answer["data"][0]));
    }
    ids.dedup();
    assert_eq!((accepted, ids.len()), (1, 1));
    assert_eq!(gateway.api().list("/v1/events").await.len(), 1);
}

#[tokio::test]
async fn events_are_listed_page_by_page_the_newest_first() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let batch: Vec<_> = (0..7)
        .map(|n| json!({"type": format!("t.{}", n % 2)}))
        .collect();
    let answer = post(api, PLAIN, &Value::from(batch).to_string())
        .await
        .expect(202);
    let sent = answer["data"].as_array().expect("results");
    let mut expected: Vec<_> = sent.iter().map(id_of).collect();
    expected.reverse();
    let mut seen = Vec::new();
    let mut path = "/v1/events?limit=3".to_owned();
    loop {
        let page = api.get(&path).await.expect(200);
        let entries = page["data"].as_array().expect("entries");
        assert!(entries.len() <= 3);
        seen.extend(entries.iter().map(id_of));
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/events?limit=3&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(api.list("/v1/events?type=t.1").await.len(), 3);
    api.get("/v1/events?limit=0")
        .await
        .refused(400, "bad_parameter");
    api.get("/v1/events?colour=red")
        .await
        .refused(400, "bad_parameter");
}
