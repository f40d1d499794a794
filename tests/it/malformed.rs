//! What is not an event is refused with its place, stores nothing, and leaves the connection
//! usable.

use std::io::{Read as _, Write as _};

use http::Method;
use serde_json::json;

use crate::support::{Api, Gateway, Setup};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
const PLAIN: &str = "application/json";

/// A request that is refused: content type, body, status, code and pointer.
type Case = (&'static str, String, u16, &'static str, &'static str);

fn bad_event(media_type: &'static str, body: &str, pointer: &'static str) -> Case {
    (media_type, body.to_owned(), 400, "bad_event", pointer)
}

fn cases() -> Vec<Case> {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let mut cases = vec![
        bad_event(PLAIN, "", ""),
        bad_event(PLAIN, "{", ""),
        bad_event(PLAIN, "7", ""),
        bad_event(PLAIN, r#"{"data": 1}"#, "/type"),
        bad_event(PLAIN, r#"{"type": 7}"#, "/type"),
        bad_event(PLAIN, r#"{"type": "a..b"}"#, "/type"),
        bad_event(PLAIN, r#"{"type": "a b"}"#, "/type"),
        bad_event(PLAIN, r#"{"type": "a", "colour": 1}"#, "/colour"),
        bad_event(PLAIN, r#"{"type": "a", "id": ""}"#, "/id"),
        bad_event(PLAIN, r#"{"type": "a", "time": "now"}"#, "/time"),
        bad_event(PLAIN, r#"{"type": "a", "type": "b"}"#, "/type"),
        bad_event(
            PLAIN,
            r#"{"type": "a", "data": {"x/y": [{"k": 1, "k": 2}]}}"#,
            "/data/x~1y/0/k",
        ),
        bad_event(PLAIN, r#"{"type": "a", "data": {"n": 01}}"#, "/data/n"),
        bad_event(PLAIN, r#"{"type": "a", "data": "\ud800"}"#, "/data"),
        bad_event(
            PLAIN,
            r#"{"type": "a", "extensions": {"Upper": 1}}"#,
            "/extensions/Upper",
        ),
        bad_event(
            PLAIN,
            r#"{"type": "a", "extensions": {"n": 1.5}}"#,
            "/extensions/n",
        ),
        bad_event(PLAIN, r#"[{"type": "a"}, {"type": "b", "id": 1}]"#, "/1/id"),
        bad_event(
            PLAIN,
            r#"{"type": "a", "data": 1, "data_base64": "AA=="}"#,
            "/data_base64",
        ),
        bad_event(
            PLAIN,
            r#"{"type": "a", "data_base64": "!"}"#,
            "/data_base64",
        ),
        bad_event(
            STRUCTURED,
            r#"{"specversion": "1.0", "type": "a", "source": "/"}"#,
            "/id",
        ),
        bad_event(
            STRUCTURED,
            r#"{"specversion": "1.0", "type": "a", "id": "1"}"#,
            "/source",
        ),
        bad_event(
            STRUCTURED,
            r#"{"type": "a", "id": "1", "source": "/"}"#,
            "/specversion",
        ),
        bad_event(
            STRUCTURED,
            r#"{"specversion": "0.3", "id": "1", "source": "/"}"#,
            "/specversion",
        ),
        bad_event(STRUCTURED, "[]", ""),
        bad_event(BATCH, "{}", ""),
        bad_event(BATCH, r#"[{"specversion": "1.0"}]"#, "/0/type"),
        (
            STRUCTURED,
            json!({"specversion": "1.0", "id": "x".repeat(1_025), "source": "/",
            "type": "a"})
            .to_string(),
            400,
            "bad_event",
            "/id",
        ),
        (
            "text/plain",
            "hello".to_owned(),
            415,
            "unsupported_media_type",
            "content-type",
        ),
        (
            "application/cloudevents+avro",
            "x".to_owned(),
            415,
            "unsupported_media_type",
            "content-type",
        ),
    ];
    let deep = format!(r#"{{"type": "a", "data": {}}}"#, nested(65));
    cases.push((PLAIN, deep, 400, "bad_event", DEEP));
    cases
}

/// Where the 65th level of data begins.
const DEEP: &str = "/data/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0";

async fn nothing_is_stored(api: &Api) {
    assert_eq!(api.list("/v1/events").await.len(), 0);
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_its_place() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    for (media_type, body, status, code, pointer) in cases() {
        let headers = [("content-type", media_type)];
        let answer = api.call(Method::POST, "/v1/events", &headers, body.clone());
        let problem = answer.await.refused(status, code);
        assert_eq!(problem.pointer(), Some(pointer), "{body}: {}", problem.0);
    }
    nothing_is_stored(api).await;
    let as_deep_as_may_be = format!(
        r#"{{"type": "a", "data": {}{}}}"#,
        "[".repeat(64),
        "]".repeat(64)
    );
    let json = [("content-type", PLAIN)];
    let answer = api.call(Method::POST, "/v1/events", &json, as_deep_as_may_be);
    answer.await.expect(202);
}

#[tokio::test]
async fn an_attribute_in_a_header_is_refused_by_the_name_of_the_header() {
    let gateway = Gateway::start().await;
    let whole = [
        ("ce-specversion", "1.0"),
        ("ce-type", "a.b"),
        ("ce-source", "/ci"),
        ("ce-id", "1"),
    ];
    for (place, value) in [
        ("ce-specversion", None),
        ("ce-type", None),
        ("ce-source", None),
        ("ce-id", None),
        ("ce-type", Some("a b")),
        ("ce-id", Some("")),
        ("ce-time", Some("yesterday")),
        ("ce-datacontenttype", Some("text/plain")),
        ("ce-under_score", Some("x")),
        ("ce-subject", Some("%ff")),
    ] {
        let mut headers = whole.to_vec();
        headers.retain(|(name, _)| *name != place);
        headers.extend(value.map(|value| (place, value)));
        let answer = gateway.api().call(Method::POST, "/v1/events", &headers, "");
        let problem = answer.await.refused(400, "bad_event");
        assert_eq!(problem.pointer(), Some(place), "{}", problem.0);
    }
    nothing_is_stored(gateway.api()).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_whole() {
    let gateway = Setup::new()
        .with("RIPOSTE_LIMITS__EVENT_BYTES", "4 KiB")
        .with("RIPOSTE_LIMITS__REQUEST_BYTES", "64 KiB")
        .with("RIPOSTE_LIMITS__BATCH_EVENTS", "3")
        .start()
        .await;
    let api = gateway.api();
    let event = |bytes: usize| json!({"type": "a", "data": "x".repeat(bytes)});
    for body in [
        event(5_000),
        event(100_000),
        json!([event(10), event(5_000)]),
        json!([event(1), event(1), event(1), event(1)]),
    ] {
        let answer = api.post("/v1/events", body).await;
        answer.refused(413, "too_large");
    }
    nothing_is_stored(api).await;
    api.post("/v1/events", event(3_000)).await.expect(202);
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_refused() {
    let gateway = Gateway::start().await;
    let json = [("content-type", PLAIN)];
    let body = b"{\"type\": \"a\", \"data\": \"\xff\"}".to_vec();
    let answer = gateway.api().call(Method::POST, "/v1/events", &json, body);
    answer.await.refused(400, "bad_event");
    nothing_is_stored(gateway.api()).await;
}

#[tokio::test]
async fn a_connection_is_usable_after_everything_that_was_refused() {
    let gateway = Gateway::start().await;
    let api = gateway.api().clone();
    let requests: Vec<_> = cases().into_iter().map(|case| (case.0, case.1)).collect();
    let (address, key) = (api.url(""), gateway.operator_key());
    let statuses = tokio::task::spawn_blocking(move || on_one_connection(&address, &key, requests));
    let statuses = statuses.await.expect("no panic");
    assert_eq!(statuses.len(), cases().len() + 1);
    assert_eq!(statuses.last(), Some(&202));
}

/// Sends everything on one connection and then an event; gives the statuses.
fn on_one_connection(url: &str, key: &str, requests: Vec<(&str, String)>) -> Vec<u16> {
    let address = url.strip_prefix("http://").expect("a URL");
    let mut connection = std::net::TcpStream::connect(address).expect("it listens");
    let last = (PLAIN, r#"{"type": "a.b"}"#.to_owned());
    let mut statuses = Vec::new();
    for (media_type, body) in requests.into_iter().chain([last]) {
        let length = body.len();
        let request = format!(
            "POST /v1/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
             content-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        connection.write_all(request.as_bytes()).expect("sent");
        statuses.push(answer(&mut connection));
    }
    statuses
}

/// Reads one answer, whose length it says itself, and gives its status.
fn answer(connection: &mut std::net::TcpStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).expect("an answer");
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("text").to_lowercase();
    let (_, length) = head.split_once("content-length: ").expect("a length");
    let length: usize = length
        .lines()
        .next()
        .expect("a line")
        .parse()
        .expect("a number");
    connection.read_exact(&mut vec![0; length]).expect("a body");
    head[9..12].parse().expect("a status")
}
