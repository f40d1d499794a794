//! Asking a user before something is done that they may not have meant.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// Nobody can be asked.
    #[error("this needs a yes, and there is no terminal to ask for it: pass --yes")]
    NoTerminal,
    /// The answer cannot be read.
    #[error("the answer cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Whether a user at the terminal says yes to `question`.
///
/// # Errors
/// If there is no terminal.
pub fn confirm(question: &str) -> Result<bool, ConfirmError> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(ConfirmError::NoTerminal);
    }
    let mut errors = anstream::stderr();
    write!(errors, "{question} [y/N] ")?;
    errors.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}
