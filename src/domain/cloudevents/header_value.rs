//! How attributes are written in headers: CloudEvents 1.0 HTTP binding, section 3.1.3.2.

use std::fmt::Write as _;

/// `text` as a header value: what is not printable ASCII, spaces, double quotes and percent signs
/// are percent-encoded in UTF-8.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' => push_percent(&mut encoded, byte),
            b'!'..=b'~' => encoded.push(char::from(byte)),
            _ => push_percent(&mut encoded, byte),
        }
    }
    encoded
}

/// What `value` stands for; none if its percent-encoding is not UTF-8.
///
/// More is understood than the binding has senders write, because clients in use send it: a
/// quoted string (older versions of the binding), a percent sign that no two hexadecimal digits
/// follow, and letters that were not encoded at all, in UTF-8 or else in ISO-8859-1, which is what
/// common HTTP clients make of a header that is not ASCII.
pub fn decode(value: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().copied().map(char::from).collect(),
    };
    String::from_utf8(decode_percent(&unquote(text.trim()))).ok()
}

/// The content of a quoted string (RFC 9110, section 5.6.4); any other text as it is.
fn unquote(text: &str) -> String {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else {
        return text.to_owned();
    };
    let mut content = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => content.extend(characters.next()),
            other => content.push(other),
        }
    }
    content
}

fn decode_percent(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let encoded = if *first == b'%' {
            hex_pair(after)
        } else {
            None
        };
        match encoded {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

fn hex_pair(text: &[u8]) -> Option<u8> {
    let digit = |index: usize| char::from(*text.get(index)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

fn push_percent(encoded: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(encoded, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_binding_names_is_encoded_and_nothing_else() {
        // The example of the HTTP binding, section 3.1.3.2.
        assert_eq!(encode("Euro € 😀"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(encode("a/b?c=\"1%\"&~!"), "a/b?c=%221%25%22&~!");
    }

    #[test]
    fn more_is_understood_than_is_written() {
        for (value, text) in [
            (&b"Euro%20%e2%82%AC"[..], "Euro €"),
            (b"%41bc", "Abc"),
            (b"\"quoted \\\"text\\\" \\\\\"", "quoted \"text\" \\"),
            (b"100%", "100%"),
            (b"100%zz", "100%zz"),
            (b"a b", "a b"),
            ("ü".as_bytes(), "ü"),
            (b"\xfc", "ü"),
            (b"\"", "\""),
            (b"", ""),
        ] {
            assert_eq!(decode(value).as_deref(), Some(text), "{value:?}");
        }
    }

    #[test]
    fn percent_encoding_that_is_not_utf_8_is_refused() {
        for value in [&b"%ff"[..], b"a%C3", b"%ED%A0%80"] {
            assert_eq!(decode(value), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(text in any::<String>()) {
            prop_assert_eq!(decode(encode(&text).as_bytes()), Some(text));
        }
    }
}
