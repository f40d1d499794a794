use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{
    attributes::AttributeReason,
    chance::Chance,
    event::EventTypeError,
    ids::{self, Ids},
    time::Timestamp,
};

const DATA: &str = r#"{"site": "s/7", "n": 1.10, "ok": true, "none": null,
    "items": [ {"sku": "a b"}, 12345678901234567890.0 ], "a.b": "dotted", "word": "deploy" }"#;

fn event(data: Data) -> Event {
    let mut builder = DraftBuilder::new();
    for (name, value) in [("type", "site.deployed"), ("id", "7"), ("source", "/ci")] {
        let value = ExtensionValue::String(value.to_owned());
        builder.attribute(name, value).expect(name);
    }
    let hops = builder.attribute("hops", ExtensionValue::Integer(-3));
    hops.expect("an extension");
    let now = Timestamp::from_millis(5);
    let id = Ids::new(Chance::seeded(1)).next(now);
    let draft = builder.finish(data).expect("a draft");
    draft.complete(id, ids::default_project(), "shop", now)
}

fn json_event(text: &str) -> Event {
    event(Data::Json(Bytes::from(text.to_owned())))
}

fn parse(text: &str) -> EmitTemplate {
    EmitTemplate::parse(text.as_bytes()).expect(text)
}

fn render(template: &str) -> Result<EventDraft, EmitError> {
    parse(template).render(&json_event(DATA), "/default")
}

