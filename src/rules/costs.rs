//! What hostile patterns and events may cost: all here would take ages if they were not bounded.

use super::{EventView, Flat, MAX_PICKS, Pattern};

fn matches(pattern: &str, event: &str) -> bool {
    let pattern = Pattern::parse(pattern.as_bytes()).expect("a pattern");
    let view = EventView::from_json(event.as_bytes()).expect("an event");
    pattern.matches(&Flat::of(&view))
}

fn repeat(count: usize, separator: &str, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().join(separator)
}

#[test]
fn sibling_arrays_are_not_multiplied() {
    let wanted = repeat(12, ",", |n| format!(r#""s{n}":{{"a":[1],"b":[1]}}"#));
    let elements = repeat(200, ",", |n| {
        format!(r#"{{"a":{},"b":{}}}"#, n % 2, (n + 1) % 2)
    });
    let event = repeat(12, ",", |n| format!(r#""s{n}":[{elements}]"#));
    let pattern = format!("{{{wanted}}}");
    assert!(!matches(&pattern, &format!("{{{event}}}")));
    let event = event.replace(r#"{"a":0,"b":1}"#, r#"{"a":1,"b":1}"#);
    assert!(matches(&pattern, &format!("{{{event}}}")));
}

#[test]
fn long_arrays_are_walked_once() {
    let wanted = r#"{"d":{"a":[1],"b":[1],"c":[{"exists":false}]}}"#;
    let event = |last| {
        let elements = r#"{"a":1,"c":0},{"b":1},"#.repeat(20_000);
        format!(r#"{{"d":[{elements}{last}]}}"#)
    };
    assert!(!matches(wanted, &event(r#"{"a":1,"b":2}"#)));
    assert!(matches(wanted, &event(r#"{"a":1,"b":1}"#)));
}

#[test]
fn arrays_as_deep_as_events_may_be_are_no_matter() {
    let wanted = r#"{"d":{"a":[1],"b":[2]}}"#;
    let deep = |inner: &str| format!(r#"{{"d":{}{inner}{}}}"#, "[".repeat(60), "]".repeat(60));
    assert!(matches(wanted, &deep(r#"{"a":1},{"a":1,"b":2}"#)));
    assert!(!matches(wanted, &deep(r#"{"a":1},{"b":2}"#)));
}

#[test]
fn long_keys_are_kept_once() {
    let key = "k".repeat(100_000);
    let event = format!(
        r#"{{"{key}":{{{}}}}}"#,
        repeat(20_000, ",", |n| format!(r#""{n}":1"#))
    );
    assert!(!matches(r#"{"k":[1]}"#, &event));
}

/// A path of so many tokens.
fn path(tokens: usize) -> String {
    vec!["x"; tokens].join(".")
}

/// Arrays at `x`, `x.x`, `x.x.x` and so on, whose elements go on to one path, the same for all.
/// `elements` says for each array which fields each of its elements has there.
fn tangled(arrays: usize, elements: impl Fn(usize) -> Vec<String>) -> String {
    let array = |n: usize| {
        let fields = elements(n).into_iter().map(|fields| match arrays - n {
            0 => format!("{{{fields}}}"),
            below => format!(r#"{{"{}":{{{fields}}}}}"#, path(below)),
        });
        let elements = fields.collect::<Vec<_>>().join(",");
        format!(r#""{}":[{elements}]"#, path(n))
    };
    format!("{{{}}}", repeat(arrays, ",", |n| array(n + 1)))
}

/// Arrays with an element for each field.
fn any_field(arrays: usize, fields: usize) -> String {
    tangled(arrays, |_| {
        (0..fields)
            .map(|field| format!(r#""f{field}":1"#))
            .collect()
    })
}

/// Asks for all fields at the path to which the arrays lead.
fn all_fields(arrays: usize, fields: usize) -> String {
    let fields = repeat(fields, ",", |field| format!(r#""f{field}":[1]"#));
    format!(r#"{{"{}":{{{fields}}}}}"#, path(arrays))
}

#[test]
fn tangled_arrays_give_one_element_each() {
    assert!(matches(&all_fields(6, 6), &any_field(6, 6)));
    assert!(!matches(&all_fields(5, 6), &any_field(5, 6)));
}

#[test]
fn an_event_that_takes_too_many_steps_matches_nothing_not_even_under_not() {
    // Eleven fields from ten arrays: that they do not fit shows only when all ways are tried.
    let (wanted, event) = (all_fields(10, 11), any_field(10, 11));
    assert!(!matches(&wanted, &event));
    assert!(!matches(&format!(r#"{{"$not":{wanted}}}"#), &event));

    let pattern = Pattern::parse(wanted.as_bytes()).expect("a pattern");
    let view = EventView::from_json(event.as_bytes()).expect("an event");
    let verdict = pattern.explain(&Flat::of(&view));
    assert!(!verdict.held);
    assert!(verdict.notes[0].text.contains("more than"), "{verdict:?}");
}

#[test]
fn picks_that_follow_upon_each_other_have_a_limit() {
    // Each array alone has one of the fields, and all have `g`, which ties them together.
    let ties = |arrays: usize| {
        let event = tangled(arrays, |n| vec![format!(r#""f{}":1,"g":1"#, n - 1)]);
        let wanted = all_fields(arrays, arrays).replace(r#"{"f0""#, r#"{"g":[1],"f0""#);
        matches(&wanted, &event)
    };
    assert!(ties(MAX_PICKS));
    assert!(!ties(MAX_PICKS + 1));
}
