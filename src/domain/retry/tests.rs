//! What follows from an attempt, and which policies are refused.

use super::*;
use crate::domain::attempt::{ErrorKind, Failure, Response};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn policy(text: &str) -> RetryPolicy {
    serde_json::from_str(text).expect(text)
}

fn answered(status: u16, retry_after: Option<&str>) -> Exchange {
    Exchange {
        address: None,
        duration: Duration::ZERO,
        result: Ok(Response {
            status,
            headers: retry_after
                .map(|value| ("retry-after".to_owned(), value.to_owned()))
                .into_iter()
                .collect(),
            body: bytes::Bytes::new(),
            truncated: false,
            broke_off: None,
        }),
    }
}

fn judge(policy: &RetryPolicy, exchange: &Exchange, attempts: u32) -> Verdict {
    let progress = Progress {
        attempts,
        since: NOW,
        now: NOW,
    };
    policy.judge(exchange, progress, DAY, 0.5)
}

fn after(seconds: u64) -> Verdict {
    Verdict::Retry(NOW.plus(Duration::from_secs(seconds)))
}

#[test]
fn the_default_schedule_ends_after_ten_attempts() {
    let policy = RetryPolicy::default();
    let failed = answered(500, None);
    assert_eq!(judge(&policy, &failed, 1), after(5));
    assert_eq!(judge(&policy, &failed, 2), after(300));
    assert_eq!(judge(&policy, &failed, 9), after(86_400));
    assert_eq!(
        judge(&policy, &failed, 10),
        Verdict::Dead(DeadReason::AttemptsExhausted)
    );
}

#[test]
fn jitter_moves_a_wait_by_its_part_in_both_directions() {
    let policy = RetryPolicy::default();
    assert_eq!(policy.delay(2, 0.0), Some(Duration::from_secs(4)));
    assert_eq!(policy.delay(2, 1.0), Some(Duration::from_secs(6)));
}

#[test]
fn exponential_waits_grow_to_their_cap() {
    let policy = policy(r#"{"base":"5s","factor":2,"cap":"1m","attempts":7,"jitter":0}"#);
    let waits: Vec<_> = (1..=8)
        .map(|number| policy.delay(number, 0.5).map(|delay| delay.as_secs()))
        .collect();
    let expected = [
        Some(0),
        Some(5),
        Some(10),
        Some(20),
        Some(40),
        Some(60),
        Some(60),
        None,
    ];
    assert_eq!(waits, expected);
}

#[test]
fn success_410_and_the_deadline_end_a_delivery() {
    let policy = policy(r#"{"schedule":["0s","1h","1h"],"jitter":0,"deadline":"30m"}"#);
    assert_eq!(judge(&policy, &answered(204, None), 1), Verdict::Delivered);
    assert_eq!(
        judge(&policy, &answered(410, None), 1),
        Verdict::Dead(DeadReason::Gone)
    );
    assert_eq!(
        judge(&policy, &answered(500, None), 1),
        Verdict::Dead(DeadReason::DeadlineExceeded)
    );
}

#[test]
fn retry_after_makes_a_wait_longer_within_bounds() {
    let policy = RetryPolicy::default();
    for (value, seconds) in [
        ("120", 120),
        ("0", 5),
        ("-1", 5),
        ("1e30", 5),
        ("NaN", 5),
        ("", 5),
        ("99999999999999999999999", 86_400),
        ("Tue, 14 Nov 2023 22:15:20 GMT", 120),
        ("Tue, 14 Nov 2000 22:15:20 GMT", 5),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
    ] {
        assert_eq!(
            judge(&policy, &answered(503, Some(value)), 1),
            after(seconds),
            "{value}"
        );
    }
}

#[test]
fn a_failure_without_an_answer_is_tried_again() {
    let exchange = Exchange {
        result: Err(Failure::new(ErrorKind::ConnectRefused, "refused")),
        ..answered(0, None)
    };
    assert_eq!(judge(&RetryPolicy::default(), &exchange, 1), after(5));
}

#[test]
fn a_bad_policy_is_refused_by_the_name_of_its_field() {
    for (text, field) in [
        ("{}", "schedule"),
        (r#"{"schedule":[]}"#, "schedule"),
        (r#"{"schedule":["31d"]}"#, "schedule"),
        (r#"{"schedule":["0s"],"base":"1s"}"#, "base"),
        (r#"{"schedule":["0s"],"factor":2}"#, "factor"),
        (r#"{"schedule":["0s"],"jitter":1.5}"#, "jitter"),
        (r#"{"base":"0s"}"#, "base"),
        (r#"{"base":"2h","cap":"1h"}"#, "base"),
        (r#"{"base":"1s","factor":0.5}"#, "factor"),
        (r#"{"base":"1s","attempts":0}"#, "attempts"),
        (r#"{"base":"1s","attempts":101}"#, "attempts"),
    ] {
        let document: RetryDocument = serde_json::from_str(text).expect(text);
        let error = RetryPolicy::try_from(document).expect_err(text);
        assert_eq!(error.field, field, "{text}");
    }
}

#[test]
fn a_policy_is_written_as_it_is_read() {
    for text in [
        r#"{"schedule":["0s","5s"],"jitter":0.2,"deadline":"3d"}"#,
        r#"{"base":"5s","factor":2.0,"cap":"1h","attempts":12,"jitter":0.1}"#,
    ] {
        assert_eq!(serde_json::to_string(&policy(text)).expect(text), text);
    }
}