/// What `data` (JSON text) becomes, as text.
fn render_data(data: &str) -> Result<String, EmitError> {
    let draft = render(&format!(r#"{{"type": "a", "data": {data}}}"#))?;
    Ok(String::from_utf8(draft.data.bytes().to_vec()).expect("text"))
}

#[test]
fn an_event_is_made_of_its_template() {
    let draft = render(
        r#"{"type": "{{ event.data.word }}.done", "subject": "{{ event.data.site }}",
            "source": "/made/{{ event.id }}", "extensions": {"a": 5, "b": true, "c": "x",
            "d": "{{ event.hops }}", "e": "n{{ event.hops }}", "f": "{{ event.data.n }}"}}"#,
    );
    let draft = draft.expect("an event");
    assert_eq!(draft.event_type.as_str(), "deploy.done");
    assert_eq!(draft.subject.as_deref(), Some("s/7"));
    assert_eq!(draft.source.as_deref(), Some("/made/7"));
    assert_eq!(
        (draft.id, draft.time, draft.data),
        (None, None, Data::Absent)
    );
    let text = |text: &str| ExtensionValue::String(text.to_owned());
    let expected = BTreeMap::from([
        ("a".to_owned(), ExtensionValue::Integer(5)),
        ("b".to_owned(), ExtensionValue::Boolean(true)),
        ("c".to_owned(), text("x")),
        ("d".to_owned(), ExtensionValue::Integer(-3)),
        ("e".to_owned(), text("n-3")),
        ("f".to_owned(), text("1.10")),
    ]);
    assert_eq!(draft.extensions, expected);
}

#[test]
fn the_source_is_the_callers_unless_the_template_says_otherwise() {
    let draft = render(r#"{"type": "a"}"#).expect("an event");
    assert_eq!(draft.source.as_deref(), Some("/default"));
    assert_eq!(draft.subject, None);
}

#[test]
fn a_whole_value_is_taken_by_its_text_and_a_part_becomes_text() {
    for (data, expected) in [
        (r#""{{ event.data.n }}""#, "1.10"),
        (r#" "{{event.data.items.1}}""#, "12345678901234567890.0"),
        (
            r#""{{ event.data.items }}""#,
            r#"[ {"sku": "a b"}, 12345678901234567890.0 ]"#,
        ),
        (r#""{{ event.data.none }}""#, "null"),
        (r#""{{ event.data.'a.b' }}""#, r#""dotted""#),
        (r#""{{ event.data.items.0.sku }}""#, r#""a b""#),
        (r#""{{ event.type }}""#, r#""site.deployed""#),
        (r#""{{ event.hops }}""#, "-3"),
        (r#""n={{ event.data.n }}""#, r#""n=1.10""#),
        (
            r#""{{ event.data.ok }} {{ event.data.none }}""#,
            r#""true null""#,
        ),
        (
            r#"" {{ event.data.items }}""#,
            r#"" [{\"sku\":\"a b\"},12345678901234567890.0]""#,
        ),
        (r#""{{ '{{' }} {{ event.id }} }}""#, r#""{{ 7 }}""#),
        (
            r#"{"{{ event.id }}": [1.0, "\u0061", "{{ event.id }}" ] }"#,
            r#"{"{{ event.id }}": [1.0, "\u0061", "7" ] }"#,
        ),
        ("1e400", "1e400"),
    ] {
        assert_eq!(render_data(data).as_deref(), Ok(expected), "{data}");
    }
}

#[test]
fn the_whole_event_is_its_structured_form() {
    let text = render_data(r#"{"cause": "{{ event }}"}"#).expect("an event");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["cause"]["specversion"], json!("1.0"));
    assert_eq!(value["cause"]["data"]["site"], json!("s/7"));
}

#[test]
fn data_that_is_not_json_is_one_value() {
    let template = parse(r#"{"type": "a", "data": "{{ event.data }}"}"#);
    let rendered = |event: &Event| template.render(event, "/x").map(|draft| draft.data);
    let text = event(Data::Text(Bytes::from_static(b"a\"b")));
    let expected = Data::Json(Bytes::from_static(br#""a\"b""#));
    assert_eq!(rendered(&text), Ok(expected));
    let binary = event(Data::Binary(Bytes::from_static(b"\0")));
    assert_eq!(
        rendered(&binary),
        Err(EmitError::Missing("event.data".to_owned()))
    );
    let base64 = parse(r#"{"type": "a", "data": "{{ event.data_base64 }}"}"#);
    let draft = base64.render(&binary, "/x").expect("an event");
    assert_eq!(draft.data.bytes(), br#""AA==""#);
}

#[test]
fn a_missing_value_is_an_error_of_the_emission() {
    for placeholder in [
        "event.data.absent",
        "event.data.items.2",
        "event.data.items.sku",
        "event.data.n.x",
        "event.subject",
        "event.noextension",
        "event.data_base64",
    ] {
        let missing = EmitError::Missing(placeholder.to_owned());
        for data in [
            format!("\"{{{{ {placeholder} }}}}\""),
            format!("\"x{{{{{placeholder}}}}}\""),
        ] {
            assert_eq!(render_data(&data), Err(missing.clone()), "{data}");
        }
        assert_eq!(
            missing.to_string(),
            format!("{{{{ {placeholder} }}}} is not in the event")
        );
    }
}

#[test]
fn what_attributes_become_is_checked_again() {
    for (template, name, reason) in [
        (
            r#"{"type": "{{ event.data.site }}"}"#,
            "type",
            AttributeReason::Type(EventTypeError::Character('/')),
        ),
        (
            r#"{"type": "a", "subject": "{{ event.data.none }}\n"}"#,
            "subject",
            AttributeReason::Character('\n'),
        ),
    ] {
        let refused = EmitError::Attribute(reason.of(name));
        assert_eq!(render(template), Err(refused), "{template}");
    }
}

#[test]
fn what_is_made_is_bounded() {
    let large = format!("\"{}\"", "x".repeat(MAX_EMITTED / 2));
    let event = json_event(&large);
    for (template, fits) in [
        (r#"{"type": "a", "data": "{{ event.data }}"}"#, true),
        (
            r#"{"type": "a", "data": ["{{ event.data }}", "{{ event.data }}"]}"#,
            false,
        ),
        (
            r#"{"type": "a", "data": "{{ event.data }}{{ event.data }}!"}"#,
            false,
        ),
        (
            r#"{"type": "a", "subject": "{{ event.data }}{{ event.data }}!"}"#,
            false,
        ),
    ] {
        let rendered = parse(template).render(&event, "/x");
        assert_eq!(rendered.is_ok(), fits, "{template}");
        assert!(fits || rendered == Err(EmitError::TooLarge));
    }
    let deep = json_event(&format!("{}{}", "[".repeat(64), "]".repeat(64)));
    let deeper = parse(r#"{"type": "a", "data": ["{{ event.data }}"]}"#);
    assert!(matches!(
        deeper.render(&deep, "/x"),
        Err(EmitError::Data(_))
    ));
}

#[test]
fn a_refused_template_names_the_place() {
    let many = format!(
        r#"{{"type": "a", "data": "{}"}}"#,
        "{{ event.id }}".repeat(MAX_PLACEHOLDERS + 1)
    );
    let large = format!(r#"{{"type": "a", "data": "{}"}}"#, "x".repeat(MAX_TEMPLATE));
    for (template, pointer) in [
        ("", ""),
        ("[]", ""),
        (&many, ""),
        (&large, ""),
        ("{}", "/type"),
        (r#"{"type": 7}"#, "/type"),
        (r#"{"type": "a b"}"#, "/type"),
        (r#"{"type": "a", "type": "b"}"#, "/type"),
        (r#"{"type": "{{ evt.id }}"}"#, "/type"),
        (r#"{"type": "a", "subject": ""}"#, "/subject"),
        (r#"{"type": "a", "subject": null}"#, "/subject"),
        (r#"{"type": "a", "id": "x"}"#, "/id"),
        (r#"{"type": "a", "extensions": []}"#, "/extensions"),
        (
            r#"{"type": "a", "extensions": {"id": "x"}}"#,
            "/extensions/id",
        ),
        (
            r#"{"type": "a", "extensions": {"A": "x"}}"#,
            "/extensions/A",
        ),
        (
            r#"{"type": "a", "extensions": {"a": 1.5}}"#,
            "/extensions/a",
        ),
        (
            r#"{"type": "a", "extensions": {"a": "{{"}}"#,
            "/extensions/a",
        ),
        (
            r#"{"type": "a", "data": {"b/c": [0, "{{ event.x y }}"]}}"#,
            "/data/b~1c/1",
        ),
    ] {
        let error = EmitTemplate::parse(template.as_bytes()).expect_err(template);
        assert_eq!(error.pointer, pointer, "{template}: {error}");
    }
}

#[test]
fn a_template_is_kept_as_it_was_written() {
    let text = r#"{"type": "a",  "data": 1.0}"#;
    assert_eq!(parse(text).as_json().get(), text);
    assert_eq!(parse(text), parse(text));
}

proptest! {
    #[test]
    fn numbers_keep_their_text(
        number in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,5})?",
    ) {
        let event = json_event(&format!(r#"{{"a": [0, {{"n": {number} }} ], "b": 1}}"#));
        let template = parse(
            r#"{"type": "a", "data": {"whole": "{{ event.data.a.1.n }}", "part": "={{ event.data.a.1.n }}"}}"#,
        );
        let draft = template.render(&event, "/x").expect("an event");
        let expected = format!(r#"{{"whole": {number}, "part": "={number}"}}"#);
        prop_assert_eq!(draft.data.bytes(), expected.as_bytes());
    }

    #[test]
    fn no_text_is_too_strange_to_be_read_or_refused(text in "[{}' .a-z\\\\\"]{0,40}") {
        let template = serde_json::json!({"type": "a", "data": text}).to_string();
        if let Ok(template) = EmitTemplate::parse(template.as_bytes())
            && let Ok(draft) = template.render(&json_event(DATA), "/x")
        {
            prop_assert!(json::check(draft.data.bytes(), json::MAX_DEPTH).is_ok());
        }
    }
}
