//! Examples of answers: what a gateway answered to the requests that stand at the handlers.
//!
//! They are recorded by the test that sends these requests, and kept in `answers.json` by operation
//! and status.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::{RefOr, path::Operation};

/// The examples of all operations.
pub struct Answers(BTreeMap<String, BTreeMap<String, Value>>);

impl Answers {
    /// Those that were recorded.
    pub fn read() -> Self {
        let recorded = serde_json::from_str(include_str!("answers.json"));
        Self(recorded.expect("the file is written by a test"))
    }

    /// Shows with each response of `operation` the example that was recorded for it.
    pub fn show(&self, operation: &mut Operation) {
        let id = operation.operation_id.as_deref().unwrap_or_default();
        for (status, answer) in self.0.get(id).into_iter().flatten() {
            let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) else {
                continue;
            };
            if let Some(RefOr::T(content)) = response.content.values_mut().next() {
                content.example = Some(answer.clone());
            }
        }
    }
}
