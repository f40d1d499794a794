mod refusals;
mod round_trip;

use super::*;
use crate::domain::{
    chance::Chance,
    event::{Data, ExtensionValue},
    ids::{self, Ids},
    time::Timestamp,
};
use http::{HeaderName, HeaderValue};

fn request(headers: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (
            HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
        )
    };
    headers.iter().map(pair).collect()
}

fn read(headers: &[(&str, &str)], body: impl Into<Bytes>) -> Result<Decoded, DecodeError> {
    decode(&request(headers), body.into(), &Limits::default())
}

fn one(headers: &[(&str, &str)], body: impl Into<Bytes>) -> EventDraft {
    let decoded = read(headers, body).expect("a good event");
    assert!(!decoded.batch);
    decoded.drafts.into_iter().next().expect("one event")
}

fn json(text: &'static str) -> Data {
    Data::Json(Bytes::from_static(text.as_bytes()))
}

fn text(text: &'static str) -> Data {
    Data::Text(Bytes::from_static(text.as_bytes()))
}

fn bytes(bytes: &'static [u8]) -> Data {
    Data::Binary(Bytes::from_static(bytes))
}

/// The headers of a whole event in binary mode, and `more`.
fn binary<'h>(more: &[(&'h str, &'h str)]) -> Vec<(&'h str, &'h str)> {
    let mut headers = vec![
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/ci"),
        ("ce-type", "site.deployed"),
    ];
    headers.extend_from_slice(more);
    headers
}

const STRUCTURED: &[(&str, &str)] = &[("content-type", STRUCTURED_MEDIA_TYPE)];
const PLAIN: &[(&str, &str)] = &[("content-type", "application/json")];

fn structured(more: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"7","source":"/ci","type":"site.deployed"{more}}}"#)
}

#[test]
fn the_same_event_is_the_same_in_every_mode() {
    let data = "{\"price\": 1.10,\n \"big\": 12345678901234567890.0}";
    let members =
        format!(r#","datacontenttype":"application/json","subject":"a b","x":5,"data":{data}"#);
    let batch = format!("[ {} ]", structured(&members));
    let drafts = [
        one(
            &binary(&[
                ("content-type", "application/json"),
                ("ce-subject", "a%20b"),
                ("ce-x", "5"),
            ]),
            data,
        ),
        one(STRUCTURED, structured(&members)),
        one(PLAIN, structured(&members)),
        one(
            PLAIN,
            format!(
                r#"{{"id":"7","source":"/ci","type":"site.deployed","subject":"a b",
                    "datacontenttype":"application/json","extensions":{{"x":5}},"data":{data}}}"#
            ),
        ),
        read(&[("content-type", BATCH_MEDIA_TYPE)], batch)
            .expect("a good batch")
            .drafts
            .remove(0),
    ];
    for draft in &drafts {
        assert_eq!(draft.data, Data::Json(Bytes::from(data)));
        assert_eq!(draft.hash(), drafts[0].hash(), "{draft:?}");
    }
}

#[test]
fn the_kind_of_a_body_follows_its_media_type() {
    for (media_type, body, data) in [
        (
            Some("application/json; charset=utf-8"),
            &b" [1.0] "[..],
            json(" [1.0] "),
        ),
        (Some("application/vnd.x+json"), b"null", json("null")),
        (Some("text/plain"), "ü".as_bytes(), text("ü")),
        (
            Some("text/plain; charset=iso-8859-1"),
            b"\xfc",
            bytes(b"\xfc"),
        ),
        (Some("application/xml"), b"<a/>", text("<a/>")),
        (Some("image/png"), b"abc", bytes(b"abc")),
        (Some("application/json"), b"", Data::Absent),
        (None, b"", Data::Absent),
        (None, b"{\"a\":1}", json("{\"a\":1}")),
        (None, b"\"a\"", json("\"a\"")),
        (None, b"plain", bytes(b"plain")),
        (None, b"\x00\xff", bytes(b"\x00\xff")),
    ] {
        let content_type = media_type.map(|value| ("content-type", value));
        let draft = one(&binary(content_type.as_slice()), body);
        assert_eq!(draft.data, data, "{media_type:?}");
        assert_eq!(draft.datacontenttype.as_deref(), media_type);
    }
}

