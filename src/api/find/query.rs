//! What somebody looks for: one text, and what it may stand for.

use url::Url;

use crate::{
    api::problem::{ApiResult, Code, Problem},
    domain::{any_id::AnyId, api_key::ApiKey, signature::SECRET_PREFIX},
};

/// The most characters that a text may have which is looked for.
const MAX_QUERY: usize = 2_000;

/// A text that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Query {
    /// It may be anything.
    Text(String),
    /// An API key, of which only the public part is used.
    Key(AnyId),
    /// A secret that signs webhooks: nothing is found by one.
    Secret,
}

impl Query {
    /// Reads what somebody pasted.
    ///
    /// # Errors
    /// If there is nothing, or too much of it.
    pub(super) fn read(text: &str) -> ApiResult<Self> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX_QUERY {
            return Err(Problem::new(
                Code::BadParameter,
                format!("q: give from 1 to {MAX_QUERY} characters of an id, a name or a URL"),
            ));
        }
        if text.starts_with(SECRET_PREFIX) {
            return Ok(Self::Secret);
        }
        Ok(match ApiKey::parse(text) {
            Ok(key) => Self::Key(AnyId::Key(key.id())),
            Err(_) => Self::Text(text.to_owned()),
        })
    }

    /// The text as it may be shown again.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Key(AnyId::Key(id)) => id.to_string(),
            Self::Key(_) | Self::Secret => "[hidden]".to_owned(),
        }
    }
}

/// The `source` and the producer's id that `text` names with a space between them.
pub(super) fn source_and_id(text: &str) -> Option<(&str, &str)> {
    let (source, id) = text.split_once(char::is_whitespace)?;
    Some((source, id.trim_start()))
}

/// How the URLs begin that `text` may be the beginning of; it may be a host alone.
pub(super) fn url_beginnings(text: &str) -> Vec<String> {
    if text.contains(char::is_whitespace) {
        return Vec::new();
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return normal(text).into_iter().collect();
    }
    let is_like_host = text.contains('.') && !text.starts_with(['.', '/']);
    let schemes = ["https://", "http://"]
        .iter()
        .filter(|_| is_like_host)
        .filter_map(|scheme| normal(&format!("{scheme}{text}")));
    schemes.collect()
}

/// `text` as endpoints keep their URLs. A host that nothing ends may go on: it is taken as it is.
fn normal(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    if !rest.contains(['/', '?', '#']) {
        return Some(format!("{scheme}://{}", rest.to_lowercase()));
    }
    Some(Url::parse(text).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_of_a_url_is_read_as_endpoints_keep_it() {
        for (text, beginnings) in [
            ("https://CI.example.com", vec!["https://ci.example.com"]),
            ("https://a.example/", vec!["https://a.example/"]),
            ("http://a.example/hooks?a", vec!["http://a.example/hooks?a"]),
            ("ci.exam", vec!["https://ci.exam", "http://ci.exam"]),
            ("order", vec![]),
            ("http://127.0.0", vec!["http://127.0.0"]),
            ("a.b c", vec![]),
            ("/shop", vec![]),
        ] {
            assert_eq!(url_beginnings(text), beginnings, "{text}");
        }
    }

    #[test]
    fn secrets_are_not_looked_for_and_not_shown() {
        let secret = Query::read(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ").expect("a query");
        assert_eq!(
            (&secret, secret.shown().as_str()),
            (&Query::Secret, "[hidden]")
        );
        assert!(Query::read("  ").is_err());
        assert!(Query::read(&"x".repeat(MAX_QUERY + 1)).is_err());
    }

    #[test]
    fn a_source_and_an_id_stand_with_a_space_between() {
        assert_eq!(source_and_id("/shop order 7"), Some(("/shop", "order 7")));
        assert_eq!(source_and_id("order-7"), None);
    }
}
