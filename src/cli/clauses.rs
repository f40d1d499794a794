//! What a rule says to an event, clause by clause, for a reader.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;

use super::{look::Sign, terminal};
use crate::rules::{ClauseVerdict, JsonText, SubjectVerdict, WhenVerdict};

/// Writes what each type and each clause says, a line each behind `indent` spaces, wrapped at the
/// terminal's width.
pub fn write(
    on: &[SubjectVerdict],
    when: Option<&WhenVerdict>,
    indent: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    for subject in on {
        let text = format!("type {}", subject.subject);
        line(Sign::whether(subject.held).coloured(), &text, indent, out)?;
    }
    let Some(when) = when else {
        return Ok(());
    };
    for clause in &when.clauses {
        line(
            Sign::whether(clause.held).coloured(),
            &said(clause),
            indent,
            out,
        )?;
    }
    for not in &when.nots {
        let says = match not.held {
            true => "does not hold, as wanted",
            false => "holds",
        };
        let text = format!("what stands at {} {says}", not.pointer);
        line(Sign::whether(not.held).coloured(), &text, indent, out)?;
    }
    for note in &when.notes {
        line("!".yellow().to_string(), &note.text, indent, out)?;
        for pointer in &note.clauses {
            writeln!(out, "{:indent$}    {}", "", pointer.dimmed())?;
        }
    }
    Ok(())
}

fn line(sign: String, text: &str, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    let text = terminal::hanging(text, indent + 2, terminal::width());
    writeln!(out, "{:indent$}{sign} {text}", "")
}

fn said(clause: &ClauseVerdict) -> String {
    format!(
        "{} is {}: wants {} {}",
        clause.path.bold(),
        found(clause),
        listed(&clause.wanted, " or "),
        clause.pointer.dimmed()
    )
}

fn found(clause: &ClauseVerdict) -> String {
    match (clause.found.as_slice(), clause.found_more) {
        ([], _) => "absent".to_owned(),
        (found, 0) => listed(found, ", "),
        (found, more) => format!("{} and {more} more", listed(found, ", ")),
    }
}

fn listed(values: &[JsonText], separator: &str) -> String {
    let values: Vec<_> = values.iter().map(JsonText::as_str).collect();
    values.join(separator)
}
