//! What happened to a delivery, a line each.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;

use super::view::Step;
use crate::{
    cli::{look::Sign, moment::from_now, terminal},
    domain::time::Timestamp,
};

/// The columns of a time.
const TIME: usize = 24;

/// Writes `timeline` behind `indent` spaces.
pub fn write(
    timeline: &[Step],
    indent: usize,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let width = terminal::width();
    let hang = indent + TIME + 4;
    timeline.iter().try_for_each(|step| {
        let at = step.at.map(|at| at.to_string()).unwrap_or_default();
        let (sign, said) = (sign(step), said(step, now));
        let said = terminal::hanging(&said, hang, width);
        let at = format!("{at:TIME$}");
        writeln!(out, "{:indent$}{}  {sign} {said}", "", at.dimmed())
    })
}

/// What a step is, in words.
fn said(step: &Step, now: Timestamp) -> String {
    let nth = step.attempt.map(ordinal).unwrap_or_default();
    let reason = step
        .reason
        .as_ref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    match step.what.as_str() {
        "received" => "the event was received".to_owned(),
        "matched" => "a listener matched it".to_owned(),
        "tested" => "a user tested the endpoint".to_owned(),
        "revived" => "a user revived it: its retry policy began anew".to_owned(),
        "erased" => "what the event carried was erased".to_owned(),
        "left_out" => format!("attempts up to the {nth} are not shown"),
        "attempted" => attempted(step, &nth),
        "in_flight" => format!("the {nth} attempt is under way"),
        "next_attempt" => match step.at {
            Some(at) if at > now => format!("the {nth} attempt is due {}", from_now(at, now)),
            _ => format!("the {nth} attempt is due"),
        },
        other => format!("{}{reason}", other.replace('_', " ")),
    }
}

fn attempted(step: &Step, nth: &str) -> String {
    let took = step
        .duration_ms
        .map(|millis| format!(" after {millis} ms"))
        .unwrap_or_default();
    let answer = step.status.map(|status| status.to_string());
    match (&step.error, answer) {
        (None, answer) => format!("{nth} attempt: {}{took}", answer.unwrap_or_default()),
        (Some(error), None) => format!("{nth} attempt: {error}{took}"),
        (Some(error), Some(answer)) => format!("{nth} attempt: {answer}{took}, {error}"),
    }
}

fn sign(step: &Step) -> String {
    let sign = match step.what.as_str() {
        "attempted" => Sign::whether(step.error.is_none()),
        "delivered" | "dead" | "cancelled" | "skipped" => Sign::of(&step.what),
        "in_flight" | "next_attempt" => Sign::Waiting,
        _ => return "·".dimmed().to_string(),
    };
    sign.coloured()
}

/// `1st`, `2nd`, `3rd`, `4th`.
fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}
