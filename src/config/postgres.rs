//! The URL of a PostgreSQL database: checked piece by piece, so that a refusal can say which piece is
//! wrong, and never shown with its password.

use std::fmt;

use url::Url;

/// What a URL of a PostgreSQL database begins with.
pub(super) const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// What may stand behind the question mark.
const PARAMETERS: [&str; 9] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
];

const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// What is shown in the place of a password.
const HIDDEN: &str = "***";

/// Where a PostgreSQL database is, and who connects to it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

/// Why a text is no URL of a PostgreSQL database. The text is never repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// It is no URL.
    #[error(
        "this is no URL ({0}): write it like postgres://riposte:password@db.example.com/riposte, \
         and what is special in a password percent-encoded"
    )]
    Malformed(url::ParseError),
    /// It has a fragment, which can only be a piece of a password.
    #[error("there is a # in it: in a password, write %23")]
    Fragment,
    /// It names no host.
    #[error(
        "it names no host: write it like postgres://riposte:password@db.example.com/riposte, or \
         postgres://riposte@/riposte?host=/run/postgresql for a socket"
    )]
    NoHost,
    /// It names no database, or more than one.
    #[error(
        "it names no database: write its name behind the host, as in \
         postgres://riposte:password@db.example.com/riposte"
    )]
    NoDatabase,
    /// The password stands where it could be shown.
    #[error(
        "write the password before the host, as in postgres://riposte:password@db.example.com/riposte"
    )]
    Password,
    /// A parameter that means nothing.
    #[error("{name:?} is no parameter that counts here; those are {}", PARAMETERS.join(", "))]
    Parameter {
        /// What it is called.
        name: String,
    },
    /// A parameter with a value that it cannot have.
    #[error("{name} cannot be {value:?}: it is {expected}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: String,
    },
}

impl PostgresUrl {
    /// Reads the URL `text`.
    ///
    /// # Errors
    /// The first piece of it that is wrong.
    pub fn parse(text: &str) -> Result<Self, PostgresUrlError> {
        let url = parsed(text)?;
        if url.fragment().is_some() {
            return Err(PostgresUrlError::Fragment);
        }
        let mut host = url.host_str().is_some_and(|host| !host.is_empty());
        let mut database = is_name(url.path().trim_start_matches('/'));
        for (name, value) in url.query_pairs() {
            check_parameter(&name, &value)?;
            host |= name == "host" && !value.is_empty();
            database |= name == "dbname" && !value.is_empty();
        }
        match (host, database) {
            (false, _) => Err(PostgresUrlError::NoHost),
            (true, false) => Err(PostgresUrlError::NoDatabase),
            (true, true) => Ok(Self(url)),
        }
    }

    /// The whole of it, with the password.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

/// Without the password.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() && shown.set_password(Some(HIDDEN)).is_err() {
            return write!(formatter, "{}://{HIDDEN}", shown.scheme());
        }
        formatter.write_str(shown.as_str())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PostgresUrl({self})")
    }
}

/// `text` as a URL. One that names a user and leaves the host to a parameter is written like
/// `postgres://user@/database?host=…`, which is no URL to the letter: the host goes in its place.
fn parsed(text: &str) -> Result<Url, PostgresUrlError> {
    match Url::parse(text) {
        Err(url::ParseError::EmptyHost) => {
            Url::parse(&text.replacen("@/", "@localhost/", 1)).map_err(PostgresUrlError::Malformed)
        }
        other => other.map_err(PostgresUrlError::Malformed),
    }
}

fn is_name(path: &str) -> bool {
    !path.is_empty() && !path.contains('/')
}

fn check_parameter(name: &str, value: &str) -> Result<(), PostgresUrlError> {
    let (known, fits, expected) = match name {
        "password" => return Err(PostgresUrlError::Password),
        "sslmode" => (
            "sslmode",
            SSL_MODES.contains(&value),
            format!("one of {}", SSL_MODES.join(", ")),
        ),
        "port" => (
            "port",
            value.parse::<u16>().is_ok_and(|port| port > 0),
            "a number from 1 to 65535".to_owned(),
        ),
        known if PARAMETERS.contains(&known) => return Ok(()),
        other => {
            return Err(PostgresUrlError::Parameter {
                name: other.to_owned(),
            });
        }
    };
    match fits {
        true => Ok(()),
        false => Err(PostgresUrlError::Value {
            name: known,
            value: value.to_owned(),
            expected,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str) -> String {
        PostgresUrl::parse(text).expect_err("refused").to_string()
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = "postgres://riposte:hu%23sh@db.example.com:5433/riposte?sslmode=verify-full";
        let parsed = PostgresUrl::parse(url).expect("a URL");
        assert_eq!(parsed.expose(), url);
        assert_eq!(parsed.to_string(), url.replace("hu%23sh", "***"));
        assert!(!format!("{parsed:?}").contains("hu%23sh"));
    }

    #[test]
    fn whoever_has_no_password_is_shown_without_one() {
        for url in [
            "postgresql://riposte@db/riposte",
            "postgres:///riposte?host=/run/postgresql",
            "postgres://db/riposte",
        ] {
            let parsed = PostgresUrl::parse(url).expect("a URL");
            assert_eq!(parsed.to_string(), url);
        }
    }

    #[test]
    fn a_socket_may_be_named_with_a_user() {
        let parsed = PostgresUrl::parse("postgres://riposte@/riposte?host=/run/postgresql");
        let shown = parsed.expect("a URL").to_string();
        assert_eq!(
            shown,
            "postgres://riposte@localhost/riposte?host=/run/postgresql"
        );
    }

    #[test]
    fn a_refusal_names_the_piece_and_does_not_repeat_the_password() {
        for (url, piece) in [
            ("postgres://u:hush@db", "it names no database"),
            ("postgres://u:hush@db/", "it names no database"),
            ("postgres://u:hush@db/a/b", "it names no database"),
            ("postgres:///riposte", "it names no host"),
            ("postgres://u:hush@db:port/riposte", "this is no URL"),
            ("postgres://u:hu#sh@db/riposte", "this is no URL"),
            ("postgres://u:hush@db/riposte#1", "there is a # in it"),
            (
                "postgres://db/riposte?user=u&password=hush",
                "\"user\" is no parameter",
            ),
            (
                "postgres://u@db/riposte?password=hush",
                "write the password before the host",
            ),
            (
                "postgres://u:hush@db/riposte?sslmode=on",
                "sslmode cannot be \"on\": it is one of disable, allow",
            ),
            (
                "postgres://u:hush@db/riposte?port=0",
                "port cannot be \"0\"",
            ),
            (
                "postgres://u:hush@db/riposte?ssl_mode=require",
                "\"ssl_mode\" is no parameter that counts here; those are application_name",
            ),
        ] {
            let refusal = refused(url);
            assert!(refusal.contains(piece), "{url}: {refusal}");
            assert!(!refusal.contains("hush"), "{refusal}");
        }
    }
}
