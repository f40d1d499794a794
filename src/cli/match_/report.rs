//! Shows the verdict on one line, clause by clause.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;

use crate::rules::{ClauseVerdict, JsonText, SubjectVerdict, WhenVerdict};

/// Why an event matches or does not.
pub struct Verdict<'e> {
    /// Whether it matches.
    pub matches: bool,
    /// The number of its line.
    pub line: usize,
    /// Its type; empty if it has none.
    pub event_type: &'e str,
    /// The event types that were asked for; none if any will do.
    pub on: Vec<SubjectVerdict>,
    /// What the pattern says.
    pub when: WhenVerdict,
}

impl Verdict<'_> {
    /// Writes it, coloured; the writer takes colours out where they do not belong.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let says = if self.matches {
            "matches"
        } else {
            "does not match"
        };
        let name = if self.event_type.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.event_type)
        };
        writeln!(
            out,
            "{} line {}{name} {}",
            sign(self.matches),
            self.line,
            says.bold()
        )?;
        for subject in &self.on {
            writeln!(out, "  {} type {}", sign(subject.held), subject.subject)?;
        }
        for clause in &self.when.clauses {
            write_clause(clause, out)?;
        }
        for not in &self.when.nots {
            let says = if not.held {
                "does not hold, as wanted"
            } else {
                "holds"
            };
            writeln!(
                out,
                "  {} what stands at {} {says}",
                sign(not.held),
                not.pointer
            )?;
        }
        for note in &self.when.notes {
            writeln!(out, "  {} {}", "!".yellow(), note.text)?;
            for pointer in &note.clauses {
                writeln!(out, "      {}", pointer.dimmed())?;
            }
        }
        Ok(())
    }
}

fn write_clause(clause: &ClauseVerdict, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  {} {} is {}: wants {} {}",
        sign(clause.held),
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

fn sign(held: bool) -> String {
    if held {
        "✓".green().to_string()
    } else {
        "✗".red().to_string()
    }
}
