use super::*;

fn refused(media_type: &str, body: impl Into<Bytes>) -> (&'static str, String) {
    let error = read(&[("content-type", media_type)], body).expect_err("a bad request");
    (error.kind.code(), error.pointer)
}

#[test]
fn a_refused_header_is_named() {
    for (headers, code, pointer) in [
        (
            vec![("ce-type", "a")],
            "missing_attribute",
            "ce-specversion",
        ),
        (
            binary(&[])[1..].to_vec(),
            "missing_attribute",
            "ce-specversion",
        ),
        (binary(&[])[..3].to_vec(), "missing_attribute", "ce-type"),
        (binary(&[("ce-type", "a")]), "invalid_attribute", "ce-type"),
        (
            binary(&[("ce-time", "now")]),
            "invalid_attribute",
            "ce-time",
        ),
        (
            binary(&[("ce-subject", "%ff")]),
            "invalid_attribute",
            "ce-subject",
        ),
        (
            binary(&[("ce-subject", "%0A")]),
            "invalid_attribute",
            "ce-subject",
        ),
        (
            binary(&[("ce-my-ext", "1")]),
            "invalid_attribute",
            "ce-my-ext",
        ),
        (binary(&[("ce-data", "1")]), "invalid_attribute", "ce-data"),
        (
            binary(&[("ce-datacontenttype", "text/plain")]),
            "invalid_attribute",
            "ce-datacontenttype",
        ),
        (
            binary(&[("content-type", "nonsense")]),
            "unsupported_media_type",
            "content-type",
        ),
    ] {
        let error = read(&headers, "1").expect_err("a bad event");
        assert_eq!(
            (error.kind.code(), &*error.pointer),
            (code, pointer),
            "{headers:?}"
        );
    }
    let headers = binary(&[("content-type", "application/json")]);
    let error = read(&headers, r#"{"a":1,"a":2}"#).expect_err("a key twice");
    assert_eq!(
        (error.kind.code(), &*error.pointer),
        ("malformed_json", "/a")
    );
    let error = read(&headers, "text").expect_err("no JSON");
    assert!(
        error.to_string().contains("needs a content-type"),
        "{error}"
    );
}

#[test]
fn a_refused_member_is_named() {
    for (body, code, pointer) in [
        ("", "malformed_json", ""),
        ("[]", "malformed_event", ""),
        ("7", "malformed_event", ""),
        ("{}", "missing_attribute", "/specversion"),
        (
            r#"{"specversion":"0.3"}"#,
            "invalid_attribute",
            "/specversion",
        ),
        (
            r#"{"specversion":"1.0","type":"a"}"#,
            "missing_attribute",
            "/source",
        ),
        (&structured(r#","type":"a""#), "malformed_json", "/type"),
        (
            &structured(r#","subject":7"#),
            "invalid_attribute",
            "/subject",
        ),
        (
            &structured(r#","subject":[]"#),
            "invalid_attribute",
            "/subject",
        ),
        (&structured(r#","x":{}"#), "invalid_attribute", "/x"),
        (&structured(r#","x":1.5"#), "invalid_attribute", "/x"),
        (&structured(r#","x":2147483648"#), "invalid_attribute", "/x"),
        (&structured(r#","a/b":"x""#), "invalid_attribute", "/a~1b"),
        (
            &structured(r#","datacontenttype":"x","data":1"#),
            "invalid_attribute",
            "/datacontenttype",
        ),
        (
            &structured(r#","data":1,"data_base64":"""#),
            "invalid_data",
            "/data_base64",
        ),
        (
            &structured(r#","data_base64":"*""#),
            "invalid_data",
            "/data_base64",
        ),
        (
            &structured(r#","data_base64":7"#),
            "invalid_data",
            "/data_base64",
        ),
        (
            &structured(r#","datacontenttype":"text/json","data_base64":"AA==""#),
            "invalid_data",
            "/data_base64",
        ),
        (
            &structured(r#","data":{"a":{"b":1,"b":2}}"#),
            "malformed_json",
            "/data/a/b",
        ),
    ] {
        let found = refused(STRUCTURED_MEDIA_TYPE, body.to_owned());
        assert_eq!(found, (code, pointer.to_owned()), "{body}");
    }
}

#[test]
fn a_refused_member_of_plain_json_is_named() {
    for (body, code, pointer) in [
        ("{}", "missing_attribute", "/type"),
        (r#"{"type":"a b"}"#, "invalid_attribute", "/type"),
        (r#"{"type":"a","subjct":"b"}"#, "malformed_event", "/subjct"),
        (
            r#"{"type":"a","extensions":[]}"#,
            "malformed_event",
            "/extensions",
        ),
        (
            r#"{"type":"a","extensions":{"id":"b"}}"#,
            "invalid_attribute",
            "/extensions/id",
        ),
        (
            r#"{"type":"a","extensions":{"x":[]}}"#,
            "invalid_attribute",
            "/extensions/x",
        ),
        (
            r#"[{"type":"a"},{"type":"a","x":1}]"#,
            "malformed_event",
            "/1/x",
        ),
    ] {
        let found = refused("application/json", body);
        assert_eq!(found, (code, pointer.to_owned()), "{body}");
    }
}

#[test]
fn one_bad_event_refuses_its_batch() {
    let good = structured("");
    for (body, code, pointer) in [
        ("{}".to_owned(), "malformed_event", ""),
        (
            format!("[{good},{good},{good},{{}}]"),
            "missing_attribute",
            "/3/specversion",
        ),
        (format!("[{good},7]"), "malformed_event", "/1"),
        (
            format!("[{good},{}]", structured(r#","time":"x""#)),
            "invalid_attribute",
            "/1/time",
        ),
        (
            format!("[{good},{{\"a\":1,\"a\":1}}]"),
            "malformed_json",
            "/1/a",
        ),
    ] {
        let found = refused(BATCH_MEDIA_TYPE, body);
        assert_eq!(found, (code, pointer.to_owned()));
    }
}

#[test]
fn events_and_batches_are_bounded() {
    let body = structured("");
    let tight = |event_bytes, batch_events| Limits {
        event_bytes,
        batch_events,
        ..Limits::default()
    };
    let read = |media_type, body: String, limits| {
        decode(
            &request(&[("content-type", media_type)]),
            body.into(),
            &limits,
        )
        .map_err(|error| (error.kind.code(), error.pointer))
    };
    let (length, batch) = (body.len(), format!("[{body},{body}]"));
    assert!(read(STRUCTURED_MEDIA_TYPE, body.clone(), tight(length, 1)).is_ok());
    assert!(read(BATCH_MEDIA_TYPE, batch.clone(), tight(length, 2)).is_ok());
    for (media_type, body, limits, code, pointer) in [
        (
            STRUCTURED_MEDIA_TYPE,
            body,
            tight(length - 1, 1),
            "event_too_large",
            "",
        ),
        (
            BATCH_MEDIA_TYPE,
            batch.clone(),
            tight(length - 1, 2),
            "event_too_large",
            "/0",
        ),
        (
            BATCH_MEDIA_TYPE,
            batch,
            tight(length, 1),
            "batch_too_large",
            "",
        ),
    ] {
        assert_eq!(
            read(media_type, body, limits),
            Err((code, pointer.to_owned()))
        );
    }
    let large = "1".repeat(DEFAULT_EVENT_BYTES + 1);
    let error = decode(&request(&binary(&[])), large.into(), &Limits::default());
    assert_eq!(
        error.map_err(|error| error.kind.class()),
        Err(DecodeClass::TooLarge)
    );
}

#[test]
fn data_may_nest_as_deep_in_every_mode() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (depth, good) in [(json::MAX_DEPTH, true), (json::MAX_DEPTH + 1, false)] {
        let event = structured(&format!(",\"data\":{}", nested(depth)));
        let batch = format!("[{event}]");
        assert_eq!(read(&binary(&[]), nested(depth)).is_ok(), good);
        assert_eq!(read(STRUCTURED, event).is_ok(), good);
        assert_eq!(
            read(&[("content-type", BATCH_MEDIA_TYPE)], batch).is_ok(),
            good
        );
    }
}

#[test]
fn other_media_types_are_refused_with_what_would_be_right() {
    for media_type in [
        "application/x-www-form-urlencoded",
        "application/cloudevents+avro",
        "application/cloudevents+json; charset=utf-16",
        "text/json",
        "nonsense",
    ] {
        let error = read(&[("content-type", media_type)], "{}").expect_err(media_type);
        assert_eq!(error.kind.class(), DecodeClass::UnsupportedMediaType);
        assert_eq!(error.pointer, "content-type");
    }
    let error = read(&[], "{}").expect_err("no media type");
    assert!(error.to_string().contains(STRUCTURED_MEDIA_TYPE), "{error}");
}

#[test]
fn every_kind_of_refusal_has_a_code_of_its_own() {
    let codes: std::collections::BTreeSet<_> = DecodeErrorKind::ALL
        .iter()
        .map(|kind| kind.code())
        .collect();
    assert_eq!(codes.len(), DecodeErrorKind::ALL.len());
}
