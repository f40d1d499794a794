//! Host names: which ones mean something only inside a network, and the patterns by which an
//! operator opens them. Names are compared in lower case and without the final dot.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::refusal::{Refusal, RefusalReason};

/// The longest name that DNS can carry, in characters without the final dot (RFC 1035, 2.3.4).
const MAX_NAME: usize = 253;
/// The longest part of a name between two dots (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

/// Names that end like this are answered differently inside a network, or by no one at all.
const CLOSED_SUFFIXES: [&str; 16] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "home.arpa",
    "corp",
    "private",
    "svc",
    "cluster.local",
    "arpa",
    "test",
    "invalid",
    "onion",
];

/// A name that an operator opens: `hooks.internal` is that name alone, `*.internal` every name
/// below it but not `internal` itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    name: String,
    below: bool,
}

impl HostPattern {
    /// Whether `host`, in the form of [`canonical`], is meant.
    pub(super) fn matches(&self, host: &str) -> bool {
        if self.below {
            is_below(host, &self.name)
        } else {
            host == self.name
        }
    }
}

/// A text that is no pattern of host names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host name; give one such as hooks.internal, or *.internal for all names below \
     it (addresses go into allow_networks)"
)]
pub struct BadHostPattern(String);

impl FromStr for HostPattern {
    type Err = BadHostPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        let name = canonical(name);
        // What `url` takes for an address or rewrites (IDNA) would never be met as it is written.
        match url::Host::parse(name) {
            Ok(url::Host::Domain(parsed)) if parsed == name && is_well_formed(name) => Ok(Self {
                name: parsed,
                below,
            }),
            _ => Err(BadHostPattern(text.to_owned())),
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = BadHostPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, below } = self;
        write!(formatter, "{}{name}", if *below { "*." } else { "" })
    }
}

/// `host` without its final dot. `url` has put it into lower case already.
pub(super) fn canonical(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// Whether `host`, in the form of [`canonical`], means this machine (RFC 6761, section 6.3).
pub(super) fn is_localhost(host: &str) -> bool {
    is_or_is_below(host, "localhost")
}

/// Refuses a name that DNS cannot carry, whatever an operator has opened.
pub(super) fn judge_form(host: &str) -> Result<(), Refusal> {
    if is_well_formed(host) {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalReason::Name,
        "the host is no name that DNS can carry: labels of 1 to 63 letters, digits, - and _, 253 \
         characters in all",
    ))
}

/// Refuses a name that strangers have no business with.
pub(super) fn judge_name(host: &str) -> Result<(), Refusal> {
    if let Some(suffix) = CLOSED_SUFFIXES
        .iter()
        .find(|suffix| is_or_is_below(host, suffix))
    {
        return Err(closed(
            host,
            &format!("names under .{suffix} are not public"),
        ));
    }
    if !host.contains('.') {
        return Err(closed(host, "a name without a dot is not public"));
    }
    Ok(())
}

fn closed(host: &str, rule: &str) -> Refusal {
    Refusal::new(
        RefusalReason::Name,
        format!("{rule}; an operator may open {host} with allow_hosts"),
    )
}

fn is_well_formed(host: &str) -> bool {
    host.len() <= MAX_NAME && host.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(is_allowed)
}

fn is_or_is_below(host: &str, name: &str) -> bool {
    host == name || is_below(host, name)
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name)
        .is_some_and(|head| head.len() > 1 && head.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_inner_networks_are_refused_and_names_that_only_look_alike_are_not() {
        for suffix in CLOSED_SUFFIXES {
            assert!(judge_name(suffix).is_err(), "{suffix}");
            assert!(judge_name(&format!("a.{suffix}")).is_err(), "a.{suffix}");
            assert!(judge_name(&format!("a.not{suffix}.com")).is_ok());
            assert!(judge_name(&format!("{suffix}.example.com")).is_ok());
        }
        assert!(judge_name("printer").is_err());
        assert!(judge_name("example.mylocal").is_ok());
    }

    #[test]
    fn a_pattern_means_one_name_or_all_below_one() {
        let one: HostPattern = "Hooks.Internal.".parse().expect("a pattern");
        assert!(one.matches("hooks.internal"));
        assert!(!one.matches("a.hooks.internal"));
        let below: HostPattern = "*.internal".parse().expect("a pattern");
        assert!(below.matches("hooks.internal") && below.matches("a.b.internal"));
        assert!(!below.matches("internal") && !below.matches("notinternal"));
        assert_eq!(below.to_string(), "*.internal");
    }

    #[test]
    fn a_pattern_that_could_never_match_is_refused() {
        for text in [
            "", "*", "*.", "10.0.0.1", "0x7f.1", "a..b", "a.*.b", "http://a", "a b", "::1",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_that_dns_cannot_carry_is_refused() {
        for host in ["a..b", "", "a.b!", &"a.".repeat(127), &"a".repeat(64)] {
            assert!(judge_form(host).is_err(), "{host:?}");
        }
        assert!(judge_form(&"a".repeat(63)).is_ok());
        assert!(judge_form("a_b.example-1.com").is_ok());
    }
}
