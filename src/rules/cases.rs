//! The language by example: what matches, and what is refused where.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    EventView, Flat, MAX_BRANCHES, MAX_BYTES, MAX_LEVELS, MAX_PATHS, Pattern, RefusalCode,
};

#[derive(Deserialize)]
struct Case<'c> {
    name: String,
    #[serde(borrow)]
    when: &'c RawValue,
    event: &'c RawValue,
    matches: bool,
}

#[derive(Deserialize)]
struct RefusedCase<'c> {
    name: String,
    #[serde(borrow)]
    when: &'c RawValue,
    pointer: String,
    code: String,
}

fn play(cases: &str) {
    let cases: Vec<Case> = serde_json::from_str(cases).expect("cases");
    for case in cases {
        let pattern = Pattern::parse(case.when.get().as_bytes());
        let pattern = pattern.unwrap_or_else(|refusal| panic!("{}: {refusal}", case.name));
        let event = EventView::from_json(case.event.get().as_bytes()).expect(&case.name);
        let event = Flat::of(&event);
        assert_eq!(pattern.matches(&event), case.matches, "{}", case.name);
        assert_eq!(pattern.explain(&event).held, case.matches, "{}", case.name);
    }
}

fn refusal_of(pattern: &str) -> (String, RefusalCode) {
    let refusal = Pattern::parse(pattern.as_bytes()).expect_err("refused");
    (refusal.pointer, refusal.code)
}

#[test]
fn literals() {
    play(include_str!("cases/literals.json"));
}

#[test]
fn numbers() {
    play(include_str!("cases/numbers.json"));
}

#[test]
fn strings() {
    play(include_str!("cases/strings.json"));
}

#[test]
fn anything_but() {
    play(include_str!("cases/anything_but.json"));
}

#[test]
fn cidr() {
    play(include_str!("cases/cidr.json"));
}

#[test]
fn exists() {
    play(include_str!("cases/exists.json"));
}

#[test]
fn arrays() {
    play(include_str!("cases/arrays.json"));
}

#[test]
fn or_and_not() {
    play(include_str!("cases/combined.json"));
}

#[test]
fn refusals_name_their_place_and_kind() {
    let cases: Vec<RefusedCase> =
        serde_json::from_str(include_str!("cases/refusals.json")).expect("cases");
    for case in cases {
        let refusal = Pattern::parse(case.when.get().as_bytes()).expect_err(&case.name);
        assert_eq!(refusal.pointer, case.pointer, "{}: {refusal}", case.name);
        assert_eq!(refusal.code.as_str(), case.code, "{}: {refusal}", case.name);
        assert!(!refusal.message.ends_with('.'), "{}: {refusal}", case.name);
    }
}

