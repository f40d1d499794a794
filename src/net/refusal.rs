//! Refusals: the guard's way of saying no, with the rule that said it.

use std::fmt;

use serde::Serialize;

use crate::domain::attempt::{ErrorKind, Failure};

/// Why a webhook may not go somewhere. Users read the message; programs read the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The rule that refused, one of a closed list.
    pub reason: RefusalReason,
    /// Which rule refused and what an operator could set. It never shows what a name resolved to.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(reason: RefusalReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(ErrorKind::AddressRefused, refusal.message)
    }
}

/// Every rule by which the guard refuses. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The text is not an absolute URL.
    Parser,
    /// The URL is longer than [`super::target::MAX_URL_BYTES`].
    TooLong,
    /// The scheme is neither `https` nor, where it is allowed, `http`.
    Scheme,
    /// The URL carries a user name or a password.
    Userinfo,
    /// The port belongs to something other than HTTP.
    Port,
    /// The host is a name that means something only inside a network, or is no name at all.
    Name,
    /// The host is an address that is not a public one.
    Ip,
    /// The host is a name, and an address that it resolves to may not be reached.
    DnsAnswer,
    /// The gateway itself listens there.
    OwnSocket,
    /// The operator has closed the network.
    Denied,
}

impl RefusalReason {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Parser,
        Self::TooLong,
        Self::Scheme,
        Self::Userinfo,
        Self::Port,
        Self::Name,
        Self::Ip,
        Self::DnsAnswer,
        Self::OwnSocket,
        Self::Denied,
    ];

    /// The name by which programs know it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parser => "parser",
            Self::TooLong => "too_long",
            Self::Scheme => "scheme",
            Self::Userinfo => "userinfo",
            Self::Port => "port",
            Self::Name => "name",
            Self::Ip => "ip",
            Self::DnsAnswer => "dns_answer",
            Self::OwnSocket => "own_socket",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_one_name_each_in_text_and_in_json() {
        for reason in RefusalReason::ALL {
            let json = serde_json::to_value(reason).expect("a name");
            assert_eq!(json, reason.as_str());
        }
    }
}
