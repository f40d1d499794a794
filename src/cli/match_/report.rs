//! Shows the verdict on one line, clause by clause.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;

use crate::{
    cli::{clauses, look::Sign},
    rules::{SubjectVerdict, WhenVerdict},
};

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
            Sign::whether(self.matches).coloured(),
            self.line,
            says.bold()
        )?;
        clauses::write(&self.on, Some(&self.when), 2, out)
    }
}
