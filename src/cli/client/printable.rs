//! Texts of an answer that may be shown on a terminal.
//!
//! What an answer holds was written by many: producers, receivers, other users. None of them may
//! move the cursor of who reads it, or colour their screen.

use std::borrow::Cow;

/// What stands for a character that a terminal obeys.
const REPLACEMENT: &str = "\\ufffd";

/// `json`, which is well-formed, with other characters for those in its texts that a terminal
/// obeys: a space for what parts words, U+FFFD for the others.
pub fn printable(json: &str) -> Cow<'_, str> {
    if !json.contains('\\') && !json.contains(is_obeyed) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(|it: char| it == '\\' || is_obeyed(it)) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, shown) = unit(rest);
        out.push_str(shown.unwrap_or(&rest[..length]));
        rest = &rest[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The length of what `rest` begins with, an escape sequence of JSON or a character that is obeyed,
/// and what is shown for it; none if it is shown as it is.
fn unit(rest: &str) -> (usize, Option<&'static str>) {
    let mut characters = rest.chars();
    match (characters.next(), characters.next()) {
        (Some('\\'), Some('u')) => {
            let code = rest.get(2..6).unwrap_or_default();
            let code = u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
            (6.min(rest.len()), code.and_then(shown))
        }
        (Some('\\'), Some('n' | 'r' | 't')) => (2, Some(" ")),
        (Some('\\'), Some('b' | 'f')) => (2, Some(REPLACEMENT)),
        (Some('\\'), Some(other)) => (1 + other.len_utf8(), None),
        (Some(other), _) => (other.len_utf8(), Some(REPLACEMENT)),
        (None, _) => (0, None),
    }
}

fn shown(code: char) -> Option<&'static str> {
    match code {
        '\t' | '\n' | '\r' => Some(" "),
        code if code.is_control() || is_obeyed(code) => Some(REPLACEMENT),
        _ => None,
    }
}

/// Whether a terminal obeys it rather than shows it: DEL and the C1 controls, and what turns the
/// direction of text. JSON cannot hold the C0 controls but between its tokens.
fn is_obeyed(it: char) -> bool {
    matches!(it, '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        for (json, expected) in [
            (r#"{"a": "plain é"}"#, "plain é"),
            (
                r#"{"a": "\u001b[31mred\nnext\tone"}"#,
                "\u{fffd}[31mred next one",
            ),
            (r#"{"a": "\\u001b stays \" text"}"#, "\\u001b stays \" text"),
            (r#"{"a": "\u00e9\ud83d\ude00\u009b"}"#, "é😀\u{fffd}"),
            ("{\"a\": \"\u{9b}1m\u{202e}\"}", "\u{fffd}1m\u{fffd}"),
            (r#"{"a": "\u202e"}"#, "\u{fffd}"),
        ] {
            let shown: serde_json::Value =
                serde_json::from_str(&printable(json)).expect("still JSON");
            assert_eq!(shown["a"], expected, "{json}");
        }
    }
}
