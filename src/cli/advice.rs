//! What to do about errors and reasons: what `docs/errors.md` says, so that the page and the program
//! say the same.

/// The page.
const PAGE: &str = include_str!("../../docs/errors.md");

/// Which table of the page is meant: the same reason means different things in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A kind of error.
    Error,
    /// The reason of a delivery that is dead.
    Dead,
    /// The reason of a delivery that was skipped.
    Skipped,
    /// The reason of a delivery that was cancelled.
    Cancelled,
}

/// What `name` means.
pub fn meaning(about: About, name: &str) -> Option<&'static str> {
    row(about, name)?.next()
}

/// What is to be done about `name`; none if nothing is.
pub fn advice(about: About, name: &str) -> Option<&'static str> {
    row(about, name)?.nth(1).filter(|it| *it != "Nothing.")
}

/// The cells that follow `name` in its row.
fn row(about: About, name: &str) -> Option<impl Iterator<Item = &'static str>> {
    let (_, section) = PAGE.split_once(about.heading())?;
    let section = section.split("\n## ").next()?;
    let begin = format!("| `{name}` | ");
    let row = section
        .lines()
        .find_map(|line| line.strip_prefix(begin.as_str()))?;
    Some(row.trim_end_matches(" |").split(" | "))
}

impl About {
    fn heading(self) -> &'static str {
        match self {
            Self::Error => "## Kinds of errors",
            Self::Dead => "## Why a delivery is dead",
            Self::Skipped => "## Why a delivery was skipped",
            Self::Cancelled => "## Why a delivery was cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        attempt::ErrorKind,
        delivery::{CancelReason, DeadReason, SkipReason},
    };

    #[test]
    fn there_is_advice_on_every_error_and_every_reason() {
        let names = |about, all: &[&'static str]| {
            for name in all {
                let sentences = [meaning(about, name), advice(about, name)];
                for sentence in sentences {
                    let sentence = sentence.unwrap_or_else(|| panic!("{name}: no sentence"));
                    assert!(sentence.ends_with('.'), "{name}: {sentence}");
                }
            }
        };
        let errors: Vec<_> = ErrorKind::ALL.iter().map(|it| it.as_str()).collect();
        let dead: Vec<_> = DeadReason::ALL.iter().map(|it| it.as_str()).collect();
        let skipped: Vec<_> = SkipReason::ALL.iter().map(|it| it.as_str()).collect();
        let cancelled: Vec<_> = CancelReason::ALL.iter().map(|it| it.as_str()).collect();
        names(About::Error, &errors);
        names(About::Dead, &dead);
        names(About::Skipped, &skipped);
        names(About::Cancelled, &cancelled);
        assert_eq!(advice(About::Error, "nonsense"), None);
    }
}
