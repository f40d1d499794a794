//! What holds for all patterns and events.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    Clause, Element, EventView, Flat, Found, Leaf, Matcher, On, Pattern, Rule, Test, explain,
};

/// A JSON value that shrinks well: few keys, few values, so that patterns often hold.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(&'static str),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn json(&self) -> String {
        let join = |parts: Vec<String>| parts.join(",");
        match self {
            Self::Leaf(text) => (*text).to_owned(),
            Self::List(items) => format!("[{}]", join(items.iter().map(Self::json).collect())),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| {
                    format!("{}:{}", Leaf::Text(key.as_str().into()), value.json())
                });
                format!("{{{}}}", join(fields.collect()))
            }
        }
    }
}

fn leaf() -> impl Strategy<Value = Tree> {
    select(vec!["1", "2", "\"x\"", "\"xy\"", "null", "true"]).prop_map(Tree::Leaf)
}

/// Fields without a repeated key.
fn fields(
    keys: &'static [&'static str],
    value: impl Strategy<Value = Tree>,
    most: usize,
) -> impl Strategy<Value = Tree> {
    vec((select(keys), value), 1..=most).prop_map(|fields| {
        let mut distinct: Vec<(String, Tree)> = Vec::new();
        for (key, value) in fields {
            if distinct.iter().all(|(other, _)| other != key) {
                distinct.push((key.to_owned(), value));
            }
        }
        Tree::Object(distinct)
    })
}

/// An event in objects and arrays; with `keys` among which a dotted one makes paths meet.
fn event(keys: &'static [&'static str]) -> impl Strategy<Value = Tree> {
    let value = leaf().prop_recursive(4, 40, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Tree::List),
            fields(keys, inner, 3),
        ]
    });
    fields(keys, value, 3)
}

const PRESENT: &[&str] = &[
    "1",
    "2",
    "\"x\"",
    "null",
    r#"{"prefix":"x"}"#,
    r#"{"suffix":{"equals-ignore-case":"Y"}}"#,
    r#"{"anything-but":1}"#,
    r#"{"anything-but":{"prefix":"x"}}"#,
    r#"{"numeric":[">",1]}"#,
    r#"{"exists":true}"#,
];

const PRESENT_OR_ABSENT: &[&str] = &[
    "1",
    r#""x""#,
    r#"{"anything-but":1}"#,
    r#"{"exists":true}"#,
    r#"{"exists":false}"#,
    r#"{"exists":false}"#,
];

fn conditions(of: &'static [&'static str]) -> impl Strategy<Value = Tree> {
    vec(select(of).prop_map(Tree::Leaf), 1..3).prop_map(Tree::List)
}

/// A pattern of plain fields.
fn plain_pattern(of: &'static [&'static str]) -> impl Strategy<Value = Tree> {
    let value = conditions(of).prop_recursive(2, 12, 3, move |inner| fields(KEYS, inner, 3));
    fields(KEYS, value, 3)
}

/// A pattern with `$or` and `$not` in it.
fn pattern() -> impl Strategy<Value = Tree> {
    plain_pattern(PRESENT_OR_ABSENT).prop_recursive(2, 24, 3, |inner| {
        let or = vec(inner.clone(), 2..4).prop_map(Tree::List);
        (
            plain_pattern(PRESENT),
            prop::option::of(or),
            prop::option::of(inner),
        )
            .prop_map(|(plain, or, not)| {
                let Tree::Object(mut fields) = plain else {
                    return plain;
                };
                fields.extend(or.map(|or| ("$or".to_owned(), or)));
                fields.extend(not.map(|not| ("$not".to_owned(), not)));
                Tree::Object(fields)
            })
    })
}

const KEYS: &[&str] = &["a", "b", "c"];
const DOTTED_KEYS: &[&str] = &["a", "b", "c", "a.b", "b.a", "a.a"];

fn parse(pattern: &str) -> Pattern {
    Pattern::parse(pattern.as_bytes()).unwrap_or_else(|refusal| panic!("{pattern}: {refusal}"))
}

fn matches(pattern: &Tree, event: &Tree) -> bool {
    let event = event.json();
    let view = EventView::from_json(event.as_bytes()).expect("an event");
    parse(&pattern.json()).matches(&Flat::of(&view))
}

/// The fields of every object in reverse.
fn reversed(tree: &Tree) -> Tree {
    match tree {
        Tree::Leaf(text) => Tree::Leaf(text),
        Tree::List(items) => Tree::List(items.iter().map(reversed).collect()),
        Tree::Object(fields) => {
            let fields = fields.iter().rev();
            let fields = fields.map(|(key, value)| (key.clone(), reversed(value)));
            Tree::Object(fields.collect())
        }
    }
}

/// Nested fields written with dots.
fn dotted(tree: &Tree) -> Tree {
    let Tree::Object(fields) = tree else {
        return tree.clone();
    };
    let fields = fields.iter().flat_map(|(key, value)| match dotted(value) {
        Tree::Object(inner) if !key.starts_with('$') => {
            let below = |(deeper, value)| (format!("{key}.{deeper}"), value);
            inner.into_iter().map(below).collect()
        }
        other => vec![(key.clone(), other)],
    });
    Tree::Object(fields.collect())
}

