//! Media types (RFC 9110, section 8.3.1), as far as Riposte needs them: whether data is JSON, text
//! or neither, and which charset its producer claims.

use std::fmt;

/// The most bytes that a media type may have, parameters included.
pub const MAX_MEDIA_TYPE: usize = 256;

/// Types outside `text/*` whose content is text all the same.
const TEXT_TYPES: [&str; 8] = [
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/javascript",
    "application/ecmascript",
    "application/graphql",
    "application/x-www-form-urlencoded",
];

/// A media type with its parameters, for example `text/plain; charset=utf-8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    essence: String,
    charset: Option<String>,
}

/// Why a text is no media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaTypeError {
    /// There is no `type/subtype` at its beginning.
    #[error("a media type is written type/subtype, like application/json")]
    Essence,
    /// What follows the semicolon cannot be read.
    #[error("the parameters of a media type are written name=value with semicolons between")]
    Parameter,
    /// A character that is not printable ASCII.
    #[error("a media type is made of printable ASCII characters")]
    Character,
    /// It has more than [`MAX_MEDIA_TYPE`] bytes.
    #[error("a media type has at most {MAX_MEDIA_TYPE} bytes")]
    TooLong,
}

impl MediaType {
    /// Reads `text`; letters may be in either case.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, MediaTypeError> {
        if text.len() > MAX_MEDIA_TYPE {
            return Err(MediaTypeError::TooLong);
        }
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(MediaTypeError::Character);
        }
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        Ok(Self {
            essence: parse_essence(essence.trim())?,
            charset: find_charset(parameters)?,
        })
    }

    /// Type and subtype in lower case, without parameters.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// Whether the content is JSON: `application/json` or any type that ends in `+json`
    /// (CloudEvents 1.0 JSON format, section 3.1).
    pub fn is_json(&self) -> bool {
        matches!(self.essence.as_str(), "application/json" | "text/json")
            || self.essence.ends_with("+json")
    }

    /// Whether the content is text that a reader can make sense of.
    pub fn is_text(&self) -> bool {
        self.essence.starts_with("text/")
            || self.essence.ends_with("+xml")
            || self.essence.ends_with("+yaml")
            || TEXT_TYPES.contains(&self.essence.as_str())
    }

    /// Whether the content may be read as UTF-8: no charset is named, or one that UTF-8 covers.
    pub fn is_utf8(&self) -> bool {
        matches!(
            self.charset.as_deref(),
            None | Some("utf-8" | "utf8" | "us-ascii")
        )
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.essence)
    }
}

fn parse_essence(text: &str) -> Result<String, MediaTypeError> {
    match text.split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err(MediaTypeError::Essence),
    }
}

/// Walks through `name=value` pairs. A semicolon inside a quoted value is not expected of any
/// producer and is refused as a parameter without `=`.
fn find_charset(parameters: &str) -> Result<Option<String>, MediaTypeError> {
    let mut charset = None;
    for parameter in parameters.split(';').map(str::trim) {
        if parameter.is_empty() {
            continue;
        }
        let (name, value) = parameter
            .split_once('=')
            .filter(|(name, _)| is_token(name))
            .ok_or(MediaTypeError::Parameter)?;
        if name.eq_ignore_ascii_case("charset") {
            charset = Some(value.trim_matches('"').to_ascii_lowercase());
        }
    }
    Ok(charset)
}

/// Whether `text` is a token of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> MediaType {
        MediaType::parse(text).expect(text)
    }

    #[test]
    fn json_and_text_are_told_from_the_rest() {
        for json in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/problem+json",
            "text/json",
        ] {
            assert!(parsed(json).is_json(), "{json}");
        }
        for text in [
            "text/plain",
            "text/csv;header=present",
            "application/xml",
            "image/svg+xml",
            "application/x-www-form-urlencoded",
        ] {
            assert!(parsed(text).is_text() && !parsed(text).is_json(), "{text}");
        }
        for other in ["application/octet-stream", "image/png", "application/jsonx"] {
            assert!(
                !parsed(other).is_text() && !parsed(other).is_json(),
                "{other}"
            );
        }
    }

    #[test]
    fn the_charset_decides_whether_it_is_utf_8() {
        assert!(parsed("text/plain").is_utf8());
        assert!(parsed("text/plain; format=flowed; Charset=\"UTF-8\"").is_utf8());
        assert!(!parsed("text/plain; charset=iso-8859-1").is_utf8());
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        use MediaTypeError::{Character, Essence, Parameter, TooLong};
        let long = format!("text/{}", "a".repeat(MAX_MEDIA_TYPE));
        for (text, error) in [
            ("", Essence),
            ("json", Essence),
            ("text/", Essence),
            ("a/b/c", Essence),
            ("text /plain", Essence),
            ("text/plain; charset", Parameter),
            ("text/plain; =x", Parameter),
            ("text/plain\n", Character),
            ("text/pläin", Character),
            (long.as_str(), TooLong),
        ] {
            assert_eq!(MediaType::parse(text), Err(error), "{text}");
        }
    }
}
