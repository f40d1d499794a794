//! Text with placeholders in it.

use std::fmt;

use crate::domain::event::Event;

use super::{EmitError, MAX_EMITTED, lookup};

/// A string of a template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value(Path),
}

/// A way through an event: what stands behind `event`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    written: String,
    tokens: Vec<String>,
}

/// Why a string is no text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// There is no end to it.
    #[error("{{{{ without }}}}; two braces that are meant as such are written {{{{ '{{{{' }}}}")]
    Unclosed,
    /// A quote in it has no end.
    #[error("a ' without its second in {{{{ {0} }}}}; a single quote inside quotes is doubled")]
    Quote(String),
    /// It does not begin with `event`.
    #[error("{{{{ {0} }}}} has to begin with event, like {{{{ event.data.site }}}}")]
    Root(String),
    /// A token is empty or holds a character that has to be quoted.
    #[error(
        "{{{{ {0} }}}}: tokens are separated by dots and made of A-Z, a-z, 0-9, _ and -; others stand in single quotes, like event.data.'a.b'"
    )]
    Token(String),
    /// It names an attribute that no event has.
    #[error(
        "{{{{ {0} }}}}: what follows event is an attribute, in lower case and with nothing below it, or data"
    )]
    Attribute(String),
}

impl Text {
    /// Reads `text`.
    ///
    /// # Errors
    /// The first placeholder that cannot be read.
    pub fn parse(text: &str) -> Result<Self, PlaceholderError> {
        let mut parsed = Self::default();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once("{{") {
            let end = end_of(inside).ok_or(PlaceholderError::Unclosed)?;
            parsed.push_literal(before);
            match parse_placeholder(inside[..end].trim())? {
                Part::Literal(literal) => parsed.push_literal(&literal),
                value @ Part::Value(_) => parsed.0.push(value),
            }
            rest = &inside[end + 2..];
        }
        parsed.push_literal(rest);
        Ok(parsed)
    }

    /// How many placeholders take a value.
    pub fn placeholders(&self) -> usize {
        let is_value = |part: &&Part| matches!(part, Part::Value(_));
        self.0.iter().filter(is_value).count()
    }

    /// The path of the placeholder that is all there is, if so.
    pub fn whole(&self) -> Option<&Path> {
        match self.0.as_slice() {
            [Part::Value(path)] => Some(path),
            _ => None,
        }
    }

    /// The text, if no placeholder takes a value from an event.
    pub fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with the values of `event` in it.
    ///
    /// # Errors
    /// A value is missing, or the text grows beyond [`MAX_EMITTED`].
    pub fn render(&self, event: &Event) -> Result<String, EmitError> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value(path) => text.push_str(&lookup::find_text(event, path)?),
            }
            if text.len() > MAX_EMITTED {
                return Err(EmitError::TooLarge);
            }
        }
        Ok(text)
    }

    fn push_literal(&mut self, literal: &str) {
        match self.0.last_mut() {
            _ if literal.is_empty() => {}
            Some(Part::Literal(last)) => last.push_str(literal),
            _ => self.0.push(Part::Literal(literal.to_owned())),
        }
    }
}

impl Path {
    /// The names and indexes to go through, from the event's object on.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    fn parse(written: &str) -> Result<Self, PlaceholderError> {
        let below = match written.strip_prefix("event") {
            Some(below) if below.is_empty() || below.starts_with('.') => below,
            _ => return Err(PlaceholderError::Root(written.to_owned())),
        };
        let tokens = parse_tokens(below, written)?;
        if !is_known(&tokens) {
            return Err(PlaceholderError::Attribute(written.to_owned()));
        }
        Ok(Self {
            written: written.to_owned(),
            tokens,
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

/// Where the first `}}` outside of quotes begins.
fn end_of(inside: &str) -> Option<usize> {
    let mut quoted = false;
    for (index, byte) in inside.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'}' if !quoted && inside[index..].starts_with("}}") => return Some(index),
            _ => {}
        }
    }
    None
}

fn parse_placeholder(content: &str) -> Result<Part, PlaceholderError> {
    if !content.starts_with('\'') {
        return Path::parse(content).map(Part::Value);
    }
    match parse_quoted(content) {
        Some((literal, "")) => Ok(Part::Literal(literal)),
        _ => Err(PlaceholderError::Quote(content.to_owned())),
    }
}

/// Reads `.token.token…`.
fn parse_tokens(below: &str, written: &str) -> Result<Vec<String>, PlaceholderError> {
    let mut tokens = Vec::new();
    let mut rest = below;
    while !rest.is_empty() {
        let refused = || PlaceholderError::Token(written.to_owned());
        let token = rest.strip_prefix('.').ok_or_else(refused)?;
        let (token, after) = if token.starts_with('\'') {
            parse_quoted(token).ok_or_else(|| PlaceholderError::Quote(written.to_owned()))?
        } else {
            parse_bare(token).ok_or_else(refused)?
        };
        tokens.push(token);
        rest = after;
    }
    Ok(tokens)
}

/// The text between the quotes at the beginning of `text`, and what follows.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut content = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (before, after) = rest.split_once('\'')?;
        content.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                content.push('\'');
                rest = more;
            }
            None => return Some((content, after)),
        }
    }
}

