//! Paths with parameters.

use std::fmt::{Display, Write as _};

use url::form_urlencoded;

/// A list, and which part of it is asked for.
#[derive(Debug, Clone)]
pub struct Query {
    path: &'static str,
    parameters: Vec<(&'static str, String)>,
}

impl Query {
    /// All of the list at `path`.
    pub fn new(path: &'static str) -> Self {
        Self {
            path,
            parameters: Vec::new(),
        }
    }

    /// Only those of which `name` is `value`; all if there is no value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<&(impl Display + ?Sized)>) -> Self {
        let parameter = value.map(|value| (name, value.to_string()));
        self.parameters.extend(parameter);
        self
    }

    /// The path and the parameters.
    pub fn path(&self) -> String {
        self.with_parameters(form_urlencoded::Serializer::new(String::new()))
    }

    /// The path and the parameters of the page of `limit` entries that begins at `cursor`.
    pub fn page(&self, limit: u32, cursor: Option<&str>) -> String {
        let mut all = form_urlencoded::Serializer::new(String::new());
        all.append_pair("limit", &limit.to_string());
        if let Some(cursor) = cursor {
            all.append_pair("cursor", cursor);
        }
        self.with_parameters(all)
    }

    fn with_parameters(&self, mut all: form_urlencoded::Serializer<'_, String>) -> String {
        all.extend_pairs(&self.parameters);
        format!("{}?{}", self.path, all.finish())
    }
}

/// The path of what is called `id` in the list at `path`, whatever `id` is made of.
pub fn at(path: &str, id: &str) -> String {
    let mut path = format!("{path}/");
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => path.push(char::from(byte)),
            // A String takes whatever is written.
            other => drop(write!(path, "%{other:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_give_stays_in_its_place() {
        let query = Query::new("/v1/events")
            .with("type", Some("a&b=ü"))
            .with("source", None::<&str>);
        assert_eq!(
            query.page(5, Some("evt_1")),
            "/v1/events?limit=5&cursor=evt_1&type=a%26b%3D%C3%BC"
        );
        assert_eq!(at("/v1/events", "evt_1"), "/v1/events/evt_1");
        assert_eq!(at("/v1/events", "../a?b"), "/v1/events/%2E%2E%2Fa%3Fb");
    }
}