#[test]
fn text_that_is_not_json_is_refused_at_its_place() {
    for (text, pointer) in [
        ("", ""),
        ("{", ""),
        (r#"{"a":[1,]}"#, "/a"),
        (r#"{"a":[tru]}"#, "/a/0"),
        (r#"{"a":[1]} x"#, ""),
        (r#"{"a":["\ud800"]}"#, "/a/0"),
    ] {
        let expected = (pointer.to_owned(), RefusalCode::MalformedJson);
        assert_eq!(refusal_of(text), expected, "{text}");
    }
    let refusal = Pattern::parse(b"{\"a\":[\"\xff\"]}").expect_err("not UTF-8");
    assert_eq!(refusal.code, RefusalCode::MalformedJson);
}

#[test]
fn a_key_twice_is_refused_even_where_it_is_spelled_differently() {
    for (text, pointer) in [
        (r#"{"a":[1],"a":[1]}"#, "/a"),
        (r#"{"a":[1],"\u0061":[1]}"#, "/a"),
        (
            r#"{"d":{"a/b":[{"prefix":"x","prefix":"y"}]}}"#,
            "/d/a~1b/0/prefix",
        ),
        (
            r#"{"$or":[{"a":[1]},{"b":[1]}],"$or":[{"a":[1]},{"b":[1]}]}"#,
            "/$or",
        ),
    ] {
        let expected = (pointer.to_owned(), RefusalCode::DuplicateKey);
        assert_eq!(refusal_of(text), expected, "{text}");
    }
}

#[test]
fn size_has_a_limit() {
    let of_size = |size: usize| format!(r#"{{"a":["{}"]}}"#, "x".repeat(size - 10));
    assert_eq!(of_size(MAX_BYTES).len(), MAX_BYTES);
    assert!(Pattern::parse(of_size(MAX_BYTES).as_bytes()).is_ok());
    let (pointer, code) = refusal_of(&of_size(MAX_BYTES + 1));
    assert_eq!((pointer.as_str(), code), ("", RefusalCode::TooLarge));
}

#[test]
fn depth_has_a_limit() {
    let nested = |levels: usize| {
        let objects = levels - 1;
        r#"{"a":"#.repeat(objects) + "[1]" + &"}".repeat(objects)
    };
    assert!(Pattern::parse(nested(MAX_LEVELS).as_bytes()).is_ok());
    let (pointer, code) = refusal_of(&nested(MAX_LEVELS + 1));
    assert_eq!(code, RefusalCode::TooDeep);
    assert_eq!(pointer, "/a".repeat(MAX_LEVELS));
    let (_, code) = refusal_of(&"[".repeat(MAX_BYTES));
    assert_eq!(code, RefusalCode::TooDeep);
}

fn fields(count: usize) -> String {
    let fields: Vec<_> = (0..count).map(|n| format!(r#""f{n:03}":[1]"#)).collect();
    fields.join(",")
}

#[test]
fn the_paths_of_a_branch_have_a_limit() {
    let side_by_side = |count| format!("{{{}}}", fields(count));
    assert!(Pattern::parse(side_by_side(MAX_PATHS).as_bytes()).is_ok());
    let (pointer, code) = refusal_of(&side_by_side(MAX_PATHS + 1));
    assert_eq!(
        (pointer.as_str(), code),
        ("/f256", RefusalCode::TooManyPaths)
    );

    let apart = format!(r#"{{"$or":[{{{}}},{{"g":[1]}}]}}"#, fields(MAX_PATHS));
    assert!(Pattern::parse(apart.as_bytes()).is_ok());
    let together = format!(
        r#"{{"$or":[{{{}}},{{"g":[1]}}],"h":[1]}}"#,
        fields(MAX_PATHS)
    );
    assert_eq!(refusal_of(&together).1, RefusalCode::TooManyPaths);
    let under_not = format!(r#"{{"$not":{}}}"#, side_by_side(MAX_PATHS + 1));
    assert_eq!(refusal_of(&under_not).0, "/$not/f256");
}

/// An `$or` of so many alternatives.
fn or(count: usize) -> String {
    let alternatives: Vec<_> = (0..count).map(|n| format!(r#"{{"f":[{n}]}}"#)).collect();
    format!(r#""$or":[{}]"#, alternatives.join(","))
}

#[test]
fn branches_have_a_limit() {
    let both = |one, other| format!(r#"{{"a":{{{}}},"b":{{{}}}}}"#, or(one), or(other));
    assert!(Pattern::parse(both(20, 50).as_bytes()).is_ok());
    let (pointer, code) = refusal_of(&both(20, 51));
    assert_eq!(
        (pointer.as_str(), code),
        ("/b", RefusalCode::TooManyBranches)
    );

    let single = |count| format!("{{{}}}", or(count));
    assert!(Pattern::parse(single(MAX_BRANCHES).as_bytes()).is_ok());
    let (pointer, code) = refusal_of(&single(MAX_BRANCHES + 1));
    assert_eq!(
        (pointer.as_str(), code),
        ("/$or", RefusalCode::TooManyBranches)
    );

    let doubling = (0..12).fold("\"z\":[1]".to_owned(), |inner, n| {
        format!(r#"{},"n{n}":{{{inner}}}"#, or(2))
    });
    assert_eq!(
        refusal_of(&format!("{{{doubling}}}")).1,
        RefusalCode::TooManyBranches
    );
}

#[test]
fn branches_under_not_count_as_well() {
    let with_not = |one, other| format!(r#"{{"a":{{{}}},"$not":{{{}}}}}"#, or(one), or(other));
    assert!(Pattern::parse(with_not(499, 501).as_bytes()).is_ok());
    assert_eq!(
        refusal_of(&with_not(500, 501)).1,
        RefusalCode::TooManyBranches
    );
}

#[test]
fn every_refusal_has_a_case() {
    let cases: Vec<RefusedCase> =
        serde_json::from_str(include_str!("cases/refusals.json")).expect("cases");
    let mut codes: HashSet<String> = cases.into_iter().map(|case| case.code).collect();
    let elsewhere = [
        RefusalCode::EmptyOn,
        RefusalCode::TooManySubjects,
        RefusalCode::BadSubject,
        RefusalCode::MalformedJson,
        RefusalCode::DuplicateKey,
        RefusalCode::TooLarge,
        RefusalCode::TooDeep,
        RefusalCode::TooManyPaths,
        RefusalCode::TooManyBranches,
    ];
    codes.extend(elsewhere.map(|code| code.as_str().to_owned()));
    for code in RefusalCode::ALL {
        assert!(codes.contains(code.as_str()), "{}", code.as_str());
    }
}

#[test]
fn a_refusal_says_what_would_be_right() {
    for (pattern, part) in [
        (
            r#"{"a":[{"Prefix":"a"}]}"#,
            r#"unknown operator "Prefix"; did you mean "prefix"?"#,
        ),
        (r#"{"a":"x"}"#, r#"write ["x"]"#),
        (r#"{"$OR":[]}"#, r#"did you mean "$or"?"#),
        (
            r#"{"a":[{"cidr":"10.0.0.1/32"}]}"#,
            r#"write "10.0.0.1" as a plain string"#,
        ),
        (
            r#"{"a":[{"numeric":[">",9,"<",5]}]}"#,
            "9 is not less than 5",
        ),
        (r#"{"a.b":[1],"a":{"b":[2]}}"#, "/a.b names the same path"),
    ] {
        let refusal = Pattern::parse(pattern.as_bytes()).expect_err(pattern);
        assert!(refusal.message.contains(part), "{pattern}: {refusal}");
    }
}
