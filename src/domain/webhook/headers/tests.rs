use super::*;

fn parse(pairs: &[(&str, &str)]) -> Result<Headers, HeadersError> {
    Headers::parse(owned(pairs))
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn reason(pairs: &[(&str, &str)]) -> HeaderReason {
    parse(pairs).expect_err("a bad header").reason
}

#[test]
fn names_are_lower_case_and_keep_their_order() {
    let headers = parse(&[("X-Team", "web"), ("a", "")]).expect("good headers");
    let pairs: Vec<_> = headers.iter().collect();
    assert_eq!(pairs, [("x-team", "web"), ("a", "")]);
}

#[test]
fn names_that_are_not_the_owners_are_refused() {
    for (name, owner) in [
        ("Connection", Owner::Connection),
        ("TE", Owner::Connection),
        ("Proxy-Authorization", Owner::Connection),
        ("proxy-anything", Owner::Connection),
        ("Transfer-Encoding", Owner::Framing),
        ("CONTENT-LENGTH", Owner::Framing),
        ("Host", Owner::Address),
        ("Cookie", Owner::Cookies),
        ("webhook-id", Owner::Riposte),
        ("Webhook-Anything", Owner::Riposte),
        ("ce-type", Owner::Riposte),
        ("content-type", Owner::Riposte),
        ("riposte-lineage", Owner::Riposte),
    ] {
        assert_eq!(
            reason(&[(name, "x")]),
            HeaderReason::Refused(owner),
            "{name}"
        );
    }
    let error = parse(&[("x-ok", "1"), ("Host", "x")]).expect_err("a bad header");
    assert_eq!(error.name, "Host");
    assert!(error.to_string().contains("\"Host\""), "{error}");
}

#[test]
fn names_and_values_are_what_http_allows() {
    let long = "a".repeat(MAX_HEADER_VALUE + 1);
    for (name, value, expected) in [
        ("", "x", HeaderReason::Name),
        ("a b", "x", HeaderReason::Name),
        ("a\r\nb", "x", HeaderReason::Name),
        ("ä", "x", HeaderReason::Name),
        ("x", "a\rb", HeaderReason::Value),
        ("x", "a\nb", HeaderReason::Value),
        ("x", "a\0b", HeaderReason::Value),
        ("x", "ä", HeaderReason::Value),
        ("x", " a", HeaderReason::Space),
        ("x", &long, HeaderReason::TooLong),
    ] {
        assert_eq!(reason(&[(name, value)]), expected, "{name:?}: {value:?}");
    }
    assert!(parse(&[("x", &long[1..])]).is_ok());
    assert_eq!(reason(&[("x", "1"), ("X", "2")]), HeaderReason::Repeated);
}

#[test]
fn headers_are_counted() {
    let many: Vec<_> = (0..=MAX_HEADERS)
        .map(|number| (format!("x-{number}"), String::new()))
        .collect();
    assert!(Headers::parse(many[1..].to_vec()).is_ok());
    let error = Headers::parse(many).expect_err("one too many");
    assert_eq!(error.reason, HeaderReason::TooMany);
}

#[test]
fn sensitive_values_are_hidden_from_readers() {
    let headers = parse(&[
        ("Authorization", "Bearer abc"),
        ("X-Api-Key", "abc"),
        ("x-gitlab-token", "abc"),
        ("x-team", "web"),
    ]);
    let headers = headers.expect("good headers");
    let shown: Vec<_> = headers.redacted().into_iter().collect();
    let expected = [
        ("authorization", HIDDEN),
        ("x-api-key", HIDDEN),
        ("x-gitlab-token", HIDDEN),
        ("x-team", "web"),
    ];
    assert_eq!(shown, owned(&expected));
    assert!(!format!("{headers:?}").contains("abc"));
}

#[test]
fn what_was_read_can_be_sent_back() {
    let stored = parse(&[("authorization", "Bearer abc"), ("x-team", "web")]).expect("good");
    assert_eq!(
        Headers::parse_over(stored.redacted(), &stored),
        Ok(stored.clone())
    );
    let new = owned(&[("authorization", "Bearer new")]);
    let changed = Headers::parse_over(new, &stored).expect("good headers");
    assert_eq!(
        changed.iter().collect::<Vec<_>>(),
        [("authorization", "Bearer new")]
    );
    assert_eq!(reason(&[("authorization", HIDDEN)]), HeaderReason::Hidden);
}

#[test]
fn they_are_read_from_json_and_checked() {
    let good: Result<Headers, _> = serde_json::from_str(r#"{"X-Team": "web"}"#);
    assert_eq!(good.ok(), parse(&[("x-team", "web")]).ok());
    let bad: Result<Headers, _> = serde_json::from_str(r#"{"Host": "web"}"#);
    assert!(bad.is_err_and(|error| error.to_string().contains("Host")));
}
