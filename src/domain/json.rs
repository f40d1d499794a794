//! What Riposte accepts as JSON: RFC 8259 in UTF-8, no key twice in an object, and no deeper than
//! a limit. The check builds no values; what passed it is kept as the bytes that came.

use std::collections::HashSet;

use jiter::{Jiter, JiterError, Peek};

/// The deepest nesting that events may have (objects and arrays inside each other).
pub const MAX_DEPTH: usize = 64;

/// Why bytes are refused as JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JsonError {
    /// RFC 6901 pointer to the place, as far as it could be read; empty for the whole document.
    pub pointer: String,
    /// What is wrong there, as a sentence without its full stop.
    pub reason: String,
}

/// Checks that `bytes` are one JSON value that nests at most `max_depth` deep.
///
/// # Errors
/// The first place that is not well-formed, is a key for the second time in its object, or is
/// nested too deep.
pub fn check(bytes: &[u8], max_depth: usize) -> Result<(), JsonError> {
    let mut reader = Reader {
        json: Jiter::new(bytes),
        place: Vec::new(),
        max_depth,
    };
    let first = reader.json.peek();
    first
        .map_err(Refused::from)
        .and_then(|first| reader.value(first))
        .and_then(|()| Ok(reader.json.finish()?))
        .map_err(|refused| reader.explain(refused))
}

/// One token of a JSON Pointer, escaped (RFC 6901, section 3).
pub fn escape_pointer(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

enum Refused {
    Malformed(JiterError),
    Repeated,
    TooDeep,
}

impl From<JiterError> for Refused {
    fn from(error: JiterError) -> Self {
        Self::Malformed(error)
    }
}

/// Walks through a document; `place` holds the tokens that lead to where it stands.
struct Reader<'j> {
    json: Jiter<'j>,
    place: Vec<String>,
    max_depth: usize,
}

impl Reader<'_> {
    fn value(&mut self, first: Peek) -> Result<(), Refused> {
        match first {
            Peek::Array => self.array(),
            Peek::Object => self.object(),
            Peek::String => Ok(self.json.known_str().map(drop)?),
            Peek::True | Peek::False => Ok(self.json.known_bool(first).map(drop)?),
            Peek::Null => Ok(self.json.known_null()?),
            number => Ok(self.json.known_number_bytes(number).map(drop)?),
        }
    }

    fn array(&mut self) -> Result<(), Refused> {
        self.check_depth()?;
        let mut next = self.json.known_array()?;
        let mut index = 0_usize;
        while let Some(first) = next {
            self.place.push(index.to_string());
            self.value(first)?;
            self.place.pop();
            index += 1;
            next = self.json.array_step()?;
        }
        Ok(())
    }

    fn object(&mut self) -> Result<(), Refused> {
        self.check_depth()?;
        let mut seen = HashSet::new();
        let mut next = self.json.known_object()?.map(str::to_owned);
        while let Some(key) = next {
            self.place.push(key.clone());
            if !seen.insert(key) {
                return Err(Refused::Repeated);
            }
            let first = self.json.peek()?;
            self.value(first)?;
            self.place.pop();
            next = self.json.next_key()?.map(str::to_owned);
        }
        Ok(())
    }

    fn check_depth(&self) -> Result<(), Refused> {
        if self.place.len() < self.max_depth {
            Ok(())
        } else {
            Err(Refused::TooDeep)
        }
    }

    fn explain(&self, refused: Refused) -> JsonError {
        let pointer = self.place.iter().fold(String::new(), |pointer, token| {
            pointer + "/" + &escape_pointer(token)
        });
        let reason = match refused {
            Refused::Malformed(error) => format!(
                "{} at {}",
                error.error_type,
                self.json.error_position(error.index)
            ),
            Refused::Repeated => "this key stands twice in its object".to_owned(),
            Refused::TooDeep => format!("nested deeper than {} levels", self.max_depth),
        };
        JsonError { pointer, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_at(text: &str) -> String {
        check(text.as_bytes(), 4).expect_err(text).pointer
    }

    #[test]
    fn well_formed_json_passes() {
        for text in [
            "0",
            "\"a\"",
            " null ",
            "[]",
            "{}",
            r#"{"a":{"b":[1,{"c":-2.5e3}]},"d":true}"#,
            "1e400",
            "123456789012345678901234567890.5",
        ] {
            assert_eq!(check(text.as_bytes(), 4), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "nul",
            "01",
            "1.",
            "NaN",
            "-Infinity",
            "[1,]",
            "{\"a\"}",
            "\"\\ud800\"",
            "\"\n\"",
        ] {
            assert!(check(text.as_bytes(), 4).is_err(), "{text}");
        }
        assert!(check(b"\"\xff\"", 4).is_err());
    }

    #[test]
    fn a_refusal_names_the_place() {
        assert_eq!(refused_at(r#"{"a":{"b":1,"b":2}}"#), "/a/b");
        assert_eq!(refused_at(r#"{"a/b":[0,{"~":1,"~":1}]}"#), "/a~1b/1/~0");
        assert_eq!(refused_at(r#"{"a":[[[[1]]]]}"#), "/a/0/0/0");
        assert_eq!(refused_at(r#"{"a":tru}"#), "/a");
        assert_eq!(refused_at("1 2"), "");
    }

    #[test]
    fn depth_is_bounded_without_using_the_stack_up() {
        let deep = "[".repeat(1_000_000);
        let error = check(deep.as_bytes(), MAX_DEPTH).expect_err("too deep");
        assert!(
            error.reason.starts_with("nested deeper than 64 levels"),
            "{error}"
        );
    }
}
