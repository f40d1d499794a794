//! `riposte verify`: checks the signature of a webhook that was received, without any network.

use std::{
    fmt, fs,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use serde_json::json;

use super::{CliError, Exit};
use crate::{
    clock::Clock,
    config::SecretText,
    domain::{
        signature::{
            ID_HEADER, SIGNATURE_HEADER, Secret, SecretError, SignedHeaders, TIMESTAMP_HEADER,
            VerifyError, verify,
        },
        time::Timestamp,
    },
};

const AFTER_HELP: &str = "\
Examples:
  riposte verify --secret whsec_… --id dlv_… --timestamp 1700000000 --signature v1,… --body body.json
  riposte verify --secret whsec_… --headers headers.txt --body body.json --tolerance 3d
  printf '%s' \"$BODY\" | riposte verify --secret whsec_… --headers headers.txt

The body must be the bytes as they came: parsed and written again, they are other bytes.

Exit codes: 0 the signature is right, 1 it is not (the reason is shown), 2 it could not be checked.";

/// Check the signature of a webhook.
///
/// Checks webhook-signature as a receiver does (Standard Webhooks, HMAC-SHA256): that one of the
/// signatures fits the id, the timestamp and the body, and that the timestamp is of now.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct VerifyArgs {
    /// The endpoint's secret, whsec_…; more than one while it is being replaced. Other users of
    /// this machine can see arguments: prefer RIPOSTE_SECRET
    #[arg(
        long,
        env = "RIPOSTE_SECRET",
        hide_env_values = true,
        value_delimiter = ' ',
        required = true,
        value_parser = hidden
    )]
    secret: Vec<SecretText>,
    /// The value of the header webhook-id
    #[arg(long, required_unless_present = "headers")]
    id: Option<String>,
    /// The value of the header webhook-timestamp
    #[arg(long, required_unless_present = "headers", allow_hyphen_values = true)]
    timestamp: Option<String>,
    /// The value of the header webhook-signature
    #[arg(long, required_unless_present = "headers")]
    signature: Option<String>,
    /// A file with the request's headers, one `name: value` a line, instead of the three above
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "timestamp", "signature"])]
    headers: Option<PathBuf>,
    /// The file with the body; - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    body: PathBuf,
    /// How far the timestamp may be from now, in either direction
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    tolerance: Duration,
    /// Print JSON instead of a sentence
    #[arg(long)]
    json: bool,
}

/// Why there is nothing to check.
#[derive(Debug, thiserror::Error)]
pub enum VerifyArgsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// A secret is malformed; it is not repeated.
    #[error("--secret: {0}")]
    Secret(#[from] SecretError),
    /// A header is not in the file.
    #[error("{} has no header {name}: it needs a line `{name}: …`", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
        /// The header.
        name: &'static str,
    },
}

/// The three headers, owned.
struct Headers {
    id: String,
    timestamp: String,
    signature: String,
}

/// What the check says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong(VerifyError),
    TooOld {
        age: Duration,
        tolerance: Duration,
    },
    TooNew {
        ahead: Duration,
        tolerance: Duration,
    },
}

impl VerifyArgs {
    /// Checks and says what is wrong.
    ///
    /// # Errors
    /// If the headers or the body cannot be read. A signature that is not right is an answer.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let secrets = self.secrets()?;
        let headers = self.read_headers()?;
        let body = read(&self.body)?;
        let verdict = judge(
            &headers,
            &body,
            &secrets,
            self.tolerance,
            Clock::system().now(),
        );
        if self.json {
            let valid = verdict == Verdict::Right;
            writeln!(
                out,
                "{}",
                json!({"valid": valid, "reason": verdict.to_string()})
            )?;
        } else {
            writeln!(out, "{verdict}")?;
        }
        Ok(if verdict == Verdict::Right {
            Exit::Success
        } else {
            Exit::No
        })
    }

    fn secrets(&self) -> Result<Vec<Secret>, VerifyArgsError> {
        let parsed = self.secret.iter().map(|text| Secret::parse(text.expose()));
        Ok(parsed.collect::<Result<_, _>>()?)
    }

    fn read_headers(&self) -> Result<Headers, VerifyArgsError> {
        let Some(path) = &self.headers else {
            let given = |value: &Option<String>| value.clone().unwrap_or_default();
            return Ok(Headers {
                id: given(&self.id),
                timestamp: given(&self.timestamp),
                signature: given(&self.signature),
            });
        };
        let bytes = read(path)?;
        let text = String::from_utf8_lossy(&bytes);
        let header = |name: &'static str| {
            find(&text, name).ok_or_else(|| VerifyArgsError::NoHeader {
                path: path.clone(),
                name,
            })
        };
        Ok(Headers {
            id: header(ID_HEADER)?,
            timestamp: header(TIMESTAMP_HEADER)?,
            signature: header(SIGNATURE_HEADER)?,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |duration: &Duration| humantime::format_duration(*duration);
        match self {
            Self::Right => formatter.write_str("the signature is right"),
            Self::Wrong(error) => error.fmt(formatter),
            Self::TooOld { age, tolerance } => write!(
                formatter,
                "the signature fits, but the webhook is {} old, more than the {} that is \
                 tolerated: it may be replayed; --tolerance {} accepts it",
                show(age),
                show(tolerance),
                show(age).to_string().replace(' ', "")
            ),
            Self::TooNew { ahead, tolerance } => write!(
                formatter,
                "the signature fits, but the webhook is dated {} in the future, more than the {} \
                 that is tolerated: is the clock of this machine right?",
                show(ahead),
                show(tolerance)
            ),
        }
    }
}

