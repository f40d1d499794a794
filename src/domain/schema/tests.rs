use serde_json::json;

use super::*;

fn schema(text: &Value) -> EventSchema {
    EventSchema::parse(&text.to_string()).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn refusal(text: &Value) -> SchemaError {
    EventSchema::parse(&text.to_string()).expect_err(&text.to_string())
}

fn judged(schema: &EventSchema, data: &Value) -> Option<String> {
    let data = Data::Json(data.to_string().into());
    schema.check(&data).err().map(|violation| violation.pointer)
}

#[test]
fn the_place_that_breaks_a_schema_is_named() {
    let site = schema(&json!({
        "type": "object",
        "required": ["site"],
        "properties": {
            "site": {"type": "string", "pattern": "^[a-z]+$"},
            "version": {"type": "integer", "minimum": 1},
            "tags": {"items": {"enum": ["a", "b"]}},
            "at": {"format": "date-time"},
        },
    }));
    for (data, place) in [
        (json!({"site": "seven", "version": 2, "tags": ["a"]}), None),
        (
            json!({"site": "seven", "version": 0}),
            Some("/data/version"),
        ),
        (
            json!({"site": "seven", "tags": ["a", "c"]}),
            Some("/data/tags/1"),
        ),
        (json!({"site": "7"}), Some("/data/site")),
        (json!({"site": "a", "at": "yesterday"}), Some("/data/at")),
        (json!({}), Some("/data")),
        (json!([]), Some("/data")),
    ] {
        assert_eq!(judged(&site, &data).as_deref(), place, "{data}");
    }
    for data in [
        Data::Absent,
        Data::Text("x".into()),
        Data::Binary("x".into()),
    ] {
        assert_eq!(site.check(&data).expect_err("no JSON").pointer, "/data");
    }
}

#[test]
fn both_drafts_are_read_and_no_other() {
    let seven = schema(&json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": {"name": {"type": "string"}},
        "items": [{"$ref": "#/definitions/name"}, {"type": "integer"}],
    }));
    assert_eq!(
        judged(&seven, &json!(["a", "b"])).as_deref(),
        Some("/data/1")
    );
    let newest = schema(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"name": {"$anchor": "name", "type": "string"}},
        "prefixItems": [{"$ref": "#name"}, {"type": "integer"}],
    }));
    assert_eq!(judged(&newest, &json!([1])).as_deref(), Some("/data/0"));
    let other = json!({"$schema": "http://json-schema.org/draft-04/schema#"});
    assert_eq!(refusal(&other).pointer, "/$schema");
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place() {
    for (text, place) in [
        (json!(true), ""),
        (json!([]), ""),
        (json!({"type": "strin"}), "/type"),
        (
            json!({"properties": {"a": {"minimum": "1"}}}),
            "/properties/a/minimum",
        ),
        (json!({"pattern": "(?=a)"}), "/pattern"),
        (json!({"pattern": "(a{1000}){1000}"}), "/pattern"),
        (json!({"$ref": "https://example.com/a.json"}), "/$ref"),
        (json!({"$ref": "file:///etc/passwd"}), "/$ref"),
        (json!({"items": {"$ref": "other.json#/a"}}), "/items/$ref"),
        (json!({"$ref": "#/$defs/a"}), "/$ref"),
        (json!({"$defs": {"a/b": {"$id": "x"}}}), "/$defs/a~1b/$id"),
        (json!({"$dynamicRef": "#a"}), "/$dynamicRef"),
        (json!({"$ref": "#"}), ""),
        (json!({"allOf": [{"anyOf": [{"$ref": "#"}]}]}), ""),
    ] {
        assert_eq!(refusal(&text).pointer, place, "{text}");
    }
    let large = json!({"description": "x".repeat(MAX_SCHEMA_BYTES)});
    assert!(refusal(&large).reason.contains("at most"));
    assert!(EventSchema::parse("{").is_err());
    assert!(EventSchema::parse(r#"{"type":"object","type":"array"}"#).is_err());
}

#[test]
fn trees_and_unions_are_no_matter() {
    let tree = schema(&json!({
        "$defs": {"node": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "left": {"$ref": "#/$defs/node"},
                "right": {"$ref": "#/$defs/node"},
                "name": {"type": "string"},
            },
        }},
        "$ref": "#/$defs/node",
    }));
    let mut data = json!({"name": "leaf"});
    for _ in 0..60 {
        data = json!({"name": "n", "left": data, "right": {"name": "r"}});
    }
    assert_eq!(judged(&tree, &data), None);
    let kinds: Vec<_> = (0..60)
        .map(|kind| json!({"properties": {"kind": {"const": kind}, "a": {"type": "string"}}}))
        .collect();
    let union = schema(&json!({"oneOf": kinds}));
    assert_eq!(judged(&union, &json!({"kind": 7, "a": "x"})), None);
    assert_eq!(
        judged(&union, &json!({"kind": 70})).as_deref(),
        Some("/data")
    );
}

#[test]
fn a_schema_that_multiplies_is_refused() {
    // Each level doubles the ways to what lies below: 2^60 of them.
    let mut doubled = json!({"type": "string"});
    for _ in 0..15 {
        doubled = json!({"allOf": [doubled, {"$ref": "#/$defs/again"}]});
    }
    let again = json!({"properties": {"a": {"$ref": "#/$defs/twice"}}});
    let twice = json!({"allOf": [{"$ref": "#/$defs/again"}, {"$ref": "#/$defs/again"}]});
    let text = json!({"$defs": {"again": again, "twice": twice}, "allOf": [doubled]});
    assert!(refusal(&text).reason.contains("too long"));

    let mut chain = serde_json::Map::new();
    for link in 0..1_000 {
        let next = json!({"$ref": format!("#/$defs/{}", link + 1)});
        chain.insert(link.to_string(), next);
    }
    chain.insert("1000".to_owned(), json!({}));
    let text = json!({"$defs": chain, "$ref": "#/$defs/0"});
    assert!(refusal(&text).reason.contains("too far"));
}

#[test]
fn what_would_take_too_long_is_not_begun() {
    let many: Vec<_> = (0..200).map(|at| json!({"minimum": -at})).collect();
    let costly = schema(&json!({"items": {"allOf": many}}));
    assert_eq!(judged(&costly, &json!(vec![1; 100])), None);
    let data = Data::Json(json!(vec![1; 50_000]).to_string().into());
    let violation = costly.check(&data).expect_err("too much");
    assert!(violation.detail.contains("too long"), "{violation:?}");
}

#[test]
fn the_deepest_schema_that_is_taken_fits_on_the_stack() {
    let mut chain = serde_json::Map::new();
    for link in 0..7 {
        let next = json!({"$ref": format!("#/$defs/{}", link + 1)});
        chain.insert(link.to_string(), next);
    }
    chain.insert("7".to_owned(), json!({"items": {"$ref": "#/$defs/0"}}));
    let deep = schema(&json!({"$defs": chain, "$ref": "#/$defs/0"}));
    let mut data = json!([]);
    for _ in 0..63 {
        data = json!([data]);
    }
    assert_eq!(judged(&deep, &data), None);
}
