//! A tree and how it is drawn.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;
use serde::Deserialize;

use crate::cli::{look::Sign, terminal};

/// What led to an event and what came of it.
#[derive(Deserialize)]
pub struct Trace {
    /// Whether there is more than is shown.
    pub truncated: bool,
    /// The first cause, with all below it.
    pub roots: Vec<Event>,
}

/// An event of a trace.
#[derive(Deserialize)]
pub struct Event {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    subject: Option<String>,
    state: String,
    is_asked: bool,
    fanning_out: bool,
    truncated: bool,
    reactions: Vec<Reaction>,
}

#[derive(Deserialize)]
struct Reaction {
    listener: Option<Listener>,
    delivery: Option<Delivery>,
    event: Option<Event>,
}

#[derive(Deserialize)]
struct Listener {
    id: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Delivery {
    id: String,
    endpoint: Option<String>,
    state: String,
    summary: String,
}

impl Delivery {
    /// What is said of it, because of the listener called `name`.
    fn lines(&self, name: &str) -> Vec<String> {
        let to = match &self.endpoint {
            Some(endpoint) => format!("webhook to {endpoint}"),
            None => "an event that could not be emitted".to_owned(),
        };
        vec![
            format!("{} {name} → {to}", Sign::of(&self.state).coloured()),
            self.id.dimmed().to_string(),
            self.summary.clone(),
        ]
    }
}

/// A part of a tree: what stands there, line by line, and what hangs below.
pub struct Node {
    lines: Vec<String>,
    below: Vec<Node>,
}

impl Node {
    /// The tree of `event`.
    pub fn of(event: &Event) -> Self {
        let subject = event.subject.as_ref();
        let subject = subject.map_or(String::new(), |subject| format!("  {subject}"));
        let asked = match event.is_asked {
            true => "  ◀ asked".yellow().bold().to_string(),
            false => String::new(),
        };
        let unusual = match event.state.as_str() {
            "accepted" => String::new(),
            other => format!("  {}", other.yellow()),
        };
        let mut below: Vec<_> = event.reactions.iter().map(Self::reaction).collect();
        let notes = [
            (event.fanning_out, "more is still to be carried out"),
            (event.truncated, "there are more deliveries than are shown"),
        ];
        let notes = notes.into_iter().filter(|(is_so, _)| *is_so);
        below.extend(notes.map(|(_, note)| Self::leaf(vec![note.dimmed().to_string()])));
        Self {
            lines: vec![
                format!("{}{subject}{unusual}{asked}", event.event_type.bold()),
                event.id.dimmed().to_string(),
            ],
            below,
        }
    }

    fn leaf(lines: Vec<String>) -> Self {
        Self {
            lines,
            below: Vec::new(),
        }
    }

    fn reaction(reaction: &Reaction) -> Self {
        let name = match &reaction.listener {
            Some(listener) => listener.name.as_ref().unwrap_or(&listener.id).as_str(),
            None => "a test of the endpoint",
        };
        let event = reaction.event.as_ref().map(Self::of);
        match (&reaction.delivery, event) {
            (Some(delivery), event) => Self {
                lines: delivery.lines(name),
                below: event.into_iter().collect(),
            },
            (None, Some(mut event)) => {
                let sign = Sign::of("emitted").coloured();
                event.lines[0].insert_str(0, &format!("{sign} {name} → "));
                event
            }
            (None, None) => Self::leaf(vec![name.to_owned()]),
        }
    }

    /// Draws it, wrapped at `width`.
    pub fn draw(&self, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
        self.draw_behind("", "", width, out)
    }

    /// Draws it: its first line behind `first`, everything else behind `rest`.
    fn draw_behind(
        &self,
        first: &str,
        rest: &str,
        width: Option<usize>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let hang = match self.below.is_empty() {
            true => format!("{rest}  "),
            false => format!("{rest}│ "),
        };
        let mut before = first.to_owned();
        for text in &self.lines {
            for line in terminal::lines(text, columns(&hang), width) {
                writeln!(out, "{}{line}", before.dimmed())?;
                before.clone_from(&hang);
            }
        }
        let last = self.below.len().saturating_sub(1);
        for (index, node) in self.below.iter().enumerate() {
            let (first, more) = match index == last {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            let (first, more) = (format!("{rest}{first}"), format!("{rest}{more}"));
            node.draw_behind(&first, &more, width, out)?;
        }
        Ok(())
    }
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_hangs_together_also_where_it_is_wrapped() {
        let event = |name: &str, asked: bool, reactions: serde_json::Value| {
            json!({"id": format!("evt_{name}"), "type": name, "subject": null, "state": "accepted",
                "is_asked": asked, "fanning_out": false, "truncated": false, "reactions": reactions})
        };
        let listener = json!({"id": "lis_1", "name": "Ops"});
        let delivery = json!({"id": "dlv_1", "endpoint": "end_1", "state": "dead",
            "summary": "dead: 2 attempts, last error status_5xx"});
        let test = json!({"listener": null, "delivery": delivery});
        let leaf = event("c", true, json!([test]));
        let emitted = json!({"listener": listener, "event": leaf});
        let sent = json!({"listener": listener, "delivery": delivery});
        let root: Event =
            serde_json::from_value(event("a", false, json!([sent, emitted]))).expect("an event");
        let mut out = Vec::new();
        Node::of(&root).draw(Some(40), &mut out).expect("drawn");
        let text = String::from_utf8(out).expect("UTF-8");
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "a\n\
             │ evt_a\n\
             ├─ ✗ Ops → webhook to end_1\n\
             │    dlv_1\n\
             │    dead: 2 attempts, last error\n\
             │    status_5xx\n\
             └─ ✓ Ops → c  ◀ asked\n   \
                │ evt_c\n   \
                └─ ✗ a test of the endpoint →\n        \
                     webhook to end_1\n        \
                     dlv_1\n        \
                     dead: 2 attempts, last error\n        \
                     status_5xx\n"
        );
    }
}
