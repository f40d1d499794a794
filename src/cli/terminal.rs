//! The terminal that output goes to: how wide it is, and texts laid out for it.

use std::io::stdout;

/// The narrowest that texts are laid out for: below, a terminal breaks lines itself.
const MIN_WIDTH: usize = 40;

/// How many columns standard output has; none if it is no terminal, and lines may be of any length.
pub fn width() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(stdout())?;
    Some(usize::from(columns).max(MIN_WIDTH))
}

/// `text` broken between words into lines of at most `width` columns, of which the first `indent`
/// of each are left free for the caller; one line where there is no width.
pub fn lines(text: &str, indent: usize, width: Option<usize>) -> Vec<String> {
    let Some(room) = width.map(|width| width.saturating_sub(indent).max(MIN_WIDTH / 2)) else {
        return vec![text.to_owned()];
    };
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| columns(line));
        match lines.last_mut() {
            Some(last) if line == 0 => last.push_str(word),
            Some(last) if line + 1 + columns(word) <= room => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `text` in lines as [`lines`] breaks it, each after the first behind `indent` spaces.
pub fn hanging(text: &str, indent: usize, width: Option<usize>) -> String {
    lines(text, indent, width).join(&format!("\n{:indent$}", ""))
}

/// How many columns `text` takes, without its colours; near enough where it has wide characters.
fn columns(text: &str) -> usize {
    let parts = anstream::adapter::strip_str(text);
    parts.map(|part| part.chars().count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_hang() {
        let text = "one two three four five six seven eight nine ten";
        assert_eq!(lines(text, 0, None), [text]);
        assert_eq!(
            lines(text, 20, Some(44)),
            ["one two three four five", "six seven eight nine ten"]
        );
        assert_eq!(
            hanging(text, 20, Some(44)).lines().nth(1),
            Some("                    six seven eight nine ten")
        );
        let long = "x".repeat(70);
        assert_eq!(
            lines(&format!("a {long} b"), 0, Some(40)),
            ["a", &long, "b"]
        );
    }
}
