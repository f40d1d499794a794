//! The headers that an endpoint's owner adds to its webhooks.

use std::fmt;

use http::{HeaderName, HeaderValue};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, de};

/// The most headers that an endpoint may add.
pub const MAX_HEADERS: usize = 32;

/// The most bytes that the value of such a header may have.
pub const MAX_HEADER_VALUE: usize = 4 * 1024;

/// What readers see in place of a value that is hidden from them.
pub const HIDDEN: &str = "[hidden]";

/// Names that belong to the connection, to HTTP's framing or to Riposte, and why they are refused.
const REFUSED: [(&str, Owner); 20] = [
    ("connection", Owner::Connection),
    ("keep-alive", Owner::Connection),
    ("te", Owner::Connection),
    ("trailer", Owner::Connection),
    ("upgrade", Owner::Connection),
    ("http2-settings", Owner::Connection),
    ("transfer-encoding", Owner::Framing),
    ("content-length", Owner::Framing),
    ("content-encoding", Owner::Framing),
    ("content-range", Owner::Framing),
    ("content-type", Owner::Riposte),
    ("expect", Owner::Framing),
    ("host", Owner::Address),
    ("forwarded", Owner::Address),
    ("cookie", Owner::Cookies),
    ("cookie2", Owner::Cookies),
    ("set-cookie", Owner::Cookies),
    ("set-cookie2", Owner::Cookies),
    ("traceparent", Owner::Riposte),
    ("tracestate", Owner::Riposte),
];

/// What families of refused names begin with.
const REFUSED_PREFIXES: [(&str, Owner); 5] = [
    ("proxy-", Owner::Connection),
    ("webhook-", Owner::Riposte),
    ("ce-", Owner::Riposte),
    ("riposte-", Owner::Riposte),
    ("x-forwarded-", Owner::Address),
];

/// A header whose name holds one of these is taken for one that carries a secret.
const SENSITIVE: [&str; 12] = [
    "auth",
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "credential",
    "signature",
    "session",
    "cookie",
    "jwt",
    "access",
];

/// Headers that may be sent along: names in lower case, in the order in which they were given.
///
/// There is no way to serialise them by accident: [`Headers::redacted`] is for readers, and
/// [`Headers::iter`] for the sender and for the store, which seals them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(IndexMap<String, String>);

/// Which header is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("header {name:?}: {reason}")]
pub struct HeadersError {
    /// The name as it was given.
    pub name: String,
    /// What is wrong with it.
    pub reason: HeaderReason,
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderReason {
    /// It is no name that HTTP knows (RFC 9110, section 5.1).
    #[error("a header's name is made of letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// It is there for the second time; letters count alike in either case.
    #[error("this header is given twice")]
    Repeated,
    /// It is not the owner's to set.
    #[error("{0}")]
    Refused(Owner),
    /// The value has more than [`MAX_HEADER_VALUE`] bytes.
    #[error("a header's value has at most {MAX_HEADER_VALUE} bytes")]
    TooLong,
    /// The value holds a character that is not printable ASCII.
    #[error("a header's value is printable ASCII: no line breaks, no NUL, nothing beyond")]
    Value,
    /// The value has spaces around it, which HTTP would drop.
    #[error("a header's value neither begins nor ends with a space")]
    Space,
    /// The value is what readers see in place of a hidden one.
    #[error("{HIDDEN} stands for the value that is hidden; send the value itself")]
    Hidden,
    /// It is one more than [`MAX_HEADERS`].
    #[error("an endpoint has at most {MAX_HEADERS} headers of its own")]
    TooMany,
}

/// Whose a refused name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It speaks of one connection and goes no further.
    Connection,
    /// It says where a message begins and ends, or how its body is coded.
    Framing,
    /// It says where a request goes or came from.
    Address,
    /// It carries cookies.
    Cookies,
    /// Riposte sets it, or keeps it for itself.
    Riposte,
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Connection => "it belongs to the connection (RFC 9110, section 7.6.1)",
            Self::Framing => "it says how the body is framed, which is HTTP's business",
            Self::Address => "it says where a request goes or came from, which the URL decides",
            Self::Cookies => "webhooks carry no cookies; use authorization",
            Self::Riposte => "Riposte sets it itself",
        })
    }
}

