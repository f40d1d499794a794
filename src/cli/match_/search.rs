//! Searches files of events, one a line.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::Path,
};

use super::{
    super::{CliError, Exit},
    lines::Lines,
    report::Verdict,
};
use crate::{
    domain::json::JsonError,
    rules::{EventView, Flat, On, Pattern},
};

/// The most lines that are reported one by one because they are no events; more are counted.
pub const MAX_REPORTED: usize = 100;

/// What is shown.
#[derive(Debug, Clone, Copy)]
pub enum Show {
    /// The lines that match, or those that do not.
    Lines { invert: bool },
    /// How many they are.
    Count { invert: bool },
    /// For each line, why it matches or does not.
    Verdicts,
}

impl Show {
    fn inverts(self) -> bool {
        match self {
            Self::Lines { invert } | Self::Count { invert } => invert,
            Self::Verdicts => false,
        }
    }
}

/// A search on its way.
pub struct Search {
    pattern: Pattern,
    on: Option<On>,
    show: Show,
    found: usize,
    bad: usize,
    unreadable: usize,
}

impl Search {
    /// A search for what `pattern` and, if there are any, the event types `on` match.
    pub fn new(pattern: Pattern, on: Option<On>, show: Show) -> Self {
        Self {
            pattern,
            on,
            show,
            found: 0,
            bad: 0,
            unreadable: 0,
        }
    }

    /// Searches a file, or `stdin` if it is called `-`.
    ///
    /// # Errors
    /// If nothing can be written. What cannot be read is reported and passed over.
    pub fn source(
        &mut self,
        file: &Path,
        stdin: &mut dyn Read,
        out: &mut dyn Write,
        errors: &mut dyn Write,
    ) -> Result<(), CliError> {
        if file == Path::new("-") {
            return self.lines("standard input", BufReader::new(stdin), out, errors);
        }
        let name = file.display().to_string();
        match File::open(file) {
            Ok(opened) => self.lines(&name, BufReader::new(opened), out, errors),
            Err(reason) => self.unreadable(&name, &reason, errors),
        }
    }

    fn lines<R: Read>(
        &mut self,
        name: &str,
        reader: BufReader<R>,
        out: &mut dyn Write,
        errors: &mut dyn Write,
    ) -> Result<(), CliError> {
        let mut lines = Lines::new(reader);
        loop {
            let (number, line) = match lines.next() {
                Ok(Some(next)) => next,
                Ok(None) => return Ok(()),
                Err(reason) => return self.unreadable(name, &reason, errors),
            };
            if let Err(reason) = self.line(line, number, out)? {
                self.bad_line(name, number, &reason, errors)?;
            }
            if lines.must_wait() {
                out.flush()?;
            }
        }
    }

    /// Takes one line; says what is wrong with it if it is no event.
    fn line(
        &mut self,
        line: Result<&[u8], String>,
        number: usize,
        out: &mut dyn Write,
    ) -> io::Result<Result<(), String>> {
        let event = line.and_then(|line| {
            let event = EventView::from_json(line);
            event
                .map(|event| (event, line))
                .map_err(|error| described(&error))
        });
        match event {
            Ok((event, line)) => self.event(&event, line, number, out).map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }

    fn event(
        &mut self,
        event: &EventView<'_>,
        line: &[u8],
        number: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let event_type = event.event_type();
        let flat = Flat::of(event);
        let on = self.on.as_ref();
        let matches = on.is_none_or(|on| on.matches(&event_type)) && self.pattern.matches(&flat);
        self.found += usize::from(matches != self.show.inverts());
        match self.show {
            Show::Verdicts => {
                let verdict = Verdict {
                    matches,
                    line: number,
                    on: on.map(|on| on.explain(&event_type)).unwrap_or_default(),
                    when: self.pattern.explain(&flat),
                    event_type: &event_type,
                };
                verdict.write(out)
            }
            Show::Lines { invert } if matches != invert => {
                out.write_all(line)?;
                out.write_all(b"\n")
            }
            Show::Lines { .. } | Show::Count { .. } => Ok(()),
        }
    }

    fn bad_line(
        &mut self,
        name: &str,
        number: usize,
        reason: &str,
        errors: &mut dyn Write,
    ) -> io::Result<()> {
        self.bad += 1;
        if self.bad <= MAX_REPORTED {
            writeln!(errors, "{name}, line {number}: {reason}")?;
        }
        Ok(())
    }

    fn unreadable(
        &mut self,
        name: &str,
        reason: &io::Error,
        errors: &mut dyn Write,
    ) -> Result<(), CliError> {
        self.unreadable += 1;
        Ok(writeln!(errors, "{name} cannot be read: {reason}")?)
    }

    /// Shows what is known only now, and says how the search ended.
    ///
    /// # Errors
    /// If nothing can be written.
    pub fn finish(&self, out: &mut dyn Write, errors: &mut dyn Write) -> Result<Exit, CliError> {
        if let Show::Count { .. } = self.show {
            writeln!(out, "{}", self.found)?;
        }
        match self.bad {
            0 => {}
            1 => writeln!(errors, "1 line is no event and was passed over")?,
            many => writeln!(errors, "{many} lines are no events and were passed over")?,
        }
        Ok(match (self.bad + self.unreadable, self.found) {
            (0, 0) => Exit::No,
            (0, _) => Exit::Success,
            _ => Exit::Unusable,
        })
    }
}

fn described(error: &JsonError) -> String {
    // An event has one line only, whose number is told apart.
    let reason = error.reason.replace(" at line 1 column ", " at column ");
    match error.pointer.as_str() {
        "" => reason,
        pointer => format!("{reason} (at {pointer})"),
    }
}