/// The definition of a match, word by word: some choice of one accepted leaf for each field, or of
/// none where the field may be absent, holds. `chosen` are the choices for the first fields.
fn by_definition<'e>(clauses: &[Clause], event: &'e Flat, chosen: &[Option<&'e Found>]) -> bool {
    let Some(clause) = clauses.get(chosen.len()) else {
        return is_match(clauses, event, chosen);
    };
    let tests = || clause.conditions.iter().map(|condition| &condition.test);
    let accepted = |found: &&Found| tests().any(|test| test.accepts(&found.leaf));
    let absent = tests().any(|test| *test == Test::Exists(false));
    let leaves = event.at(&clause.path).iter().filter(accepted).map(Some);
    leaves
        .chain(absent.then_some(None))
        .any(|choice| by_definition(clauses, event, &[chosen, &[choice]].concat()))
}

fn is_match(clauses: &[Clause], event: &Flat, chosen: &[Option<&Found>]) -> bool {
    let around = |found: &Found| found.inside.to_vec();
    let picked: Vec<Element> = chosen.iter().flatten().copied().flat_map(around).collect();
    let same = |one: &Element, other: &Element| one.array != other.array || one == other;
    let agrees = |element: &Element| picked.iter().all(|other| same(element, other));
    let present = |found: &Found| found.inside.iter().all(agrees);
    let absent = |clause: &Clause| !event.at(&clause.path).iter().any(present);
    let fields = clauses.iter().zip(chosen);
    let holds = |(clause, leaf): (&Clause, &Option<&Found>)| leaf.is_some() || absent(clause);
    picked.iter().all(agrees) && fields.into_iter().all(holds)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn parsing_never_panics(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Pattern::parse(&bytes);
        let _ = EventView::from_json(&bytes);
    }

    #[test]
    fn parsing_what_looks_like_a_pattern_never_panics(
        parts in vec(select(vec![
            "{", "}", "[", "]", ",", ":", "1", "-1e400", "\"a\"", "\"a.b\"", "\"$or\"", "\"$not\"",
            "\"prefix\"", "\"anything-but\"", "\"numeric\"", "\">\"", "\"wildcard\"", "\"\\\\*\"",
            "\"cidr\"", "\"::/0\"", "\"exists\"", "true", "null",
        ]), 0..30),
    ) {
        let _ = Pattern::parse(parts.concat().as_bytes());
    }

    #[test]
    fn a_match_is_what_its_definition_says(
        pattern in prop_oneof![plain_pattern(PRESENT), plain_pattern(PRESENT_OR_ABSENT)],
        event in event(KEYS),
    ) {
        let (pattern, event) = (parse(&pattern.json()), event.json());
        let view = EventView::from_json(event.as_bytes()).expect("an event");
        let flat = Flat::of(&view);
        let expected = by_definition(pattern.clauses(), &flat, &[]);
        prop_assert_eq!(pattern.matches(&flat), expected);
    }

    #[test]
    fn dotted_keys_in_events_change_nothing_about_that(
        pattern in plain_pattern(PRESENT), event in event(DOTTED_KEYS),
    ) {
        let (pattern, event) = (parse(&pattern.json()), event.json());
        let view = EventView::from_json(event.as_bytes()).expect("an event");
        let flat = Flat::of(&view);
        let expected = by_definition(pattern.clauses(), &flat, &[]);
        prop_assert_eq!(pattern.matches(&flat), expected);
    }

    #[test]
    fn the_order_of_fields_does_not_matter(pattern in pattern(), event in event(DOTTED_KEYS)) {
        let expected = matches(&pattern, &event);
        prop_assert_eq!(matches(&reversed(&pattern), &event), expected);
        prop_assert_eq!(matches(&pattern, &reversed(&event)), expected);
    }

    #[test]
    fn dots_and_nesting_are_the_same(pattern in pattern(), event in event(KEYS)) {
        let expected = matches(&pattern, &event);
        prop_assert_eq!(matches(&dotted(&pattern), &event), expected);
        prop_assert_eq!(matches(&pattern, &dotted(&event)), expected);
    }

    #[test]
    fn explaining_and_matching_agree(pattern in pattern(), event in event(DOTTED_KEYS)) {
        let event = event.json();
        let view = EventView::from_json(event.as_bytes()).expect("an event");
        let rule = Rule { on: On::every_event(), when: Some(parse(&pattern.json())) };
        let typed = format!(r#"{{"type":"t",{}"#, &event[1..]);
        let typed = EventView::from_json(typed.as_bytes()).expect("an event");
        for view in [&view, &typed] {
            let mut matcher = Matcher::new();
            matcher.insert(1, Arc::new(rule.clone()));
            let explanation = explain(&rule, view);
            prop_assert_eq!(explanation.matched, rule.matches(view));
            prop_assert_eq!(matcher.matches(view).len(), usize::from(explanation.matched));
            prop_assert_eq!(&explanation, &explain(&rule, view));
        }
    }
}
