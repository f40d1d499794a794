use serde_json::{Value, json};

use super::*;
use crate::api::{extract::read, problem::Code};

const URL: &str = "https://example.com/hooks";

fn wish(document: &Value) -> ApiResult<EndpointWish> {
    read::<EndpointDocument>(document.to_string().as_bytes())?.check()
}

fn made(document: &Value) -> ApiResult<EndpointConfig> {
    wish(document)?.into_config()
}

/// `fields` beside a URL.
fn with_url(mut fields: Value) -> Value {
    fields["url"] = URL.into();
    fields
}

fn changed(config: &EndpointConfig, document: &Value) -> EndpointConfig {
    let mut config = config.clone();
    wish(document)
        .and_then(|wish| wish.apply(&mut config))
        .expect("a change");
    config
}

#[test]
fn what_cannot_be_used_is_refused_at_its_place() {
    let long = "x".repeat(201);
    for (fields, pointer) in [
        (json!({"nope": 1}), "/nope"),
        (json!({"name": ""}), "/name"),
        (json!({"name": long}), "/name"),
        (json!({"name": "a\nb"}), "/name"),
        (json!({"name": 5}), "/name"),
        (json!({"state": "on"}), "/state"),
        (json!({"format": "xml"}), "/format"),
        (json!({"retry": {}}), "/retry/schedule"),
        (json!({"retry": [["0s", "5s"]]}), "/retry"),
        (json!({"retry": {"schedule": []}}), "/retry/schedule"),
        (
            json!({"retry": {"schedule": ["0s", "soon"]}}),
            "/retry/schedule/1",
        ),
        (
            json!({"retry": {"schedule": ["0s"], "base": "1s"}}),
            "/retry/base",
        ),
        (
            json!({"retry": {"base": "1s", "factor": 0.5}}),
            "/retry/factor",
        ),
        (
            json!({"retry": {"base": "1s", "attempts": 101}}),
            "/retry/attempts",
        ),
        (
            json!({"retry": {"base": "1s", "jitter": 2}}),
            "/retry/jitter",
        ),
        (json!({"retry": {"pace": "1s"}}), "/retry/pace"),
        (json!({"timeout": 15}), "/timeout"),
        (json!({"timeout": "99ms"}), "/timeout"),
        (json!({"timeout": "5m1ms"}), "/timeout"),
        (json!({"connect_timeout": "0s"}), "/connect_timeout"),
        (json!({"connect_timeout": "61s"}), "/connect_timeout"),
        (
            json!({"connect_timeout": "5s", "timeout": "5s"}),
            "/connect_timeout",
        ),
        (json!({"final_statuses": 404}), "/final_statuses"),
        (json!({"final_statuses": [404, true]}), "/final_statuses/1"),
        (json!({"final_statuses": [204]}), "/final_statuses/0"),
        (json!({"final_statuses": ["2xx"]}), "/final_statuses/0"),
        (json!({"concurrency": 0}), "/concurrency"),
        (json!({"concurrency": 1001}), "/concurrency"),
        (json!({"concurrency": -1}), "/concurrency"),
        (json!({"headers": {"Host": "example.com"}}), "/headers/Host"),
        (json!({"headers": {"a/b": "x"}}), "/headers/a~1b"),
        (json!({"headers": {"x-n": 1}}), "/headers/x-n"),
        (
            json!({"headers": {"authorization": "[hidden]"}}),
            "/headers/authorization",
        ),
        (json!({"secret": "whsec_AAAA"}), "/secret"),
        (
            json!({"secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}),
            "/secret",
        ),
    ] {
        let document = with_url(fields);
        let problem = made(&document).expect_err(&document.to_string());
        assert_eq!(problem.code, Code::Invalid, "{document}");
        assert_eq!(problem.errors[0].pointer, pointer, "{document}");
    }
}

#[test]
fn a_url_must_be_there_and_be_one_for_webhooks() {
    for (url, code, reason) in [
        (json!({}), Code::Invalid, None),
        (json!({"url": null}), Code::Invalid, None),
        (json!({"url": 5}), Code::Invalid, None),
        (json!({"url": "hooks"}), Code::UrlRefused, Some("parser")),
        (
            json!({"url": "ftp://example.com"}),
            Code::UrlRefused,
            Some("scheme"),
        ),
        (
            json!({"url": "https://a:b@example.com"}),
            Code::UrlRefused,
            Some("userinfo"),
        ),
    ] {
        let problem = made(&url).expect_err(&url.to_string());
        assert_eq!(problem.code, code, "{url}");
        assert_eq!(problem.errors[0].pointer, "/url", "{url}");
        assert_eq!(problem.errors[0].reason.as_deref(), reason, "{url}");
    }
}

#[test]
fn what_is_left_out_or_null_has_its_default() {
    let nulls = json!({"name": null, "state": null, "format": null, "retry": null, "timeout": null,
        "connect_timeout": null, "final_statuses": null, "concurrency": null, "headers": null, "secret": null});
    let url = URL.parse().expect("a URL");
    for fields in [json!({}), nulls] {
        let config = made(&with_url(fields)).expect("an endpoint");
        assert_eq!(config, EndpointConfig::new(Clone::clone(&url)));
    }
}

#[test]
fn a_change_touches_only_what_it_names_and_null_resets() {
    let config = made(&with_url(
        json!({"name": "CI", "state": "paused", "format": "cloudevents",
        "retry": {"schedule": ["0s"]}, "timeout": "10s", "concurrency": 4,
        "connect_timeout": "2s", "final_statuses": [404, "5xx"],
        "headers": {"x-team": "web"}}),
    ))
    .expect("an endpoint");
    assert_eq!(changed(&config, &json!({})), config);

    let slower = changed(&config, &json!({"timeout": "20s"}));
    assert_eq!(slower.timeout, Some(Duration::from_secs(20)));
    assert_eq!(
        EndpointConfig {
            timeout: config.timeout,
            ..slower
        },
        config
    );

    let reset = changed(
        &config,
        &json!({"name": null, "state": null, "format": null,
        "retry": null, "timeout": null, "connect_timeout": null, "final_statuses": null, "concurrency": null, "headers": null}),
    );
    assert_eq!(reset, EndpointConfig::new(config.url));
}

#[test]
fn a_timeout_does_not_go_below_what_a_connection_has() {
    let given = json!({"timeout": "10s", "connect_timeout": "2s"});
    let mut config = made(&with_url(given)).expect("an endpoint");
    let shorter = wish(&json!({"timeout": "1s"})).expect("a wish");
    let problem = shorter.apply(&mut config).expect_err("a contradiction");
    assert_eq!(problem.errors[0].pointer, "/timeout");
}

#[test]
fn headers_are_replaced_as_a_whole_and_hidden_ones_kept() {
    let given = json!({"headers": {"x-team": "web", "authorization": "Bearer abc"}});
    let config = made(&with_url(given)).expect("an endpoint");
    let changed = changed(&config, &json!({"headers": {"authorization": "[hidden]"}}));
    let headers: Vec<_> = changed.headers.iter().collect();
    assert_eq!(headers, [("authorization", "Bearer abc")]);
}

#[test]
fn a_list_is_no_document() {
    let problem = made(&json!(["CI", URL])).expect_err("a list");
    assert_eq!(
        (problem.code, problem.errors[0].pointer.as_str()),
        (Code::Invalid, "")
    );
}
