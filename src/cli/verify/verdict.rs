//! What is to be said of a signature, so that a reader knows what to change.

use std::{fmt, time::Duration};

use crate::domain::{
    signature::{Secret, SignedHeaders, VerifyError, verify},
    time::Timestamp,
};

/// The three headers, owned.
pub struct Headers {
    /// The value of `webhook-id`.
    pub id: String,
    /// The value of `webhook-timestamp`.
    pub timestamp: String,
    /// The value of `webhook-signature`.
    pub signature: String,
}

/// What the check says.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is right, and of now.
    Right,
    /// It is wrong.
    Wrong(VerifyError),
    /// It is right, but old.
    TooOld {
        /// How old.
        age: Duration,
        /// How old it may be.
        tolerance: Duration,
    },
    /// It is right, but of a time that has yet to come.
    TooNew {
        /// How far ahead it is.
        ahead: Duration,
        /// How far it may be.
        tolerance: Duration,
    },
}

/// Judges the signature first, as if its timestamp were now, and then its age: so a signature
/// that is right but old is told from one that is wrong.
pub fn judge(
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

/// The value of the header `name` among lines of `name: value`, names in any case.
pub fn find(lines: &str, name: &str) -> Option<String> {
    let pairs = lines.lines().filter_map(|line| line.split_once(':'));
    let mut values = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.trim().to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        chance::Chance,
        signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign},
    };

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
