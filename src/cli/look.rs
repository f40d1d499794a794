//! How states look: a sign that can be told apart without colours, and a colour.
//!
//! Whoever prints writes colours always; the writer takes them out where they do not belong.

use owo_colors::{OwoColorize as _, Style};

/// A sign before something that is in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It is as it should be.
    Good,
    /// It is not.
    Bad,
    /// It is still to be seen.
    Waiting,
    /// It was left alone.
    Aside,
}

impl Sign {
    /// The signs that columns of tables hold.
    const ALL: [Self; 4] = [Self::Good, Self::Bad, Self::Waiting, Self::Aside];

    /// The sign of something in `state`: a delivery, a job, an endpoint or a listener.
    pub fn of(state: &str) -> Self {
        match state {
            "delivered" | "done" | "enabled" | "accepted" | "emitted" => Self::Good,
            "dead" | "failed" | "disabled" | "emit_failed" => Self::Bad,
            "pending" | "queued" | "running" | "paused" | "fanning_out" => Self::Waiting,
            _ => Self::Aside,
        }
    }

    /// Whether something holds.
    pub fn whether(holds: bool) -> Self {
        match holds {
            true => Self::Good,
            false => Self::Bad,
        }
    }

    /// The sign without its colour.
    pub fn plain(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Waiting => "•",
            Self::Aside => "○",
        }
    }

    /// Its colour.
    pub fn style(self) -> Style {
        match self {
            Self::Good => Style::new().green(),
            Self::Bad => Style::new().red(),
            Self::Waiting => Style::new().yellow(),
            Self::Aside => Style::new().dimmed(),
        }
    }

    /// The sign in its colour.
    pub fn coloured(self) -> String {
        self.plain().style(self.style()).to_string()
    }
}

/// A line of a table with its signs in colour: tables are laid out without, since they would count
/// colours as columns.
pub fn colour_signs(line: &str) -> String {
    let mut line = format!("  {line}");
    for sign in Sign::ALL {
        let begins_cell = format!("  {} ", sign.plain());
        line = line.replace(&begins_cell, &format!("  {} ", sign.coloured()));
    }
    line.split_off(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_in_a_line_get_their_colour_and_nothing_else_does() {
        let line = "dlv_1  ✗ dead: a ✓ b";
        let coloured = colour_signs(line);
        assert!(coloured.contains("\u{1b}[31m✗"), "{coloured:?}");
        assert!(coloured.contains("a ✓ b"), "{coloured:?}");
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), line);
    }
}
