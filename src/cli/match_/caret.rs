//! Shows a place in a JSON text: the line that it is in, and carets under it.

use std::ops::Range;

use jiter::{Jiter, JiterResult, Peek};

use crate::domain::json::escape_pointer;

/// The most characters of a line that are shown on each side of where the place begins.
const AROUND: usize = 60;

/// The line of `json` with the value at `pointer`, and carets under it; nothing if that is the
/// whole text, or if it cannot be found.
pub fn under(json: &str, pointer: &str) -> String {
    match locate(json, pointer) {
        Some(place) if !pointer.is_empty() => draw(json, place),
        _ => String::new(),
    }
}

fn draw(json: &str, place: Range<usize>) -> String {
    let line_start = json[..place.start].rfind('\n').map_or(0, |end| end + 1);
    let line_end = json[line_start..].find('\n');
    let line_end = line_end.map_or(json.len(), |end| line_start + end);
    let before = &json[line_start..place.start];
    let from = &json[place.start..line_end];
    let shown_before = last_chars(before, AROUND);
    let shown_from = first_chars(from, AROUND);
    let mark = |cut: bool| if cut { "…" } else { "" };
    let left = format!("{}{shown_before}", mark(shown_before.len() < before.len()));
    let right = mark(shown_from.len() < from.len());
    let inside = &json[place.start..place.end.min(line_end)];
    let carets = inside
        .chars()
        .count()
        .clamp(1, shown_from.chars().count().max(1));
    format!(
        "\n\n  {left}{shown_from}{right}\n  {}{}",
        " ".repeat(left.chars().count()),
        "^".repeat(carets)
    )
}

fn first_chars(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count);
    end.map_or(text, |(end, _)| &text[..end])
}

fn last_chars(text: &str, count: usize) -> &str {
    let start = text.char_indices().rev().nth(count.saturating_sub(1));
    start.map_or(text, |(start, _)| &text[start..])
}

/// Where the value at `pointer` is; the last of them if a key stands there twice.
fn locate(json: &str, pointer: &str) -> Option<Range<usize>> {
    let mut place = 0..json.trim_end().len();
    for token in pointer.split('/').skip(1) {
        let value = json.get(place.clone())?;
        let inside = child(value, token).ok().flatten()?;
        place = place.start + inside.start..place.start + inside.end;
    }
    Some(place)
}

fn child(json: &str, token: &str) -> JiterResult<Option<Range<usize>>> {
    let mut reader = Jiter::new(json.as_bytes());
    match reader.peek()? {
        Peek::Object => field(&mut reader, token),
        Peek::Array => element(&mut reader, token),
        _ => Ok(None),
    }
}

fn field(reader: &mut Jiter<'_>, token: &str) -> JiterResult<Option<Range<usize>>> {
    let mut found = None;
    let mut key = reader.next_object()?.map(escape_pointer);
    while let Some(name) = key {
        let value = skip(reader)?;
        if name == token {
            found = Some(value);
        }
        key = reader.next_key()?.map(escape_pointer);
    }
    Ok(found)
}

fn element(reader: &mut Jiter<'_>, token: &str) -> JiterResult<Option<Range<usize>>> {
    let mut next = reader.next_array()?;
    let mut index = 0_usize;
    while next.is_some() {
        let value = skip(reader)?;
        if index.to_string() == token {
            return Ok(Some(value));
        }
        index += 1;
        next = reader.array_step()?;
    }
    Ok(None)
}

fn skip(reader: &mut Jiter<'_>) -> JiterResult<Range<usize>> {
    reader.peek()?;
    let start = reader.current_index();
    reader.next_skip()?;
    Ok(start..reader.current_index())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_under_the_place() {
        let json = r#"{"data": {"a/b": [1, {"prefix": "é"}], "c": 7}}"#;
        for (pointer, shown) in [
            ("/data/a~1b/1/prefix", r#""é""#),
            ("/data/a~1b/0", "1"),
            ("/data/c", "7"),
        ] {
            let drawn = under(json, pointer);
            let lines: Vec<_> = drawn.lines().collect();
            let marked: String = lines[2]
                .chars()
                .zip(lines[3].chars())
                .filter(|(_, caret)| *caret == '^')
                .map(|(c, _)| c)
                .collect();
            assert_eq!(marked, shown, "{drawn}");
        }
    }

    #[test]
    fn only_the_line_of_the_place_is_shown() {
        let drawn = under("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n", "/a/b");
        assert_eq!(drawn, "\n\n      \"b\": 1\n           ^");
        let drawn = under("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n", "/a");
        assert_eq!(drawn, "\n\n    \"a\": {\n         ^");
    }

    #[test]
    fn long_lines_are_cut_on_both_sides() {
        let long = "x".repeat(200);
        let drawn = under(
            &format!(r#"{{"{long}": ["{long}"]}}"#),
            &format!("/{long}/0"),
        );
        let lines: Vec<_> = drawn.lines().collect();
        assert!(
            lines[2].starts_with("  …x") && lines[2].ends_with("x…"),
            "{drawn}"
        );
        assert_eq!(lines[3].trim_start(), "^".repeat(AROUND));
    }

    #[test]
    fn what_cannot_be_found_is_not_drawn() {
        assert_eq!(under("{\"a\": 1}", "/b"), "");
        assert_eq!(under("{\"a\": 1}", "/a/b"), "");
        assert_eq!(under("{\"a\": ", "/a"), "");
        assert_eq!(under("5", ""), "");
    }

    #[test]
    fn a_repeated_key_is_shown_where_it_stands_again() {
        let drawn = under(r#"{"a": [1], "a": [2]}"#, "/a");
        assert!(
            drawn.ends_with(&format!("\n  {}^^^", " ".repeat(16))),
            "{drawn}"
        );
    }
}
