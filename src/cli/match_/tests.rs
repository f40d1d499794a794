use clap::Parser;
use tempfile::TempDir;

use super::{search::MAX_REPORTED, *};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: MatchArgs,
}

const EVENTS: &str = r#"{"type":"site.deployed","data":{"n": 1.0 , "env":"production"}}
{"type":"site.failed","data":{"n":2,"env":"staging"}}

{"data":{"n":9007199254740993}}
"#;

/// What came of a run: its end, what it showed, what it complained of.
struct Outcome {
    exit: Result<Exit, String>,
    out: String,
    errors: String,
}

fn run(arguments: &[&str], input: &[u8]) -> Outcome {
    let line = ["match"].iter().chain(arguments);
    let args = Line::try_parse_from(line).expect("arguments").args;
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let plain = &mut anstream::StripStream::new(&mut out);
    let exit = args.search(&mut &*input, plain, &mut errors);
    Outcome {
        exit: exit.map_err(|error| error.to_string()),
        out: String::from_utf8(out).expect("UTF-8"),
        errors: String::from_utf8(errors).expect("UTF-8"),
    }
}

#[test]
fn matching_lines_go_out_as_they_came() {
    let outcome = run(&[r#"{"data": {"n": [1]}}"#], EVENTS.as_bytes());
    assert_eq!(outcome.exit, Ok(Exit::Success));
    assert_eq!(
        outcome.out.as_bytes(),
        &EVENTS.as_bytes()[..outcome.out.len()]
    );
    assert_eq!(outcome.out.lines().count(), 1);
    assert_eq!(outcome.errors, "");
}

#[test]
fn numbers_are_not_rounded() {
    assert_eq!(
        run(&[r#"{"data.n": [9007199254740993]}"#], EVENTS.as_bytes()).exit,
        Ok(Exit::Success)
    );
    assert_eq!(
        run(&[r#"{"data.n": [9007199254740992]}"#], EVENTS.as_bytes()).exit,
        Ok(Exit::No)
    );
}

#[test]
fn the_last_line_needs_no_end_and_gets_one() {
    let outcome = run(&[r#"{"a": [1]}"#], br#"{"a":1}"#);
    assert_eq!(outcome.out, "{\"a\":1}\n");
}

#[test]
fn event_types_narrow_the_search() {
    let present = r#"{"data.n": [{"exists": true}]}"#;
    for (on, lines) in [
        (&["--on", "site.*"][..], 2),
        (&["--on", "site.failed"], 1),
        (&["--on", "site.failed", "--on", "site.deployed"], 2),
        (&["--on", "domain.>"], 0),
        (&[], 3),
    ] {
        let outcome = run(&[on, &[present]].concat(), EVENTS.as_bytes());
        assert_eq!(outcome.out.lines().count(), lines, "{on:?}");
    }
}

#[test]
fn inverting_and_counting_go_together() {
    let pattern = r#"{"data": {"env": ["production"]}}"#;
    assert_eq!(run(&["-c", pattern], EVENTS.as_bytes()).out, "1\n");
    assert_eq!(run(&["-vc", pattern], EVENTS.as_bytes()).out, "2\n");
    assert_eq!(
        run(&["-v", pattern], EVENTS.as_bytes()).out.lines().count(),
        2
    );
    let none = run(&["--count", r#"{"x": [1]}"#], EVENTS.as_bytes());
    assert_eq!((none.exit, none.out.as_str()), (Ok(Exit::No), "0\n"));
    let all_matched = run(&["-v", r#"{"$not": {"x": [1]}}"#], EVENTS.as_bytes());
    assert_eq!(all_matched.exit, Ok(Exit::No));
}

#[test]
fn bad_lines_are_reported_and_passed_over() {
    let input = b"{\"a\":1}\nnot json\n[1]\n{\"a\":1,\"a\":1}\n{\"a\":2}\n{\"a\":1}\n\xff\n";
    let outcome = run(&[r#"{"a": [1]}"#], input);
    assert_eq!(outcome.exit, Ok(Exit::Unusable));
    assert_eq!(outcome.out, "{\"a\":1}\n{\"a\":1}\n");
    let errors: Vec<_> = outcome.errors.lines().collect();
    assert_eq!(
        errors[0],
        "standard input, line 2: expected ident at column 2"
    );
    assert_eq!(
        errors[1],
        "standard input, line 3: an event is a JSON object"
    );
    assert!(errors[2].starts_with("standard input, line 4: ") && errors[2].ends_with("(at /a)"));
    assert!(errors[3].starts_with("standard input, line 7: "));
    assert_eq!(errors[4], "4 lines are no events and were passed over");
}

#[test]
fn a_flood_of_bad_lines_is_counted() {
    let outcome = run(
        &[r#"{"a": [1]}"#],
        "x\n".repeat(MAX_REPORTED + 5).as_bytes(),
    );
    assert_eq!(outcome.errors.lines().count(), MAX_REPORTED + 1);
    assert!(
        outcome
            .errors
            .ends_with("105 lines are no events and were passed over\n")
    );
}

#[test]
fn files_are_read_in_order_and_a_missing_one_is_reported() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("one"), "{\"a\":1,\"from\":\"one\"}\n").expect("written");
    fs::write(path("two"), "{\"a\":1,\"from\":\"two\"}").expect("written");
    fs::write(path("pattern.json"), "{\n  \"a\": [1]\n}\n").expect("written");
    let pattern = format!("@{}", path("pattern.json"));

    let found = run(&[&pattern, &path("two"), "-", &path("one")], b"{\"a\":1}");
    assert_eq!(found.exit, Ok(Exit::Success));
    assert_eq!(
        found.out,
        "{\"a\":1,\"from\":\"two\"}\n{\"a\":1}\n{\"a\":1,\"from\":\"one\"}\n"
    );

    let missing = run(&[&pattern, &path("none"), &path("one")], b"");
    assert_eq!(missing.exit, Ok(Exit::Unusable));
    assert_eq!(missing.out.lines().count(), 1);
    assert!(
        missing.errors.contains("none cannot be read: "),
        "{}",
        missing.errors
    );
}

#[test]
fn a_bad_pattern_is_shown_with_its_place() {
    let outcome = run(&[r#"{"data": {"a": [{"Prefix": "x"}]}}"#], b"");
    let error = outcome.exit.expect_err("refused");
    assert_eq!(
        error,
        r#"the pattern is refused at /data/a/0/Prefix: unknown operator "Prefix"; did you mean "prefix"?

  {"data": {"a": [{"Prefix": "x"}]}}
                             ^^^"#
    );
    let error = run(&["[1]"], b"").exit.expect_err("refused");
    assert!(
        error.starts_with("the pattern is refused: a pattern is an object"),
        "{error}"
    );
    let error = run(&["@/nowhere/pattern.json"], b"")
        .exit
        .expect_err("unreadable");
    assert!(
        error.starts_with("/nowhere/pattern.json cannot be read: "),
        "{error}"
    );
}

#[test]
fn a_bad_event_type_is_shown_as_it_was_given() {
    let error = run(&["--on", "a", "--on", "b.c*", r#"{"a": [1]}"#], b"").exit;
    let error = error.expect_err("refused");
    assert!(error.starts_with("--on b.c*: "), "{error}");
}

#[test]
fn explaining_tells_the_verdict_on_every_line() {
    let pattern = r#"{"data": {"n": [1, {"numeric": [">", 5]}], "$not": {"env": ["staging"]}}}"#;
    let outcome = run(&["--explain", "--on", "site.*", pattern], EVENTS.as_bytes());
    assert_eq!(outcome.exit, Ok(Exit::Success));
    assert_eq!(
        outcome.out,
        "\
✓ line 1 (site.deployed) matches
  ✓ type site.*
  ✓ data.n is 1.0: wants 1 or {\"numeric\": [\">\", 5]} /data/n
  ✗ data.env is \"production\": wants \"staging\" /data/$not/env
  ✓ what stands at /data/$not does not hold, as wanted
✗ line 2 (site.failed) does not match
  ✓ type site.*
  ✗ data.n is 2: wants 1 or {\"numeric\": [\">\", 5]} /data/n
  ✓ data.env is \"staging\": wants \"staging\" /data/$not/env
  ✗ what stands at /data/$not holds
✗ line 4 does not match
  ✗ type site.*
  ✓ data.n is 9007199254740993: wants 1 or {\"numeric\": [\">\", 5]} /data/n
  ✗ data.env is absent: wants \"staging\" /data/$not/env
  ✓ what stands at /data/$not does not hold, as wanted
"
    );
}

#[test]
fn explaining_says_when_no_element_satisfies_all_clauses() {
    let input = br#"{"items": [{"a": 1}, {"b": 2}]}"#;
    let outcome = run(&["--explain", r#"{"items": {"a": [1], "b": [2]}}"#], input);
    assert_eq!(outcome.exit, Ok(Exit::No));
    assert!(
        outcome
            .out
            .contains("! Each of these clauses holds by itself"),
        "{}",
        outcome.out
    );
    assert!(outcome.out.contains("/items/b"));
}
