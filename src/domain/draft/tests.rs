use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use crate::domain::{chance::Chance, ids, ids::Ids};

fn text(value: &str) -> ExtensionValue {
    ExtensionValue::String(value.to_owned())
}

fn draft(given: &[(&str, &str)], data: Data) -> EventDraft {
    let mut builder = DraftBuilder::new();
    for (name, value) in given {
        builder.attribute(name, text(value)).expect(name);
    }
    builder.finish(data).expect("a type is given")
}

fn json(text: &'static str) -> Data {
    Data::Json(Bytes::from_static(text.as_bytes()))
}

#[test]
fn what_was_left_out_is_filled_in() {
    let now = Timestamp::from_millis(1_700_000_000_120);
    let id = Ids::new(Chance::seeded(1)).next(now);
    let project = ids::default_project();
    let event = draft(&[("type", "a.b")], json("1")).complete(id, project, "shop", now);
    assert_eq!(event.attributes.id, id.to_string());
    assert_eq!(event.attributes.source, "/projects/shop");
    assert_eq!(event.attributes.time, "2023-11-14T22:13:20.120Z");
    assert_eq!(
        event.attributes.datacontenttype.as_deref(),
        Some("application/json")
    );
    assert_eq!(event.lineage, Lineage::root(id));
    assert_eq!(event.state, EventState::Accepted);
    assert_eq!(event.received_at, now);
}

#[test]
fn what_was_given_is_kept_as_it_is() {
    let given = [
        ("specversion", "1.0"),
        ("id", "7"),
        ("source", "/ci"),
        ("type", "a.b"),
        ("subject", "site/7"),
        ("time", "2024-01-01T00:00:00+01:00"),
        ("datacontenttype", "application/vnd.x+json"),
        ("dataschema", "https://example.com/schema"),
        ("traceparent", "00-1-2-3"),
    ];
    let now = Timestamp::from_millis(5);
    let id = Ids::new(Chance::seeded(1)).next(now);
    let event = draft(&given, json("1")).complete(id, ids::default_project(), "shop", now);
    let attributes = event.attributes;
    assert_eq!((&*attributes.id, &*attributes.source), ("7", "/ci"));
    assert_eq!(attributes.subject.as_deref(), Some("site/7"));
    assert_eq!(attributes.time, "2024-01-01T00:00:00+01:00");
    assert_eq!(
        attributes.datacontenttype.as_deref(),
        Some("application/vnd.x+json")
    );
    assert_eq!(
        attributes.dataschema.as_deref(),
        Some("https://example.com/schema")
    );
    assert_eq!(attributes.extensions["traceparent"], text("00-1-2-3"));
}

#[test]
fn only_json_data_is_given_a_media_type() {
    let now = Timestamp::from_millis(5);
    let id = Ids::new(Chance::seeded(1)).next(now);
    for data in [Data::Absent, Data::Binary(Bytes::from_static(b"\0"))] {
        let event = draft(&[("type", "a")], data).complete(id, ids::default_project(), "shop", now);
        assert_eq!(event.attributes.datacontenttype, None);
    }
}

#[test]
fn drafts_that_differ_anywhere_hash_differently() {
    let drafts = [
        draft(&[("type", "a")], Data::Absent),
        draft(&[("type", "a")], Data::Text(Bytes::new())),
        draft(&[("type", "a")], json("null")),
        draft(&[("type", "a")], Data::Text(Bytes::from_static(b"null"))),
        draft(&[("type", "a"), ("id", "b")], Data::Absent),
        draft(&[("type", "a"), ("subject", "b")], Data::Absent),
        draft(&[("type", "a"), ("subject", "bc")], Data::Absent),
        draft(&[("type", "a"), ("x", "b"), ("y", "c")], Data::Absent),
        draft(&[("type", "a"), ("x", "byc")], Data::Absent),
        draft(&[("type", "a"), ("x", "b"), ("yc", "")], Data::Absent),
    ];
    let hashes: BTreeSet<_> = drafts.iter().map(EventDraft::hash).collect();
    assert_eq!(hashes.len(), drafts.len());
}

#[test]
fn what_only_the_content_mode_tells_apart_hashes_alike() {
    let mut number = draft(&[("type", "a"), ("n", "5"), ("b", "true")], json("1"));
    let as_text = number.hash();
    number
        .extensions
        .insert("n".to_owned(), ExtensionValue::Integer(5));
    number
        .extensions
        .insert("b".to_owned(), ExtensionValue::Boolean(true));
    assert_eq!(number.hash(), as_text);
    let bytes = Bytes::from_static(b"x");
    assert_eq!(
        draft(&[("type", "a")], Data::Text(bytes.clone())).hash(),
        draft(&[("type", "a")], Data::Binary(bytes)).hash()
    );
}

#[test]
fn a_bad_attribute_is_named() {
    let long = "x".repeat(attributes::MAX_ATTRIBUTE + 1);
    for (name, value, reason) in [
        (
            "specversion",
            text("0.3"),
            AttributeReason::Specversion("0.3".to_owned()),
        ),
        ("id", text(""), AttributeReason::Empty),
        ("id", ExtensionValue::Integer(7), AttributeReason::NotText),
        (
            "source",
            text(&long),
            AttributeReason::TooLong(attributes::MAX_ATTRIBUTE),
        ),
        ("subject", text("a\nb"), AttributeReason::Character('\n')),
        ("time", text("now"), AttributeReason::Time),
        ("data", text("x"), AttributeReason::ReservedName),
        ("My", text("x"), AttributeReason::ExtensionName),
    ] {
        let refused = DraftBuilder::new().attribute(name, value);
        assert_eq!(refused, Err(reason.of(name)));
    }
    assert_eq!(
        DraftBuilder::new().finish(Data::Absent),
        Err(AttributeReason::Missing.of("type"))
    );
}

#[test]
fn an_attribute_is_given_once_and_extensions_are_bounded() {
    for (name, value) in [
        ("specversion", "1.0"),
        ("type", "a"),
        ("id", "1"),
        ("x", "1"),
    ] {
        let mut builder = DraftBuilder::new();
        assert_eq!(builder.attribute(name, text(value)), Ok(()));
        assert_eq!(
            builder.attribute(name, text(value)),
            Err(AttributeReason::Repeated.of(name))
        );
    }
    let mut builder = DraftBuilder::new();
    for number in 0..attributes::MAX_EXTENSIONS {
        assert_eq!(builder.attribute(&format!("x{number}"), text("")), Ok(()));
    }
    assert_eq!(
        builder.attribute("one", text("")),
        Err(AttributeReason::TooManyExtensions.of("one"))
    );
}
