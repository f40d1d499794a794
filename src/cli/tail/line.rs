//! What happened, in a line.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;

use crate::{
    cli::{
        follow::{Attempt, Happening},
        look::Sign,
        moment::from_now,
    },
    domain::{happening::HappeningKind, time::Timestamp},
};

/// Writes `happening` in a line: when, what, about which event, where to, with which outcome, and
/// the name by which more is found.
pub fn write_line(happening: &Happening, out: &mut dyn Write) -> io::Result<()> {
    let sign = sign(happening);
    let kind = format!("{:<18}", happening.kind.as_str());
    write!(
        out,
        "{} {} {} {}",
        time_of_day(happening.at).dimmed(),
        sign.coloured(),
        kind.style(sign.style()),
        happening.subject()
    )?;
    let delivery = happening.delivery.as_ref();
    if let Some(endpoint) = delivery.and_then(|delivery| delivery.endpoint.as_ref()) {
        write!(out, " → {}", endpoint.called())?;
    }
    if let Some(attempt) = &happening.attempt {
        write!(out, ": {}", outcome(attempt, happening.at))?;
    }
    if let Some(reason) = delivery.and_then(|delivery| delivery.reason.as_ref()) {
        write!(out, ": {reason}")?;
    }
    let event = happening.event.as_ref().map(|event| &event.id);
    match delivery.map(|delivery| &delivery.id).or(event) {
        Some(id) => writeln!(out, "  {}", id.dimmed()),
        None => writeln!(out),
    }
}

fn sign(happening: &Happening) -> Sign {
    match happening.kind {
        HappeningKind::EventAccepted => Sign::Good,
        HappeningKind::AttemptMade => {
            let attempt = happening.attempt.as_ref();
            Sign::whether(attempt.is_some_and(|attempt| attempt.error.is_none()))
        }
        HappeningKind::DeliveryPending => Sign::Waiting,
        HappeningKind::DeliveryDelivered => Sign::Good,
        HappeningKind::DeliveryDead => Sign::Bad,
        HappeningKind::DeliveryCancelled | HappeningKind::DeliverySkipped => Sign::Aside,
    }
}

/// How an attempt ended, how long it took, and when there is another.
fn outcome(attempt: &Attempt, at: Timestamp) -> String {
    let mut outcome = match (&attempt.error, attempt.status) {
        (Some(error), _) => format!("{}: {}", error.kind, error.message),
        (None, Some(status)) => status.to_string(),
        (None, None) => "it is not known".to_owned(),
    };
    outcome += &format!(", {} ms", attempt.duration_ms);
    if attempt.number > 1 {
        outcome += &format!(", attempt {}", attempt.number);
    }
    if let Some(next) = attempt.next_attempt_at {
        outcome += &format!(", again {}", from_now(next, at));
    }
    outcome
}

/// The time of day, in UTC, to the millisecond.
fn time_of_day(time: Timestamp) -> String {
    let text = time.to_string();
    let time = text.split_once('T').map(|(_, time)| time);
    time.unwrap_or(&text).trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(happening: serde_json::Value) -> String {
        let happening = serde_json::from_value(happening).expect("a happening");
        let mut out = Vec::new();
        write_line(&happening, &mut out).expect("it is written");
        let out = String::from_utf8(out).expect("text");
        anstream::adapter::strip_str(&out).to_string()
    }

    #[test]
    fn a_line_says_when_what_where_and_how_it_ended() {
        let event = json!({"id": "evt_1", "type": "a.b", "subject": "site/7"});
        let endpoint = json!({"id": "end_1", "name": "CI", "url": "https://ci.example.com/"});
        let attempt = json!({"number": 2, "duration_ms": 12, "status": 503,
            "error": {"kind": "status_5xx", "message": "answered 503"},
            "next_attempt_at": "2026-11-24T09:30:05.000Z"});
        let failed = json!({"kind": "attempt.made", "at": "2026-11-24T09:30:00.128Z", "event": event,
            "delivery": {"id": "dlv_1", "reason": null, "endpoint": endpoint}, "attempt": attempt});
        assert_eq!(
            line(failed),
            "09:30:00.128 ✗ attempt.made       a.b site/7 → CI: status_5xx: answered 503, 12 ms, \
             attempt 2, again in 4s  dlv_1\n"
        );
        let accepted = json!({"kind": "event.accepted", "at": "2026-11-24T09:30:00Z", "event": event,
            "delivery": null, "attempt": null});
        assert_eq!(
            line(accepted),
            "09:30:00.000 ✓ event.accepted     a.b site/7  evt_1\n"
        );
        let gone = json!({"kind": "delivery.dead", "at": "2026-11-24T09:30:00Z", "event": null,
            "delivery": {"id": "dlv_1", "reason": "gone", "endpoint": null}, "attempt": null});
        assert_eq!(
            line(gone),
            "09:30:00.000 ✗ delivery.dead      ?: gone  dlv_1\n"
        );
    }
}
