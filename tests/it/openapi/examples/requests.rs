//! The requests that the document shows.

use serde_json::Value;

use crate::{openapi::Operation, support::text};

/// A request as the document shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The query string, with its question mark.
    pub query: String,
    /// The media type of the body.
    pub kind: Option<String>,
    /// The body.
    pub body: Option<Value>,
}

/// The requests of `operation`: one with each example of a body, and one with each example of a
/// parameter; one without anything where there are none.
pub fn requests(operation: &Operation) -> Vec<Request> {
    let mut bodies = Vec::new();
    let contents = operation.details["requestBody"]["content"].as_object();
    for (kind, content) in contents.into_iter().flatten() {
        for body in self::bodies(content) {
            bodies.push((Some(kind.clone()), Some(body)));
        }
    }
    let (kind, body) = bodies.first().cloned().unwrap_or_default();
    if bodies.is_empty() || operation.details["requestBody"]["required"] != true {
        bodies.insert(0, (None, None));
    }
    let required = query(operation, |parameter| parameter["required"] == true);
    let with_bodies = bodies.into_iter().map(|(kind, body)| Request {
        query: question(&required),
        kind,
        body,
    });
    let optional = query(operation, |parameter| parameter["required"] != true);
    let with_parameters = optional.into_iter().map(|parameter| Request {
        query: question(&[required.as_slice(), &[parameter]].concat()),
        kind: kind.clone(),
        body: body.clone(),
    });
    with_bodies.chain(with_parameters).collect()
}

/// The examples of a body.
pub fn bodies(content: &Value) -> Vec<Value> {
    let named = content["examples"].as_object().into_iter().flatten();
    let named = named.map(|(_, example)| example["value"].clone());
    content
        .get("example")
        .cloned()
        .into_iter()
        .chain(named)
        .collect()
}

/// The query parameters that have an example and are as `wanted`, as they are written.
fn query(operation: &Operation, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let parameters = operation.details["parameters"].as_array();
    let parameters = parameters.into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "query" && wanted(parameter))
        .filter_map(|parameter| {
            let example = match parameter.get("example")? {
                Value::String(example) => example.clone(),
                example => example.to_string(),
            };
            let mut pair = url::form_urlencoded::Serializer::new(String::new());
            pair.append_pair(&text(&parameter["name"]), &example);
            Some(pair.finish())
        })
        .collect()
}

fn question(parameters: &[String]) -> String {
    match parameters.is_empty() {
        true => String::new(),
        false => format!("?{}", parameters.join("&")),
    }
}
