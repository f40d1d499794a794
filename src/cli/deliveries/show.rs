//! A delivery with all that happened to it and what to do about it, for a reader.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;

use super::{
    timeline,
    view::{Attempt, Delivery, DeliveryStory},
};
use crate::{
    cli::{
        advice::{About, advice, meaning},
        facts::Facts,
        look::Sign,
        moment::Both,
        terminal,
    },
    domain::time::Timestamp,
};

/// The most characters of an answer's body that are shown.
const MAX_BODY: usize = 200;

/// Writes a delivery by itself.
pub fn write(story: &DeliveryStory, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let delivery = &story.delivery;
    let sign = Sign::of(&delivery.state);
    writeln!(
        out,
        "{} {}  {}",
        sign.coloured(),
        delivery.state.style(sign.style().bold()),
        delivery.id
    )?;
    let event = match &delivery.event.event_type {
        Some(event_type) => format!("{event_type}  {}", delivery.event.id),
        None => format!("{} (not kept any more)", delivery.event.id),
    };
    let made = Both {
        time: delivery.created_at,
        now,
    };
    let listener = delivery
        .cause
        .as_ref()
        .map(|cause| format!("{}, revision {}", cause.listener, cause.revision));
    Facts::default()
        .fact("event", Some(&event))
        .fact("endpoint", delivery.endpoint.as_ref())
        .fact("url", last(story).map(|last| &last.request.url))
        .fact("listener", listener.as_ref())
        .fact("made", Some(&made))
        .write(out)?;
    writeln!(out)?;
    write_story(story, 2, now, out)
}

/// Writes where a delivery stands, what happened to it and what to do, behind `indent` spaces.
pub fn write_story(
    story: &DeliveryStory,
    indent: usize,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let delivery = &story.delivery;
    let width = terminal::width();
    let summary = terminal::hanging(&delivery.summary, indent, width);
    writeln!(out, "{:indent$}{}", "", summary.bold())?;
    timeline::write(&story.timeline, indent, now, out)?;
    for (name, text) in explained(story) {
        let text = terminal::hanging(&text, indent + 10, width);
        let name = format!("{name:<10}");
        writeln!(out, "{:indent$}{}{text}", "", name.dimmed())?;
    }
    Ok(())
}

/// What the last error and the reason mean, and what is to be done.
fn explained(story: &DeliveryStory) -> Vec<(&'static str, String)> {
    let delivery = &story.delivery;
    let mut lines = Vec::new();
    if delivery.state == "delivered" {
        return lines;
    }
    if let Some(attempt) = last(story)
        && let Some(error) = &attempt.error
    {
        let meaning = meaning(About::Error, &error.kind).unwrap_or_default();
        lines.push((
            "error",
            format!("{}: {}. {meaning}", error.kind, error.message),
        ));
        lines.extend(reached(attempt).map(|at| ("reached", at)));
        lines.extend(answered(attempt).map(|body| ("answer", body)));
        lines.extend(advice(About::Error, &error.kind).map(|it| ("to do", it.to_owned())));
    }
    let about = match delivery.state.as_str() {
        "dead" => About::Dead,
        "skipped" => About::Skipped,
        "cancelled" => About::Cancelled,
        _ => return lines,
    };
    if let Some(reason) = &delivery.reason {
        let meaning = meaning(about, reason).unwrap_or_default();
        lines.push(("reason", format!("{reason}. {meaning}")));
        lines.extend(advice(about, reason).map(|it| ("to do", it.to_owned())));
        lines.extend(command(delivery).map(|it| ("then", it)));
    }
    lines
}

/// The command that takes it up again.
fn command(delivery: &Delivery) -> Option<String> {
    (delivery.state == "dead").then(|| format!("riposte redrive {}", delivery.id))
}

fn reached(attempt: &Attempt) -> Option<String> {
    let address = attempt.request.address.as_ref()?;
    Some(format!("{} at {address}", attempt.request.url))
}

/// The beginning of what the receiver said, where it is text.
fn answered(attempt: &Attempt) -> Option<String> {
    let body = &attempt.response.as_ref()?.body;
    let text = body.content.trim();
    if body.encoding != "text" || text.is_empty() {
        return None;
    }
    let line: String = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .take(MAX_BODY)
        .collect();
    let more = text.chars().count() > MAX_BODY;
    Some(format!("{line}{}", if more { "…" } else { "" }))
}

fn last(story: &DeliveryStory) -> Option<&Attempt> {
    story.attempts.last()
}
