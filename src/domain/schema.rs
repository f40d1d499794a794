//! JSON Schemas of what events carry: drafts 2020-12 and 7.
//!
//! A schema is a stranger's: it is bounded in size, refers to nothing but itself, and what it may
//! cost is known before it is asked ([`effort`]). The bytes of an event are judged, never changed.

mod effort;
mod shape;
#[cfg(test)]
mod tests;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use self::{effort::Effort, shape::Shape};
use super::{event::Data, json, names::named};

/// The most bytes of a schema, and of an example.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// The most bytes that a compiled regular expression takes.
const PATTERN_BYTES: usize = 256 * 1024;

/// The most steps that it takes to judge one event: some 40 ms.
const MAX_STEPS: u64 = 2_000_000;

named! {
    /// What happens to events that break their schema.
    pub enum Validation {
        /// Nothing: no event is judged.
        Off = "off",
        /// They are taken, and counted.
        Warn = "warn",
        /// They are refused.
        Enforce = "enforce",
    }
}

#[expect(
    clippy::derivable_impls,
    reason = "the members of a closed list take no attributes"
)]
impl Default for Validation {
    fn default() -> Self {
        Self::Off
    }
}

/// A schema, ready to judge.
#[derive(Debug)]
pub struct EventSchema {
    validator: Validator,
    effort: Effort,
}

/// Why a text is no schema that can be used, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SchemaError {
    /// The JSON Pointer to the place in the schema.
    pub pointer: String,
    /// What is wrong there.
    pub reason: String,
}

/// Where an event breaks its schema, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Violation {
    /// The JSON Pointer to the place in the event, such as `/data/version`.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl EventSchema {
    /// Reads a schema.
    ///
    /// # Errors
    /// The first place that cannot be used.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let schema = read(text)?;
        let draft = draft_of(&schema)?;
        let effort = Shape::of(&schema)?.effort()?;
        let options = jsonschema::options()
            .with_draft(draft)
            .offline()
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(PATTERN_BYTES)
                    .dfa_size_limit(PATTERN_BYTES),
            )
            // Compiling what a producer sends is no bounded work.
            .with_format("regex", |_| true)
            .should_validate_formats(true);
        let validator = options.build(&schema).map_err(|error| SchemaError {
            pointer: error.instance_path().as_str().to_owned(),
            reason: short(&error.to_string()),
        })?;
        Ok(Self { validator, effort })
    }

    /// Judges what an event carries.
    ///
    /// # Errors
    /// The first place that breaks the schema.
    pub fn check(&self, data: &Data) -> Result<(), Violation> {
        match data {
            Data::Json(bytes) => self.check_json(bytes),
            Data::Absent => Err(broken(
                "",
                "the event has no data, and its schema is about data",
            )),
            Data::Text(_) | Data::Binary(_) => Err(broken(
                "",
                "the data is no JSON, and its schema is about JSON",
            )),
        }
    }

    /// Judges the text of a JSON value.
    ///
    /// # Errors
    /// The first place that breaks the schema.
    pub fn check_json(&self, json: &[u8]) -> Result<(), Violation> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| broken("", &format!("the data cannot be judged: {error}")))?;
        if self.effort.on(&value) > MAX_STEPS {
            let detail = "it takes too long to judge so much data by this schema";
            return Err(broken("", detail));
        }
        if self.validator.is_valid(&value) {
            return Ok(());
        }
        match self.validator.validate(&value) {
            Ok(()) => Ok(()),
            Err(error) => Err(broken(
                error.instance_path().as_str(),
                &short(&error.masked_with("the value").to_string()),
            )),
        }
    }
}

fn read(text: &str) -> Result<Value, SchemaError> {
    if text.len() > MAX_SCHEMA_BYTES {
        let reason = format!("a schema has at most {MAX_SCHEMA_BYTES} bytes");
        return Err(refused("", reason));
    }
    json::check(text.as_bytes(), json::MAX_DEPTH)
        .map_err(|error| refused(&error.pointer, error.reason))?;
    let schema: Value =
        serde_json::from_str(text).map_err(|error| refused("", error.to_string()))?;
    match schema.is_object() {
        true => Ok(schema),
        false => Err(refused(
            "",
            r#"a schema is an object, such as {"type": "object"}"#,
        )),
    }
}

/// The draft that `schema` is written in: 2020-12 where it does not say.
fn draft_of(schema: &Value) -> Result<Draft, SchemaError> {
    let Some(named) = schema.get("$schema") else {
        return Ok(Draft::Draft202012);
    };
    let uri = named.as_str().unwrap_or_default();
    match uri.strip_suffix('#').unwrap_or(uri) {
        "https://json-schema.org/draft/2020-12/schema" => Ok(Draft::Draft202012),
        "http://json-schema.org/draft-07/schema" => Ok(Draft::Draft7),
        _ => Err(refused(
            "/$schema",
            "schemas are read in the drafts https://json-schema.org/draft/2020-12/schema and \
             http://json-schema.org/draft-07/schema#",
        )),
    }
}

fn refused(pointer: &str, reason: impl Into<String>) -> SchemaError {
    SchemaError {
        pointer: pointer.to_owned(),
        reason: reason.into(),
    }
}

fn broken(pointer: &str, detail: &str) -> Violation {
    Violation {
        pointer: format!("/data{pointer}"),
        detail: detail.to_owned(),
    }
}

/// The beginning of a message: it may repeat what a stranger wrote.
fn short(message: &str) -> String {
    const LONGEST: usize = 300;
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