/// The bare token at the beginning of `text`, and what follows.
fn parse_bare(text: &str) -> Option<(String, &str)> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let end = text.find(|c| !allowed(c)).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// Whether an event can have something there: only data has anything below it.
fn is_known(tokens: &[String]) -> bool {
    let is_name = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        name == "data_base64" || (!name.is_empty() && name.bytes().all(allowed))
    };
    match tokens {
        [] => true,
        [name] => is_name(name),
        [name, ..] => name == "data",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<Part> {
        Text::parse(text).expect(text).0
    }

    fn tokens(text: &str) -> Vec<String> {
        let parsed = Text::parse(text).expect(text);
        parsed.whole().expect(text).tokens.clone()
    }

    #[test]
    fn a_path_is_read_token_by_token() {
        for (text, expected) in [
            ("{{event}}", &[][..]),
            ("{{ event.id }}", &["id"]),
            (
                "{{\tevent.data.items.0.sku\n}}",
                &["data", "items", "0", "sku"],
            ),
            ("{{ event.data.'a.b' }}", &["data", "a.b"]),
            ("{{ event.data.'it''s'.x }}", &["data", "it's", "x"]),
            ("{{ event.data.'' }}", &["data", ""]),
            ("{{ event.data.'}}'.'ü ' }}", &["data", "}}", "ü "]),
            ("{{ event.data_base64 }}", &["data_base64"]),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn literals_and_values_stand_side_by_side() {
        let literal = |text: &str| Part::Literal(text.to_owned());
        assert_eq!(parts(""), []);
        assert_eq!(parts("a } }} {b}"), [literal("a } }} {b}")]);
        assert_eq!(parts("{{ '{{' }}"), [literal("{{")]);
        assert_eq!(
            parts("a {{ '{{ it''s }}' }} b"),
            [literal("a {{ it's }} b")]
        );
        let mixed = parts("{{ event.id }}{{event.type}}}");
        assert_eq!(mixed.len(), 3);
        assert_eq!(mixed[2], literal("}"));
    }

    #[test]
    fn what_is_no_placeholder_is_refused() {
        use PlaceholderError::{Attribute, Quote, Root, Token, Unclosed};
        for (text, refused) in [
            ("{{", Unclosed),
            ("a {{ event.id }", Unclosed),
            ("{{ event.data.'a }}", Unclosed),
            ("{{ }}", Root(String::new())),
            ("{{ evt.id }}", Root("evt.id".to_owned())),
            ("{{ eventid }}", Root("eventid".to_owned())),
            ("{{ event. }}", Token("event.".to_owned())),
            ("{{ event..id }}", Token("event..id".to_owned())),
            ("{{ event.data.a b }}", Token("event.data.a b".to_owned())),
            ("{{ event.data[0] }}", Token("event.data[0]".to_owned())),
            ("{{ event.data.'a'b }}", Token("event.data.'a'b".to_owned())),
            ("{{ 'a' b }}", Quote("'a' b".to_owned())),
            ("{{ event.Data }}", Attribute("event.Data".to_owned())),
            ("{{ event.id.x }}", Attribute("event.id.x".to_owned())),
        ] {
            assert_eq!(Text::parse(text), Err(refused), "{text}");
        }
        let message = Text::parse("{{").expect_err("unclosed").to_string();
        assert!(message.ends_with("are written {{ '{{' }}"), "{message}");
    }
}
