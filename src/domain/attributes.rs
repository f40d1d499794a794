//! What the context attributes of an event may hold: CloudEvents 1.0, section 3, with limits.
//!
//! Knows nothing of where an attribute came from; whoever asks adds the header or the pointer.

use super::{
    event::{EventTypeError, ExtensionValue},
    media_type::{MediaType, MediaTypeError},
    time::Timestamp,
};

/// The only version of CloudEvents that is understood.
pub const SPECVERSION: &str = "1.0";

/// The most bytes that `id`, `source`, `subject` and `dataschema` may have, each.
pub const MAX_ATTRIBUTE: usize = 1_024;

/// The most bytes that the text of an extension attribute may have.
pub const MAX_EXTENSION_VALUE: usize = 4_096;

/// The most characters that the name of an extension attribute may have.
pub const MAX_EXTENSION_NAME: usize = 64;

/// The most extension attributes that an event may have.
pub const MAX_EXTENSIONS: usize = 64;

/// Names that an extension attribute may not take.
pub const RESERVED_NAMES: [&str; 10] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "data_base64",
];

/// Why an attribute is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct AttributeError {
    /// The name of the attribute, as it was given.
    pub name: String,
    /// What is wrong with it.
    pub reason: AttributeReason,
}

/// What is wrong with an attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeReason {
    /// It must be there.
    #[error("an event must have this attribute")]
    Missing,
    /// It is there for the second time.
    #[error("this attribute is given twice")]
    Repeated,
    /// It is empty.
    #[error("this attribute may not be empty; leave it out instead")]
    Empty,
    /// It is longer than the given number of bytes.
    #[error("this attribute has at most {0} bytes")]
    TooLong(usize),
    /// It holds a character that attributes may not have.
    #[error(
        "an attribute holds no control characters and no Unicode noncharacters, but this one holds {0:?}"
    )]
    Character(char),
    /// It has to be a string.
    #[error("this attribute is a string")]
    NotText,
    /// It is an extension of a type that CloudEvents in JSON does not have.
    #[error(
        "an extension attribute is a string, a boolean or an integer from -2147483648 to 2147483647; what is larger or has parts belongs into data"
    )]
    NotScalar,
    /// The version of CloudEvents is another one.
    #[error(
        "Riposte understands CloudEvents {SPECVERSION}, not {0:?}; send specversion {SPECVERSION:?}"
    )]
    Specversion(String),
    /// `type` is no event type.
    #[error(transparent)]
    Type(#[from] EventTypeError),
    /// `time` is no RFC 3339 timestamp.
    #[error("time is an RFC 3339 timestamp with an offset, like 2026-01-31T12:00:00.5Z")]
    Time,
    /// `datacontenttype` is no media type.
    #[error(transparent)]
    MediaType(#[from] MediaTypeError),
    /// The name of an extension is not well-formed.
    #[error(
        "the name of an extension attribute is 1 to {MAX_EXTENSION_NAME} characters of a-z and 0-9"
    )]
    ExtensionName,
    /// The name of an extension is that of something else.
    #[error("this name is taken by CloudEvents itself and cannot be an extension attribute")]
    ReservedName,
    /// There are more than [`MAX_EXTENSIONS`] extensions.
    #[error("an event has at most {MAX_EXTENSIONS} extension attributes")]
    TooManyExtensions,
}

impl AttributeReason {
    /// The refusal of the attribute `name` for this reason.
    pub fn of(self, name: &str) -> AttributeError {
        AttributeError {
            name: name.to_owned(),
            reason: self,
        }
    }
}

/// Checks `id`, `source`, `subject` or `dataschema`.
///
/// # Errors
/// It is empty, longer than [`MAX_ATTRIBUTE`] or holds a character that attributes may not have.
pub fn check_text(text: &str) -> Result<(), AttributeReason> {
    if text.is_empty() {
        return Err(AttributeReason::Empty);
    }
    check_characters(text, MAX_ATTRIBUTE)
}

/// Checks `time`: RFC 3339, section 5.6, with at most nine digits of a second's fraction.
///
/// # Errors
/// [`AttributeReason::Time`].
pub fn check_time(text: &str) -> Result<(), AttributeReason> {
    let bytes = text.as_bytes();
    // jiff reads more of ISO 8601 than RFC 3339 has: the shape is compared first.
    let shape = bytes.len() >= 20
        && matches(&bytes[..19], b"dddd-dd-ddTdd:dd:dd")
        && is_offset(skip_fraction(&bytes[19..]));
    let in_range = || text.parse::<Timestamp>().is_ok();
    if shape && in_range() {
        Ok(())
    } else {
        Err(AttributeReason::Time)
    }
}

