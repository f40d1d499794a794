//! Verdicts in a sentence.

use crate::rules::{ClauseVerdict, Explanation, JsonText, WhenVerdict};

/// The most characters of what was wanted, or of what stood there, that go into a sentence.
const MAX_CHARS: usize = 80;

/// The verdict on a listener that was asked.
pub fn verdict(explanation: &Explanation) -> String {
    match why_not(explanation) {
        None => "matched".to_owned(),
        Some(why) => format!("did not match: {why}"),
    }
}

/// The verdict on a listener that was not asked, for the reason `because`.
pub fn not_asked(explanation: &Explanation, because: &str) -> String {
    match why_not(explanation) {
        None => format!("would have matched, but {because}"),
        Some(why) => format!("{because}; it would not have matched: {why}"),
    }
}

/// The first thing that does not hold; none if the event matches.
fn why_not(explanation: &Explanation) -> Option<String> {
    if explanation.matched {
        return None;
    }
    if !explanation.on.iter().any(|subject| subject.held) {
        return Some(format!(
            "the type {} is none that it waits for",
            explanation.event_type
        ));
    }
    Some(match &explanation.when {
        Some(when) => content(when),
        None => "it is not known why".to_owned(),
    })
}

fn content(when: &WhenVerdict) -> String {
    if let Some(not) = when.nots.iter().find(|not| !not.held) {
        return format!("what {} excludes is there", not.pointer);
    }
    if let Some(note) = when.notes.first() {
        return note.text.trim_end_matches('.').to_owned();
    }
    let is_own = |clause: &&ClauseVerdict| !clause.held && !clause.pointer.contains("/$not");
    match when.clauses.iter().find(is_own) {
        Some(clause) => clause_text(clause),
        None => "its clauses do not hold together".to_owned(),
    }
}

fn clause_text(clause: &ClauseVerdict) -> String {
    let path = &clause.path;
    let wanted = listed(&clause.wanted, " or ");
    match clause.found.is_empty() {
        true => format!("{path} is not there, wanted {wanted}"),
        false => format!("{path} is {}, wanted {wanted}", listed(&clause.found, ", ")),
    }
}

/// Values in a row, cut at [`MAX_CHARS`].
fn listed(values: &[JsonText], between: &str) -> String {
    let values: Vec<_> = values.iter().map(JsonText::as_str).collect();
    let text = values.join(between);
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{EventView, Rule, explain};

    fn said(when: &str, event: &str) -> String {
        let rule = Rule::parse(&["a.*".to_owned()], Some(when)).expect(when);
        let view = EventView::from_json(event.as_bytes()).expect(event);
        verdict(&explain(&rule, &view))
    }

    #[test]
    fn the_first_thing_that_does_not_hold_is_named() {
        for (when, event, sentence) in [
            (r#"{"n": [1]}"#, r#"{"type": "a.b", "n": 1}"#, "matched"),
            (
                r#"{"n": [1]}"#,
                r#"{"type": "b"}"#,
                "did not match: the type b is none that it waits for",
            ),
            (
                r#"{"m": [1], "n": ["x", {"prefix": "y"}]}"#,
                r#"{"type": "a.b", "m": 1, "n": ["z", 7]}"#,
                r#"did not match: n is "z", 7, wanted "x" or {"prefix": "y"}"#,
            ),
            (
                r#"{"n": [1]}"#,
                r#"{"type": "a.b"}"#,
                "did not match: n is not there, wanted 1",
            ),
            (
                r#"{"m": [1], "$not": {"n": [1]}}"#,
                r#"{"type": "a.b", "m": 1, "n": 1}"#,
                "did not match: what /$not excludes is there",
            ),
            (
                r#"{"d": {"a": [1], "b": [2]}}"#,
                r#"{"type": "a.b", "d": [{"a": 1}, {"b": 2}]}"#,
                "did not match: Each of these clauses holds by itself, but no single array element \
                 (or no single value) satisfies all of them",
            ),
        ] {
            assert_eq!(said(when, event), sentence);
        }
    }

    #[test]
    fn long_values_are_cut() {
        let event = format!(r#"{{"type": "a.b", "n": "{}"}}"#, "é".repeat(500));
        let sentence = said(r#"{"n": [1]}"#, &event);
        assert!(sentence.ends_with("é…, wanted 1"), "{sentence}");
        assert!(sentence.chars().count() < 2 * MAX_CHARS, "{sentence}");
    }
}
