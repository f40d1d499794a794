//! Descriptions of event types as users write them, and their checking.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    api::{
        field::Field,
        problem::{ApiResult, Problem},
    },
    domain::{
        event_type::Description,
        schema::{EventSchema, MAX_SCHEMA_BYTES, Validation, Violation},
    },
};

/// The most characters of a description.
const MAX_DESCRIPTION: usize = 4_000;

/// What users say about a type of events. Null stands for nothing.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTypeDocument {
    /// What it means: up to 4,000 characters.
    #[schema(value_type = Option<String>, example = "A deployment has failed; the site is as it was.")]
    #[serde(default)]
    description: Field<String>,
    /// What the data of its events is like: a JSON Schema, of draft 2020-12 or 7, of at most 64 KiB,
    /// which refers to nothing but itself.
    #[schema(value_type = Object, nullable, example = json!({"type": "object", "required": ["site"]}))]
    #[serde(default)]
    schema: Field<Box<RawValue>>,
    /// The data of an event of it; it keeps to the schema.
    #[schema(value_type = Object, nullable, example = json!({"site": "seven"}))]
    #[serde(default)]
    example: Field<Box<RawValue>>,
    /// What happens to events that break the schema: `off` by default.
    #[schema(value_type = Option<Validation>)]
    #[serde(default)]
    validation: Field<Validation>,
}

impl EventTypeDocument {
    /// Checks all that can be checked without what is there already.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub(super) fn check(self) -> ApiResult<Self> {
        if let Field::Given(text) = &self.description
            && text.chars().count() > MAX_DESCRIPTION
        {
            let detail = format!("a description has at most {MAX_DESCRIPTION} characters");
            return Err(Problem::invalid("/description", detail));
        }
        if let Field::Given(schema) = &self.schema {
            parse(schema)?;
        }
        if let Field::Given(example) = &self.example
            && example.get().len() > MAX_SCHEMA_BYTES
        {
            let detail = format!("an example has at most {MAX_SCHEMA_BYTES} bytes");
            return Err(Problem::invalid("/example", detail));
        }
        Ok(self)
    }

    /// Changes `described` as asked.
    ///
    /// # Errors
    /// If an example would not keep to the schema, or there would be none to judge by.
    pub(super) fn apply(&self, described: &mut Description) -> ApiResult<()> {
        self.description.set_optional(&mut described.description);
        self.schema.set_optional(&mut described.schema);
        self.example.set_optional(&mut described.example);
        self.validation
            .set(&mut described.validation, Validation::Off);
        let Some(schema) = &described.schema else {
            return match described.validation {
                Validation::Off => Ok(()),
                Validation::Warn | Validation::Enforce => Err(Problem::invalid(
                    "/validation",
                    "there is no schema to judge by: give one, or let the validation be off",
                )),
            };
        };
        match &described.example {
            Some(example) => keeps_to(&parse(schema)?, example),
            None => Ok(()),
        }
    }
}

fn parse(schema: &RawValue) -> ApiResult<EventSchema> {
    EventSchema::parse(schema.get())
        .map_err(|error| Problem::invalid(format!("/schema{}", error.pointer), error.reason))
}

fn keeps_to(schema: &EventSchema, example: &RawValue) -> ApiResult<()> {
    let judged = schema.check_json(example.get().as_bytes());
    judged.map_err(|Violation { pointer, detail }| {
        let within = pointer.strip_prefix("/data").unwrap_or_default();
        let detail = format!("the example breaks the schema: {detail}");
        Problem::invalid(format!("/example{within}"), detail)
    })
}
