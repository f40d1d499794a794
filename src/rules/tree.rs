//! Reads the JSON of a pattern: keys in their order, numbers with their text, every value with
//! the text that it came from.

use std::collections::HashSet;

use jiter::{Jiter, JiterError, Peek};

use super::{
    leaf::Leaf,
    pattern::MAX_LEVELS,
    refusal::{Refusal, RefusalCode},
};
use crate::domain::json::escape_pointer;

/// A JSON value and the text of it.
#[derive(Debug)]
pub struct Node<'j> {
    pub value: Value<'j>,
    pub text: &'j str,
}

/// A JSON value.
#[derive(Debug)]
pub enum Value<'j> {
    Leaf(Leaf),
    List(Vec<Node<'j>>),
    Object(Vec<(String, Node<'j>)>),
}

/// Reads one JSON value.
///
/// # Errors
/// The first place that is not well-formed, is a key for the second time in its object, or is
/// nested deeper than [`MAX_LEVELS`].
pub fn read(json: &[u8]) -> Result<Node<'_>, Refusal> {
    let mut reader = Reader {
        json: Jiter::new(json),
        place: Vec::new(),
    };
    let read = reader.next().and_then(|node| {
        reader.json.finish()?;
        Ok(node)
    });
    read.map_err(|failure| reader.explain(failure))
}

/// The place of what `token` names in the value at `pointer`.
pub fn below(pointer: &str, token: impl ToString) -> String {
    format!("{pointer}/{}", escape_pointer(&token.to_string()))
}

struct Reader<'j> {
    json: Jiter<'j>,
    place: Vec<String>,
}

enum Failure {
    Malformed(JiterError),
    NotUtf8,
    Repeated,
    TooDeep,
}

impl From<JiterError> for Failure {
    fn from(error: JiterError) -> Self {
        Self::Malformed(error)
    }
}

impl<'j> Reader<'j> {
    fn next(&mut self) -> Result<Node<'j>, Failure> {
        let first = self.json.peek()?;
        let start = self.json.current_index();
        let value = match first {
            Peek::Array => self.list().map(Value::List),
            Peek::Object => self.object().map(Value::Object),
            scalar => Ok(Value::Leaf(Leaf::read(&mut self.json, scalar)?)),
        }?;
        let text = str::from_utf8(self.json.slice_to_current(start));
        let text = text.map_err(|_| Failure::NotUtf8)?;
        Ok(Node { value, text })
    }

    fn list(&mut self) -> Result<Vec<Node<'j>>, Failure> {
        self.check_depth()?;
        let mut nodes = Vec::new();
        let mut next = self.json.known_array()?;
        while next.is_some() {
            self.place.push(nodes.len().to_string());
            nodes.push(self.next()?);
            self.place.pop();
            next = self.json.array_step()?;
        }
        Ok(nodes)
    }

    fn object(&mut self) -> Result<Vec<(String, Node<'j>)>, Failure> {
        self.check_depth()?;
        let mut fields = Vec::new();
        let mut seen = HashSet::new();
        let mut next = self.json.known_object()?.map(str::to_owned);
        while let Some(key) = next {
            self.place.push(key.clone());
            if !seen.insert(key.clone()) {
                return Err(Failure::Repeated);
            }
            fields.push((key, self.next()?));
            self.place.pop();
            next = self.json.next_key()?.map(str::to_owned);
        }
        Ok(fields)
    }

    fn check_depth(&self) -> Result<(), Failure> {
        if self.place.len() < MAX_LEVELS {
            Ok(())
        } else {
            Err(Failure::TooDeep)
        }
    }

    fn explain(&self, failure: Failure) -> Refusal {
        let pointer = self.place.iter().fold(String::new(), below_owned);
        let (code, message) = match failure {
            Failure::Malformed(error) => (
                RefusalCode::MalformedJson,
                format!(
                    "this is not JSON: {} at {}",
                    error.error_type,
                    self.json.error_position(error.index)
                ),
            ),
            Failure::NotUtf8 => (
                RefusalCode::MalformedJson,
                "this is not JSON: it is not UTF-8".to_owned(),
            ),
            Failure::Repeated => (
                RefusalCode::DuplicateKey,
                "this key stands twice in its object: put all its conditions into one list"
                    .to_owned(),
            ),
            Failure::TooDeep => (
                RefusalCode::TooDeep,
                format!("nested deeper than {MAX_LEVELS} levels: dots in a key go down as well"),
            ),
        };
        Refusal::new(pointer, code, message)
    }
}

fn below_owned(pointer: String, token: &String) -> String {
    below(&pointer, token)
}