/// Checks `datacontenttype`.
///
/// # Errors
/// It is no media type.
pub fn check_media_type(text: &str) -> Result<(), AttributeReason> {
    MediaType::parse(text)?;
    Ok(())
}

/// Checks the name and the value of an extension attribute.
///
/// # Errors
/// The name is not well-formed or taken, or the value is longer than [`MAX_EXTENSION_VALUE`] or
/// holds a character that attributes may not have.
pub fn check_extension(name: &str, value: &ExtensionValue) -> Result<(), AttributeReason> {
    if RESERVED_NAMES.contains(&name) {
        return Err(AttributeReason::ReservedName);
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.is_empty() || name.len() > MAX_EXTENSION_NAME || !name.bytes().all(allowed) {
        return Err(AttributeReason::ExtensionName);
    }
    match value {
        ExtensionValue::String(text) => check_characters(text, MAX_EXTENSION_VALUE),
        ExtensionValue::Boolean(_) | ExtensionValue::Integer(_) => Ok(()),
    }
}

/// The characters of CloudEvents' type String (section 3.1).
fn check_characters(text: &str, limit: usize) -> Result<(), AttributeReason> {
    if text.len() > limit {
        return Err(AttributeReason::TooLong(limit));
    }
    match text.chars().find(|c| c.is_control() || is_noncharacter(*c)) {
        Some(character) => Err(AttributeReason::Character(character)),
        None => Ok(()),
    }
}

fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

/// Whether `bytes` has the shape of `pattern`, in which `d` stands for a digit and every other
/// character for itself in either case.
fn matches(bytes: &[u8], pattern: &[u8]) -> bool {
    let fits = |(byte, pattern): (&u8, &u8)| match pattern {
        b'd' => byte.is_ascii_digit(),
        other => byte.eq_ignore_ascii_case(other),
    };
    bytes.len() == pattern.len() && bytes.iter().zip(pattern).all(fits)
}

/// What follows the fraction of a second, or nothing if the fraction is not well-formed.
fn skip_fraction(rest: &[u8]) -> &[u8] {
    let Some(fraction) = rest.strip_prefix(b".") else {
        return rest;
    };
    let digits = fraction
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    match digits {
        1..=9 => &fraction[digits..],
        _ => &[],
    }
}

fn is_offset(text: &[u8]) -> bool {
    matches(text, b"Z") || matches(text, b"+dd:dd") || matches(text, b"-dd:dd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        for good in [
            "2026-01-31T12:00:00Z",
            "2026-01-31t12:00:00z",
            "2026-11-23T14:59:01.015352+00:00",
            "2026-01-31T12:00:00.123456789-07:30",
            "2016-12-31T23:59:60Z",
            "1937-01-01T12:00:27.87+00:20",
        ] {
            assert_eq!(check_time(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00Z",
            "2026-02-30T12:00:00Z",
            "2026-01-31T25:00:00Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00+0100",
            "2026-01-31T12:00:00Z[UTC]",
            "2026-01-31T12:00:00.1234567890Z",
            "-2026-01-31T12:00:00Z",
            "tomorrow, if you please",
            "２０２６-01-31T12:00:00Z",
        ] {
            assert_eq!(check_time(bad), Err(AttributeReason::Time), "{bad}");
        }
    }

    #[test]
    fn texts_are_bounded_and_without_control_characters() {
        assert_eq!(check_text("site/7 – ü"), Ok(()));
        assert_eq!(check_text(&"a".repeat(MAX_ATTRIBUTE)), Ok(()));
        assert_eq!(check_text(""), Err(AttributeReason::Empty));
        assert_eq!(
            check_text(&"a".repeat(MAX_ATTRIBUTE + 1)),
            Err(AttributeReason::TooLong(MAX_ATTRIBUTE))
        );
        for character in ['\0', '\n', '\r', '\u{7f}', '\u{85}', '\u{ffff}', '\u{fdd0}'] {
            assert_eq!(
                check_text(&format!("a{character}")),
                Err(AttributeReason::Character(character))
            );
        }
    }

    #[test]
    fn extension_names_are_lower_case_letters_and_digits() {
        let value = ExtensionValue::String(String::new());
        assert_eq!(check_extension("traceparent", &value), Ok(()));
        assert_eq!(check_extension(&"x".repeat(64), &value), Ok(()));
        for bad in ["", "myExt", "my_ext", "my-ext", "ü", &"x".repeat(65)] {
            assert_eq!(
                check_extension(bad, &value),
                Err(AttributeReason::ExtensionName),
                "{bad}"
            );
        }
        for taken in RESERVED_NAMES {
            assert_eq!(
                check_extension(taken, &value),
                Err(AttributeReason::ReservedName),
                "{taken}"
            );
        }
    }
}