impl Headers {
    /// Checks `given`.
    ///
    /// # Errors
    /// The first header that is refused.
    pub fn parse(given: impl IntoIterator<Item = (String, String)>) -> Result<Self, HeadersError> {
        Self::parse_over(given, &Self::default())
    }

    /// Checks `given`, which replaces `stored`: a sensitive header whose value is [`HIDDEN`] keeps
    /// the one it has, so that what was read can be sent back.
    ///
    /// # Errors
    /// The first header that is refused.
    pub fn parse_over(
        given: impl IntoIterator<Item = (String, String)>,
        stored: &Self,
    ) -> Result<Self, HeadersError> {
        let mut headers = IndexMap::new();
        for (name, value) in given {
            let taken = take(&mut headers, &name, value, stored);
            taken.map_err(|reason| HeadersError { name, reason })?;
        }
        Ok(Self(headers))
    }

    /// Names and values, the sensitive ones too.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The headers for a reader: sensitive values are [`HIDDEN`].
    pub fn redacted(&self) -> IndexMap<String, String> {
        let shown = |(name, value): (&str, &str)| {
            let value = if is_sensitive(name) { HIDDEN } else { value };
            (name.to_owned(), value.to_owned())
        };
        self.iter().map(shown).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.redacted()).finish()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = IndexMap::<String, String>::deserialize(deserializer)?;
        Self::parse(given).map_err(de::Error::custom)
    }
}

/// Whether the value of the header `name` (lower case) is hidden from readers: the name holds a
/// word that names of secrets have, such as `authorization`, `x-api-key` or `x-gitlab-token`.
/// Hiding one too many does no harm.
pub fn is_sensitive(name: &str) -> bool {
    SENSITIVE.iter().any(|word| name.contains(word))
}

fn take(
    headers: &mut IndexMap<String, String>,
    name: &str,
    value: String,
    stored: &Headers,
) -> Result<(), HeaderReason> {
    let name = check_name(name)?;
    let value = if value == HIDDEN && is_sensitive(&name) {
        let kept = stored.0.get(&name);
        kept.cloned().ok_or(HeaderReason::Hidden)?
    } else {
        check_value(&value)?;
        value
    };
    if headers.len() == MAX_HEADERS {
        return Err(HeaderReason::TooMany);
    }
    match headers.insert(name, value) {
        None => Ok(()),
        Some(_) => Err(HeaderReason::Repeated),
    }
}

/// The name in lower case.
fn check_name(name: &str) -> Result<String, HeaderReason> {
    let name = name.to_ascii_lowercase();
    let owner = refused(&name);
    match owner {
        Some(owner) => Err(HeaderReason::Refused(owner)),
        None if HeaderName::from_bytes(name.as_bytes()).is_err() => Err(HeaderReason::Name),
        None => Ok(name),
    }
}

fn refused(name: &str) -> Option<Owner> {
    let exact = REFUSED.iter().find(|(refused, _)| name == *refused);
    let family = || {
        let mut prefixes = REFUSED_PREFIXES.iter();
        prefixes.find(|(prefix, _)| name.starts_with(prefix))
    };
    exact.or_else(family).map(|(_, owner)| *owner)
}

fn check_value(value: &str) -> Result<(), HeaderReason> {
    if value.len() > MAX_HEADER_VALUE {
        return Err(HeaderReason::TooLong);
    }
    let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !printable || HeaderValue::from_str(value).is_err() {
        return Err(HeaderReason::Value);
    }
    if value.trim() != value {
        return Err(HeaderReason::Space);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