/// Judges the signature first, as if its timestamp were now, and then its age: so a signature
/// that is right but old is told from one that is wrong.
fn judge(
    headers: &Headers,
    body: &[u8],
    secrets: &[Secret],
    tolerance: Duration,
    now: Timestamp,
) -> Verdict {
    let seconds: i64 = headers.timestamp.parse().unwrap_or_default();
    let signed = Timestamp::from_millis(seconds.saturating_mul(1_000));
    let signed_headers = SignedHeaders {
        id: &headers.id,
        timestamp: &headers.timestamp,
        signature: &headers.signature,
    };
    if let Err(error) = verify(signed_headers, body, secrets, signed) {
        return Verdict::Wrong(error);
    }
    let apart = Duration::from_secs(now.as_seconds().abs_diff(seconds));
    match (apart > tolerance, signed < now) {
        (false, _) => Verdict::Right,
        (true, true) => Verdict::TooOld {
            age: apart,
            tolerance,
        },
        (true, false) => Verdict::TooNew {
            ahead: apart,
            tolerance,
        },
    }
}

fn read(path: &Path) -> Result<Vec<u8>, VerifyArgsError> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|reason| VerifyArgsError::Unreadable {
        path: path.to_owned(),
        reason,
    })
}

/// The value of the header `name` among lines of `name: value`, names in any case.
fn find(lines: &str, name: &str) -> Option<String> {
    let pairs = lines.lines().filter_map(|line| line.split_once(':'));
    let mut values = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.trim().to_owned())
}

/// Takes every text: clap would repeat in its error what a parser refuses, secret or not.
fn hidden(text: &str) -> Result<SecretText, std::convert::Infallible> {
    Ok(SecretText::new(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chance::Chance, signature::sign};

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const FIVE_MINUTES: Duration = Duration::from_secs(300);

    fn signed(seconds: i64, body: &[u8], secret: &Secret) -> Headers {
        Headers {
            id: "dlv_1".to_owned(),
            timestamp: seconds.to_string(),
            signature: sign("dlv_1", seconds, body, std::slice::from_ref(secret)),
        }
    }

    fn verdict(seconds: i64, body: &[u8]) -> String {
        let secret = Secret::generate(&Chance::seeded(1));
        let headers = signed(seconds, b"body", &secret);
        judge(&headers, body, &[secret], FIVE_MINUTES, NOW).to_string()
    }

    #[test]
    fn a_right_signature_of_now_is_right() {
        for seconds in [1_700_000_000, 1_700_000_300, 1_699_999_700] {
            assert_eq!(verdict(seconds, b"body"), "the signature is right");
        }
    }

    #[test]
    fn an_old_one_says_how_old_it_is_and_a_wrong_one_that_it_is_wrong() {
        let old = verdict(1_699_996_400, b"body");
        assert!(old.contains("is 1h old, more than the 5m"), "{old}");
        assert!(old.contains("--tolerance 1h accepts it"), "{old}");
        let new = verdict(1_700_000_301, b"body");
        assert!(new.contains("5m 1s in the future"), "{new}");
        let other = verdict(1_699_996_400, b"other body");
        assert!(other.contains("no signature fits"), "{other}");
        assert!(!other.contains("old"), "{other}");
    }

    #[test]
    fn each_of_several_secrets_may_fit_and_a_strange_timestamp_is_named() {
        let (old, new) = (
            Secret::generate(&Chance::seeded(1)),
            Secret::generate(&Chance::seeded(2)),
        );
        let mut headers = signed(1_700_000_000, b"body", &old);
        let secrets = [new.clone(), old];
        assert_eq!(
            judge(&headers, b"body", &secrets, FIVE_MINUTES, NOW),
            Verdict::Right
        );
        assert_eq!(
            judge(&headers, b"body", &[new], FIVE_MINUTES, NOW),
            Verdict::Wrong(VerifyError::Mismatch)
        );
        headers.timestamp = "yesterday".to_owned();
        let strange = judge(&headers, b"body", &secrets, FIVE_MINUTES, NOW);
        assert_eq!(
            strange,
            Verdict::Wrong(VerifyError::Timestamp("yesterday".to_owned()))
        );
    }

    #[test]
    fn headers_are_found_among_others_in_any_case() {
        let lines =
            "POST /hook HTTP/1.1\r\nWebhook-Id:  dlv_1 \r\nwebhook-signature: v1,a v1,b\r\n";
        assert_eq!(find(lines, ID_HEADER).as_deref(), Some("dlv_1"));
        assert_eq!(find(lines, SIGNATURE_HEADER).as_deref(), Some("v1,a v1,b"));
        assert_eq!(find(lines, TIMESTAMP_HEADER), None);
    }
}