#[test]
fn the_kind_of_a_member_follows_its_media_type() {
    for (members, data) in [
        ("", Data::Absent),
        (r#","data":null"#, json("null")),
        (r#","data_base64":null"#, Data::Absent),
        (r#","data":"a\u0062""#, json(r#""a\u0062""#)),
        (
            r#","data":"a\u0062","datacontenttype":"text/plain""#,
            text("ab"),
        ),
        (
            r#","data":{"a":1e0},"datacontenttype":"text/plain""#,
            json(r#"{"a":1e0}"#),
        ),
        (r#","data_base64":"AP8=""#, bytes(b"\x00\xff")),
        (
            r#","data_base64":"YQ==","datacontenttype":"text/plain""#,
            text("a"),
        ),
        (
            r#","data_base64":"MQ","datacontenttype":"application/json""#,
            json("1"),
        ),
    ] {
        assert_eq!(one(STRUCTURED, structured(members)).data, data, "{members}");
    }
}

#[test]
fn plain_json_needs_only_a_type() {
    let draft = one(PLAIN, r#"{"type":"a.b","data":{"n":1}}"#);
    assert_eq!(draft.event_type.as_str(), "a.b");
    assert_eq!(draft.data, json(r#"{"n":1}"#));
    assert_eq!((draft.id, draft.source, draft.time), (None, None, None));
    let batch = read(PLAIN, r#" [{"type":"a"},{"type":"b"}]"#).expect("a good batch");
    assert!(batch.batch);
    assert_eq!(batch.drafts.len(), 2);
}

#[test]
fn a_batch_may_be_empty() {
    for media_type in [BATCH_MEDIA_TYPE, "application/json"] {
        let decoded = read(&[("content-type", media_type)], "[]").expect("a good batch");
        assert_eq!((decoded.drafts.len(), decoded.batch), (0, true));
    }
}

#[test]
fn a_null_attribute_is_one_that_was_left_out() {
    let draft = one(STRUCTURED, structured(r#","subject":null,"x":null"#));
    assert_eq!(draft.subject, None);
    assert!(draft.extensions.is_empty());
}

/// Headers and bodies as the PyPI package `cloudevents` 2.2 (both of its interfaces) and the npm
/// package `cloudevents` 10.0 make them for a subject `a b/ü"%` and an extension or two.
#[test]
fn what_the_sdks_send_is_taken() {
    let subject = Some("a b/ü\"%");
    let python_1 = binary(&[
        ("content-type", "text/plain"),
        ("ce-subject", "a b/ü\"%"),
        ("ce-time", "2024-01-01T00:00:00+01:00"),
    ]);
    let draft = one(&python_1, r#"{"a": 1.0}"#);
    assert_eq!(
        (draft.subject.as_deref(), draft.data),
        (subject, text(r#"{"a": 1.0}"#))
    );

    let python_2 = binary(&[
        ("ce-subject", "a%20b/%C3%BC%22%25"),
        ("ce-time", "2026-11-23T14:59:01.068077Z"),
        ("ce-n", "5"),
        ("ce-b", "True"),
    ]);
    let draft = one(&python_2, r#"{"a": 1.0}"#);
    assert_eq!(
        (draft.subject.as_deref(), draft.data),
        (subject, json(r#"{"a": 1.0}"#))
    );

    let javascript = r#"{"id":"1","time":"2023-12-31T23:00:00.000Z","type":"com.x","source":"/s","specversion":"1.0","datacontenttype":"text/plain","subject":"a b/ü\"%","data_base64":"AP8=","myext":"x","n":5,"b":true}"#;
    let media_type = "application/cloudevents+json; charset=utf-8";
    let draft = one(&[("content-type", media_type)], javascript);
    assert_eq!(
        (draft.subject.as_deref(), draft.data),
        (subject, bytes(b"\x00\xff"))
    );
    assert_eq!(draft.extensions["n"], ExtensionValue::Integer(5));
    assert_eq!(draft.extensions["b"], ExtensionValue::Boolean(true));
}

#[test]
fn a_header_that_is_not_ascii_may_be_latin_1() {
    let mut headers = request(&binary(&[]));
    let latin = HeaderValue::from_bytes(b"\xfc").expect("a value");
    headers.insert("ce-subject", latin);
    let decoded = decode(&headers, Bytes::new(), &Limits::default()).expect("a good event");
    assert_eq!(decoded.drafts[0].subject.as_deref(), Some("ü"));
}

#[test]
fn attributes_are_written_without_the_data() {
    let draft = one(STRUCTURED, structured(r#","x":true,"data":{"a":1.0}"#));
    let event = complete(draft);
    let text = String::from_utf8(attributes_json(&event)).expect("UTF-8");
    assert_eq!(
        text,
        r#"{"specversion":"1.0","id":"7","source":"/ci","type":"site.deployed","time":"1970-01-01T00:00:00.005Z","datacontenttype":"application/json","x":true}"#
    );
}

fn complete(draft: EventDraft) -> crate::domain::event::Event {
    let now = Timestamp::from_millis(5);
    let id = Ids::new(Chance::seeded(1)).next(now);
    draft.complete(id, ids::default_project(), "shop", now)
}
