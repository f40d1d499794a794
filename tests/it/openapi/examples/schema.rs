//! What the document says about the form of values.

use serde_json::{Value, json};

use crate::{openapi::Operation, support::Answer};

/// The schemas of a document.
pub struct Schemas {
    components: Value,
}

impl Schemas {
    /// Those of `document`.
    pub fn of(document: &Value) -> Self {
        let components = document["components"].clone();
        Self { components }
    }

    /// What keeps `value` from being as the `schema` of `described` says.
    pub fn errors(&self, described: &Value, value: &Value) -> Vec<String> {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [described["schema"]],
            "components": self.components,
        });
        let options = jsonschema::options().should_validate_formats(true);
        let validator = options.build(&schema).expect("a schema");
        let errors = validator.iter_errors(value);
        errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }

    /// That the document has such an answer to `operation`.
    pub fn check(&self, operation: &Operation, answer: &Answer) {
        let (id, said) = (operation.id(), answer.text());
        let response = &operation.details["responses"][answer.status.to_string()];
        assert!(response.is_object(), "{id} gave {}: {said}", answer.status);
        let kind = answer.headers.get("content-type");
        let Some(kind) = kind.map(|kind| kind.to_str().expect("text")) else {
            assert!(response["content"].is_null() && said.is_empty(), "{id}");
            return;
        };
        let content = &response["content"][kind];
        assert!(content.is_object(), "{id} gave {kind}");
        let errors = self.errors(content, &answer.json());
        assert!(errors.is_empty(), "{id} gave {said}: {errors:#?}");
    }

    /// That the examples within the schemas are as these say.
    pub fn check_examples(&self) {
        let schemas = self.components["schemas"].as_object().expect("schemas");
        for (name, schema) in schemas {
            self.check_within(name, schema);
        }
    }

    fn check_within(&self, name: &str, schema: &Value) {
        if let Some(example) = schema.get("example") {
            let errors = self.errors(&json!({"schema": schema}), example);
            assert!(errors.is_empty(), "{name}: {errors:#?}");
        }
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            self.check_within(&format!("{name}.{field}"), schema);
        }
        for choice in schema["oneOf"].as_array().into_iter().flatten() {
            self.check_within(name, choice);
        }
    }
}
