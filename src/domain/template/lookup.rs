//! Finds the value that a path leads to, as the JSON text that it is.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiter::{Jiter, Peek};

use crate::domain::{
    attributes::SPECVERSION,
    cloudevents::to_structured_json,
    event::{Data, Event, ExtensionValue},
    json_object::write_string,
};

use super::{EmitError, placeholder::Path};

/// The JSON text of the value in `event` that `path` leads to, unchanged where it is data.
///
/// # Errors
/// [`EmitError::Missing`].
pub fn find<'e>(event: &'e Event, path: &Path) -> Result<Cow<'e, [u8]>, EmitError> {
    let found = match path.tokens() {
        [] => Some(Cow::Owned(to_structured_json(event))),
        [data, below @ ..] if data == "data" => in_data(&event.data, below),
        [name, ..] => attribute(event, name),
    };
    found.ok_or_else(|| EmitError::Missing(path.to_string()))
}

/// The same value as text.
///
/// # Errors
/// [`EmitError::Missing`].
pub fn find_text(event: &Event, path: &Path) -> Result<String, EmitError> {
    let json = find(event, path)?;
    let text = match json.first() {
        Some(b'"') => serde_json::from_slice(&json).ok(),
        Some(b'{' | b'[') => String::from_utf8(without_spaces(&json)).ok(),
        _ => String::from_utf8(json.into_owned()).ok(),
    };
    text.ok_or_else(|| EmitError::Missing(path.to_string()))
}

fn attribute<'e>(event: &Event, name: &str) -> Option<Cow<'e, [u8]>> {
    let attributes = &event.attributes;
    let text = match name {
        "specversion" => Some(SPECVERSION),
        "id" => Some(attributes.id.as_str()),
        "source" => Some(attributes.source.as_str()),
        "type" => Some(attributes.event_type.as_str()),
        "subject" => attributes.subject.as_deref(),
        "time" => Some(attributes.time.as_str()),
        "datacontenttype" => attributes.datacontenttype.as_deref(),
        "dataschema" => attributes.dataschema.as_deref(),
        "data_base64" => return base64(&event.data),
        extension => return Some(scalar(attributes.extensions.get(extension)?)),
    };
    text.map(string)
}

fn in_data<'e>(data: &'e Data, below: &[String]) -> Option<Cow<'e, [u8]>> {
    match data {
        Data::Json(json) => descend(json, below).map(Cow::Borrowed),
        Data::Text(text) if below.is_empty() => Some(string(&String::from_utf8_lossy(text))),
        Data::Absent | Data::Text(_) | Data::Binary(_) => None,
    }
}

fn base64<'e>(data: &Data) -> Option<Cow<'e, [u8]>> {
    match data {
        Data::Binary(bytes) => Some(string(&STANDARD.encode(bytes))),
        Data::Absent | Data::Json(_) | Data::Text(_) => None,
    }
}

fn string<'e>(text: &str) -> Cow<'e, [u8]> {
    let mut json = Vec::with_capacity(text.len() + 2);
    write_string(&mut json, text);
    Cow::Owned(json)
}

fn scalar<'e>(value: &ExtensionValue) -> Cow<'e, [u8]> {
    match value {
        ExtensionValue::String(text) => string(text),
        ExtensionValue::Boolean(_) | ExtensionValue::Integer(_) => {
            Cow::Owned(value.to_string().into_bytes())
        }
    }
}

fn descend<'j>(json: &'j [u8], tokens: &[String]) -> Option<&'j [u8]> {
    let below = |json, token: &String| child(json, token);
    tokens.iter().try_fold(json.trim_ascii(), below)
}

/// The member or the element of `json` that `token` names.
fn child<'j>(json: &'j [u8], token: &str) -> Option<&'j [u8]> {
    let mut reader = Jiter::new(json);
    match reader.peek().ok()? {
        Peek::Object => member(&mut reader, token),
        Peek::Array => element(&mut reader, index(token)?),
        _ => None,
    }
}

fn member<'j>(reader: &mut Jiter<'j>, name: &str) -> Option<&'j [u8]> {
    let mut is_it = reader.known_object().ok()?.map(|key| key == name);
    while let Some(found) = is_it {
        let first = reader.peek().ok()?;
        let value = skip(reader, first)?;
        if found {
            return Some(value);
        }
        is_it = reader.next_key().ok()?.map(|key| key == name);
    }
    None
}

fn element<'j>(reader: &mut Jiter<'j>, mut index: usize) -> Option<&'j [u8]> {
    let mut next = reader.known_array().ok()?;
    while let Some(first) = next {
        let value = skip(reader, first)?;
        if index == 0 {
            return Some(value);
        }
        index -= 1;
        next = reader.array_step().ok()?;
    }
    None
}

/// The text of the value that begins here with `first`.
fn skip<'j>(reader: &mut Jiter<'j>, first: Peek) -> Option<&'j [u8]> {
    let start = reader.current_index();
    reader.known_skip(first).ok()?;
    Some(reader.slice_to_current(start))
}

/// An index as RFC 6901, section 4 writes it: no sign, no leading zero.
fn index(token: &str) -> Option<usize> {
    let canonical = token == "0" || token.starts_with(|c: char| matches!(c, '1'..='9'));
    canonical.then(|| token.parse().ok()).flatten()
}

/// `json` without the whitespace between its tokens.
fn without_spaces(json: &[u8]) -> Vec<u8> {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |byte: &u8| {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            return true;
        }
        in_string = *byte == b'"';
        !byte.is_ascii_whitespace()
    };
    json.iter().copied().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &'static str, tokens: &[&str]) -> Option<&'static str> {
        let tokens: Vec<_> = tokens.iter().map(|token| (*token).to_owned()).collect();
        let found = descend(json.as_bytes(), &tokens)?;
        Some(std::str::from_utf8(found).expect("text"))
    }

    #[test]
    fn the_text_of_a_value_is_found_unchanged() {
        const JSON: &str = " { \"a\" : [ 1.0 , {\"b\\u0063\": 12345678901234567890.10 } ], \"0\": \"x\\n\" ,\"\":null} ";
        for (tokens, expected) in [
            (&["a", "0"][..], Some("1.0")),
            (
                &["a", "1"],
                Some("{\"b\\u0063\": 12345678901234567890.10 }"),
            ),
            (&["a", "1", "bc"], Some("12345678901234567890.10")),
            (&["0"], Some("\"x\\n\"")),
            (&[""], Some("null")),
            (&["b"], None),
            (&["a", "2"], None),
            (&["a", "01"], None),
            (&["a", "+1"], None),
            (&["a", "b"], None),
            (&["a", "0", "0"], None),
            (&["", "x"], None),
        ] {
            assert_eq!(found(JSON, tokens), expected, "{tokens:?}");
        }
        assert_eq!(found(" 5 ", &[]), Some("5"));
    }

    #[test]
    fn spaces_go_but_those_in_strings_stay() {
        for (json, expected) in [
            ("{ \"a b\" :\t[ 1 ,\n2 ] }", "{\"a b\":[1,2]}"),
            (r#"[ "\" \\" , " " ]"#, r#"["\" \\"," "]"#),
        ] {
            assert_eq!(without_spaces(json.as_bytes()), expected.as_bytes());
        }
    }
}
