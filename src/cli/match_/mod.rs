//! `riposte match`: grep for events. Reads one event a line and shows the lines that a rule
//! matches, without any gateway.

mod caret;
mod lines;
mod report;
mod search;

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use self::{
    caret::under,
    search::{Search, Show},
};
use super::{CliError, Exit};
use crate::rules::{On, Pattern, Refusal};

const AFTER_HELP: &str = r#"Examples:
  riposte match '{"data": {"environment": ["production"]}}' events.ndjson
  riposte match '{"data": {"bytes": [{"numeric": [">", 1000]}]}}' monday.ndjson tuesday.ndjson
  riposte match --on 'site.deploy.*' @pattern.json < events.ndjson
  tail -f events.ndjson | riposte match '{"subject": [{"wildcard": "site/*"}]}'
  riposte match --explain '{"data": {"items": {"id": [7], "state": ["sold"]}}}' events.ndjson

A pattern is what stands under `when` in a listener. Its fields go down into the event, and each
ends in a list of which one entry must hold: a value, or a match object with one of prefix, suffix,
contains, wildcard, wildcard-ignore-case, equals-ignore-case, anything-but, numeric, cidr, exists.
"$or" and "$not" stand beside the fields of an object.

Exit codes:
  0  some line matched
  1  no line did
  2  the pattern is bad, or a file or a line could not be read"#;

/// Find the events that a pattern matches.
///
/// Reads events as JSON objects, one a line, from files or standard input, and prints the lines
/// that match as they came. A line that is no event is reported with its number and passed over.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct MatchArgs {
    /// The event pattern: JSON, or @FILE
    pattern: String,
    /// Where the events are; standard input if absent or -
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only events of this type, for example site.deploy.failed, site.* or site.>; may be repeated
    #[arg(long, value_name = "TYPE")]
    on: Vec<String>,
    /// Print the lines that do not match
    #[arg(long, short = 'v')]
    invert: bool,
    /// Print only how many lines match
    #[arg(long, short, conflicts_with = "explain")]
    count: bool,
    /// Say for every line why it matches or does not, clause by clause
    #[arg(long, conflicts_with = "invert")]
    explain: bool,
}

/// Why there is nothing to match with.
#[derive(Debug, thiserror::Error)]
pub enum MatchError {
    /// The pattern is refused.
    #[error("the pattern is refused{}: {}{}", place(refusal), refusal.message, under(source_text, &refusal.pointer))]
    Pattern {
        /// Why.
        refusal: Refusal,
        /// The pattern as it was given.
        source_text: String,
    },
    /// An event type is refused.
    #[error("--on {given}: {}", refusal.message)]
    On {
        /// Why.
        refusal: Refusal,
        /// The first that was refused.
        given: String,
    },
    /// The file with the pattern cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

fn place(refusal: &Refusal) -> String {
    match refusal.pointer.as_str() {
        "" => String::new(),
        pointer => format!(" at {pointer}"),
    }
}

impl MatchArgs {
    /// Finds and shows.
    ///
    /// # Errors
    /// If the pattern or an event type is refused, or nothing can be written. Files and lines that
    /// cannot be read are reported on the way.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let errors = &mut anstream::stderr();
        if self.explain {
            return self.search(&mut io::stdin(), out, errors);
        }
        // A writer that takes escape sequences out would change lines: they go out as they came.
        let raw = &mut io::BufWriter::new(io::stdout());
        let exit = self.search(&mut io::stdin(), raw, errors)?;
        raw.flush()?;
        Ok(exit)
    }

    fn search(
        &self,
        stdin: &mut dyn io::Read,
        out: &mut dyn Write,
        errors: &mut dyn Write,
    ) -> Result<Exit, CliError> {
        let mut search = Search::new(pattern(&self.pattern)?, self.on()?, self.show());
        let standard_input = [PathBuf::from("-")];
        let files = match self.files.as_slice() {
            [] => standard_input.as_slice(),
            files => files,
        };
        for file in files {
            search.source(file, stdin, out, errors)?;
        }
        search.finish(out, errors)
    }

    fn show(&self) -> Show {
        match (self.count, self.explain) {
            (_, true) => Show::Verdicts,
            (true, _) => Show::Count {
                invert: self.invert,
            },
            _ => Show::Lines {
                invert: self.invert,
            },
        }
    }

    fn on(&self) -> Result<Option<On>, MatchError> {
        if self.on.is_empty() {
            return Ok(None);
        }
        On::parse(&self.on).map(Some).map_err(|refusal| {
            let index = refusal.pointer.trim_start_matches('/').parse::<usize>();
            let given = index.ok().and_then(|index| self.on.get(index)).cloned();
            MatchError::On {
                refusal,
                given: given.unwrap_or_default(),
            }
        })
    }
}

fn pattern(given: &str) -> Result<Pattern, MatchError> {
    let source_text = match given.strip_prefix('@') {
        None => given.to_owned(),
        Some(path) => fs::read_to_string(path).map_err(|reason| MatchError::Unreadable {
            path: path.into(),
            reason,
        })?,
    };
    Pattern::parse(source_text.as_bytes()).map_err(|refusal| MatchError::Pattern {
        refusal,
        source_text,
    })
}

#[cfg(test)]
mod tests;
