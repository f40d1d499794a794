//! JSON laid out for a reader, to the letter: no number is rounded, no text is written anew.

/// `json`, which is well-formed, with a line for each value, each line after the first behind
/// `indent` spaces.
pub fn pretty(json: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    let mut rest = json;
    while let Some(next) = rest.chars().next() {
        match next {
            '"' => {
                let (text, after) = rest.split_at(string_end(rest));
                push_text(&mut out, text);
                rest = after;
                continue;
            }
            '{' | '[' => match closed_at_once(rest) {
                Some(after) => {
                    out.push_str(if next == '{' { "{}" } else { "[]" });
                    rest = after;
                    continue;
                }
                None => {
                    depth += 1;
                    out.push(next);
                    break_line(&mut out, indent + 2 * depth);
                }
            },
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, indent + 2 * depth);
                out.push(next);
            }
            ',' => {
                out.push(next);
                break_line(&mut out, indent + 2 * depth);
            }
            ':' => out.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            other => out.push(other),
        }
        rest = &rest[next.len_utf8()..];
    }
    out
}

/// A string as it is written; what a terminal would obey is written as an escape sequence.
fn push_text(out: &mut String, text: &str) {
    for it in text.chars() {
        match it.is_control() {
            true => out.push_str(&format!("\\u{:04x}", u32::from(it))),
            false => out.push(it),
        }
    }
}

/// Where the string ends that `json` begins with.
fn string_end(json: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return index + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    json.len()
}

/// What follows an object or a list that is empty; none if it is not.
fn closed_at_once(json: &str) -> Option<&str> {
    json[1..].trim_start().strip_prefix(['}', ']'])
}

fn break_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_on_lines_of_their_own_and_stay_what_they_are() {
        let json = r#"{"n":1.50,"big":123456789012345678901234567890, "t":"a\"{[,:é\\","e":[ ],"l":[1,{}]}"#;
        let expected = r#"{
    "n": 1.50,
    "big": 123456789012345678901234567890,
    "t": "a\"{[,:é\\",
    "e": [],
    "l": [
      1,
      {}
    ]
  }"#;
        assert_eq!(pretty(json, 2), expected);
        assert_eq!(pretty(" 7 ", 0), "7");
        assert_eq!(pretty("\"\u{9b}1m\"", 0), r#""\u009b1m""#);
    }
}
