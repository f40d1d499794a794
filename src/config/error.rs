//! What can be wrong with the configuration. Each error says where, what is wrong, and what would
//! be right; none of them repeats a secret.

use std::{fmt, net::SocketAddr, path::PathBuf};

use ipnet::IpNet;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is built in.
    Default,
    /// A line of a file, counted from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line on which the key stands.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Environment(variable) => formatter.write_str(variable),
            Self::Flag(flag) => formatter.write_str(flag),
        }
    }
}

/// Why the configuration cannot be used. Each says where, what is wrong and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("{}: the configuration file cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The configuration file is not TOML.
    #[error("{origin}: this is not TOML: {reason}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What was expected.
        reason: String,
    },
    /// A section's name stands where a key should.
    #[error("{origin}: {section} is a section: write its keys below a line [{section}]")]
    Section {
        /// Where.
        origin: Origin,
        /// The section.
        section: String,
    },
    /// A key that nobody knows.
    #[error("{origin}: there is no key {key}; {hint}")]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// The nearest known one, or where to find them.
        hint: String,
    },
    /// An environment variable that is not UTF-8.
    #[error("{variable}: the value of this environment variable is not UTF-8")]
    Encoding {
        /// The variable.
        variable: String,
    },
    /// A value that its key cannot have.
    #[error("{origin}: {key}: {problem}")]
    Value {
        /// Where.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// What is wrong.
        problem: ValueError,
    },
    /// Two values that do not go together.
    #[error("{origin}: {conflict}")]
    Conflict {
        /// Where the one is set that was set by somebody.
        origin: Origin,
        /// The two.
        conflict: Box<Conflict>,
    },
    /// The development profile on an address that others can reach.
    #[error(
        "{origin}: listen: with --dev webhooks may go to this machine's own services, so the gateway \
         listens on loopback only: use 127.0.0.1:{} instead of {address}, or leave --dev out",
        address.port()
    )]
    OpenToOthers {
        /// Where.
        origin: Origin,
        /// The address.
        address: SocketAddr,
    },
}

/// Two values of which the one must not be larger than the other, but is.
#[derive(Debug, thiserror::Error)]
#[error(
    "{smaller} is {smaller_value}, which is more than {larger} ({larger_value}, from \
     {larger_origin}): lower the one or raise the other"
)]
pub struct Conflict {
    /// The key that must not be larger than the other.
    pub smaller: &'static str,
    /// Its value.
    pub smaller_value: String,
    /// The other key.
    pub larger: &'static str,
    /// Its value.
    pub larger_value: String,
    /// Where the other one is set.
    pub larger_origin: Origin,
}

/// Why a value cannot be used, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A key without a default that is not set.
    #[error("this must be set")]
    Missing,
    /// It is not what is expected.
    #[error("{found} is not {expected}")]
    Not {
        /// What was given.
        found: String,
        /// What would be right, with an example.
        expected: &'static str,
    },
    /// It is of the right kind, but too small or too large.
    #[error("{found} is out of range: it may be {least} to {most}")]
    Range {
        /// What was given.
        found: String,
        /// The least that is possible.
        least: String,
        /// The most that is possible.
        most: String,
    },
    /// A network with bits set beyond its prefix.
    #[error("{found} has bits set beyond its prefix: write {network}")]
    HostBits {
        /// What was given.
        found: IpNet,
        /// The network that it is in.
        network: IpNet,
    },
    /// One item of a list is wrong.
    #[error("item {number}: {problem}")]
    Item {
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        problem: Box<ValueError>,
    },
    /// A list with too few or too many items.
    #[error("{found} items: it must have 1 to {most}")]
    Length {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A secret that is not well-formed; it is not repeated.
    #[error("{0} (what was given is not shown)")]
    Secret(String),
}
