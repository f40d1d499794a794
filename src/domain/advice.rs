//! What can be done about a failure: `docs/errors.md` says it, and this reads it there, so that the
//! API and the page never differ.

use super::{attempt::ErrorKind, delivery::DeadReason};

/// The page.
const PAGE: &str = include_str!("../../docs/errors.md");

impl ErrorKind {
    /// What the receiver's owner can do about it.
    pub fn advice(self) -> &'static str {
        advice(PAGE, self.as_str())
    }
}

impl DeadReason {
    /// What can be done about it.
    pub fn advice(self) -> &'static str {
        let section = PAGE.split_once("## Why a delivery is dead");
        advice(section.map_or("", |(_, section)| section), self.as_str())
    }
}

/// What the last cell of the first row about `name` says.
fn advice(section: &'static str, name: &str) -> &'static str {
    let beginning = format!("| `{name}` | ");
    let row = section.lines().find(|line| line.starts_with(&beginning));
    let cell = row.and_then(|row| row.trim_end_matches([' ', '|']).rsplit_once(" | "));
    cell.map_or("", |(_, cell)| cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_advice_about_everything() {
        for kind in ErrorKind::ALL {
            assert!(kind.advice().ends_with('.'), "{kind}: {:?}", kind.advice());
        }
        for reason in DeadReason::ALL {
            assert!(reason.advice().ends_with('.'), "{reason}");
        }
        assert_eq!(
            ErrorKind::ConnectRefused.advice(),
            "Start the server, or correct the port in the URL."
        );
        assert_eq!(
            DeadReason::EndpointDisabled.advice(),
            "Enable the endpoint, then redrive."
        );
    }
}
