use serde_json::{Value, json};

use super::*;
use crate::{
    api::{extract::read, problem::Code},
    domain::listener::Reaction,
};

fn checked(document: &str) -> ApiResult<(ListenerWish, ListenerConfig)> {
    let wish = read::<ListenerDocument>(document.as_bytes())?.check()?;
    let config = wish.new_config()?;
    Ok((wish, config))
}

/// A listener whose `fields` replace those of one that can be used.
fn with(fields: Value) -> String {
    let mut document =
        json!({"on": ["site.*"], "reactions": [{"webhook": {"url": "https://example.com"}}]});
    let given = fields.as_object().expect("fields").clone();
    document.as_object_mut().expect("an object").extend(given);
    document.to_string()
}

fn refused(document: &str) -> Problem {
    match checked(document) {
        Ok(_) => panic!("{document} is taken"),
        Err(problem) => problem,
    }
}

#[test]
fn what_cannot_be_used_is_refused_at_its_place() {
    let emit = json!({"emit": {"type": "a"}});
    for (fields, pointer) in [
        (json!({"nope": 1}), "/nope"),
        (json!({"name": " "}), "/name"),
        (json!({"state": "paused"}), "/state"),
        (json!({"on": null}), "/on"),
        (json!({"on": "site"}), "/on"),
        (json!({"reactions": null}), "/reactions"),
        (json!({"reactions": []}), "/reactions"),
        (json!({"reactions": vec![&emit; 33]}), "/reactions"),
        (json!({"reactions": [5]}), "/reactions/0"),
        (json!({"reactions": [{}]}), "/reactions/0"),
        (
            json!({"reactions": [[null, {"type": "a"}]]}),
            "/reactions/0",
        ),
        (
            json!({"reactions": [emit, {"webhook": {"url": "https://a.example"}, "emit": {"type": "a"}}]}),
            "/reactions/1",
        ),
        (json!({"reactions": [{"hook": 1}]}), "/reactions/0/hook"),
        (
            json!({"reactions": [{"webhook": "https://a.example"}]}),
            "/reactions/0/webhook",
        ),
        (
            json!({"reactions": [{"webhook": ["end_x"]}]}),
            "/reactions/0/webhook",
        ),
        (
            json!({"reactions": [{"webhook": {"endpoint": "end_x"}}]}),
            "/reactions/0/webhook/endpoint",
        ),
        (
            json!({"reactions": [{"webhook": {"endpoint": "end_x", "url": "https://a.example"}}]}),
            "/reactions/0/webhook/url",
        ),
        (
            json!({"reactions": [emit, {"webhook": {"url": "https://a.example", "timeout": "0s"}}]}),
            "/reactions/1/webhook/timeout",
        ),
        (
            json!({"reactions": [emit, {"webhook": {"url": "https://a.example", "retry": {"base": "x"}}}]}),
            "/reactions/1/webhook/retry/base",
        ),
        (
            json!({"reactions": [emit, {"emit": 5}]}),
            "/reactions/1/emit",
        ),
        (
            json!({"reactions": [emit, {"emit": {"data": 1}}]}),
            "/reactions/1/emit/type",
        ),
        (
            json!({"reactions": [emit, {"emit": {"type": "a", "data": {"x": "{{ event.y"}}}]}),
            "/reactions/1/emit/data/x",
        ),
    ] {
        let document = with(fields);
        let problem = refused(&document);
        assert_eq!(problem.code, Code::Invalid, "{document}");
        assert_eq!(problem.errors[0].pointer, pointer, "{document}");
    }
}

#[test]
fn rules_are_refused_with_the_name_of_the_mistake() {
    for (fields, pointer, reason) in [
        (json!({"on": []}), "/on", "empty_on"),
        (json!({"on": ["a", "b c"]}), "/on/1", "bad_subject"),
        (json!({"when": [1]}), "/when", "root_not_object"),
        (json!({"when": {}}), "/when", "empty_object"),
        (
            json!({"when": {"data": {"a/b": 5}}}),
            "/when/data/a~1b",
            "bare_scalar",
        ),
    ] {
        let problem = refused(&with(fields));
        assert_eq!(problem.code, Code::Invalid, "{pointer}");
        assert_eq!(problem.errors[0].pointer, pointer);
        assert_eq!(problem.errors[0].reason.as_deref(), Some(reason));
    }
}

#[test]
fn a_refused_url_names_its_reaction() {
    let fields = json!({"reactions": [{"webhook": {"url": "ftp://a.example"}}]});
    let problem = refused(&with(fields));
    assert_eq!(problem.code, Code::UrlRefused);
    assert_eq!(problem.errors[0].pointer, "/reactions/0/webhook/url");
    assert_eq!(problem.errors[0].reason.as_deref(), Some("scheme"));
}

#[test]
fn on_and_reactions_must_be_there() {
    assert_eq!(refused(r#"{"on": ["a"]}"#).errors[0].pointer, "/reactions");
    let document = r#"{"reactions": [{"emit": {"type": "a"}}]}"#;
    assert_eq!(refused(document).errors[0].pointer, "/on");
}

#[test]
fn patterns_and_templates_are_kept_as_they_were_written() {
    let document = r#"{"on": ["a"], "when": {"data":  {"n": [1.0e+2]}},
        "reactions": [{"emit": {"type": "b",  "data": 1.50}}]}"#;
    let Ok((wish, config)) = checked(document) else {
        panic!("{document} is refused");
    };
    let when = config.when.expect("a pattern");
    assert_eq!(when.get(), r#"{"data":  {"n": [1.0e+2]}}"#);
    let reactions = wish.reactions.expect("reactions");
    let [ReactionWish::Ready(Reaction::Emit(template))] = reactions.as_slice() else {
        panic!("one emit");
    };
    assert_eq!(template.get(), r#"{"type": "b",  "data": 1.50}"#);
}

#[test]
fn a_change_touches_only_what_it_names_and_null_resets() {
    let fields = json!({"name": "L", "state": "disabled", "when": {"type": ["a"]}});
    let Ok((_, mut config)) = checked(&with(fields)) else {
        panic!("a listener is refused");
    };
    for (change, name, state, on, when) in [
        (
            json!({}),
            Some("L"),
            ListenerState::Disabled,
            "site.*",
            true,
        ),
        (
            json!({"on": ["x"]}),
            Some("L"),
            ListenerState::Disabled,
            "x",
            true,
        ),
        (
            json!({"when": null}),
            Some("L"),
            ListenerState::Disabled,
            "x",
            false,
        ),
        (
            json!({"name": null, "state": null}),
            None,
            ListenerState::Enabled,
            "x",
            false,
        ),
    ] {
        let document = change.to_string();
        let wish = read::<ListenerDocument>(document.as_bytes()).and_then(ListenerDocument::check);
        let Ok(wish) = wish else {
            panic!("{document} is refused");
        };
        assert!(wish.reactions.is_none());
        wish.apply(&mut config);
        assert_eq!(config.name.as_deref(), name, "{document}");
        assert_eq!(config.state, state, "{document}");
        assert_eq!(config.on, [on], "{document}");
        assert_eq!(config.when.is_some(), when, "{document}");
    }
}
