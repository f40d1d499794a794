//! The keys by which clients mark a request, so that it is carried out once however often it comes
//! (draft-ietf-httpapi-idempotency-key-header).

/// The most characters of a key.
pub const MAX_KEY: usize = 255;

/// The key of a request: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// Why a header holds no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key has 1 to {MAX_KEY} printable ASCII characters; in quotes, `\\` stands before `\"` and `\\`"
)]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// Reads a header: a string as RFC 8941 writes it, or the same without its quotes.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(header: &[u8]) -> Result<Self, IdempotencyKeyError> {
        let text = str::from_utf8(header).map_err(|_| IdempotencyKeyError)?;
        let text = text.trim_matches([' ', '\t']);
        let key = match text.strip_prefix('"') {
            Some(rest) => unquoted(rest)?,
            None => text.to_owned(),
        };
        let printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        match printable && (1..=MAX_KEY).contains(&key.len()) {
            true => Ok(Self(key)),
            false => Err(IdempotencyKeyError),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands between the quotes of a string; `rest` is what follows the first one.
fn unquoted(rest: &str) -> Result<String, IdempotencyKeyError> {
    let mut text = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next() {
            Some('"') if characters.as_str().is_empty() => return Ok(text),
            Some('\\') => match characters.next() {
                Some(escaped @ ('"' | '\\')) => text.push(escaped),
                _ => return Err(IdempotencyKeyError),
            },
            Some('"') | None => return Err(IdempotencyKeyError),
            Some(other) => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(header: &str) -> Option<String> {
        let key = IdempotencyKey::parse(header.as_bytes()).ok()?;
        Some(key.as_str().to_owned())
    }

    #[test]
    fn a_key_is_read_with_its_quotes_or_without_them() {
        for (header, key) in [
            (
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
            ),
            ("\"order 7\"", "order 7"),
            (" order/7 ", "order/7"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
        ] {
            assert_eq!(parsed(header).as_deref(), Some(key), "{header}");
        }
        assert_eq!(
            parsed(&"a".repeat(MAX_KEY)).map(|key| key.len()),
            Some(MAX_KEY)
        );
    }

    #[test]
    fn what_is_empty_too_long_or_not_printable_is_no_key() {
        let long = "a".repeat(MAX_KEY + 1);
        for header in [
            "", "  ", "\"\"", "\"a", "\"a\"b\"", r#""a\b""#, "a\tb", "ü", &long,
        ] {
            assert_eq!(parsed(header), None, "{header:?}");
        }
        assert!(IdempotencyKey::parse(&[0xff]).is_err());
    }
}
