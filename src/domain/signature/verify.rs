//! What a receiver of webhooks does: is this request from whom it says, and is it of now?

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::Mac as _;
use http::HeaderMap;

use crate::domain::time::Timestamp;

use super::{ID_HEADER, SIGNATURE_HEADER, Secret, TIMESTAMP_HEADER, VERSION};

/// How far the clocks of sender and receiver may be apart, in either direction.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The three headers of a signed webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedHeaders<'h> {
    /// The value of `webhook-id`.
    pub id: &'h str,
    /// The value of `webhook-timestamp`.
    pub timestamp: &'h str,
    /// The value of `webhook-signature`.
    pub signature: &'h str,
}

/// Why a webhook is not to be believed, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A header is not there, or not text.
    #[error("the header {0} is missing; pass the request's headers on unchanged")]
    Header(&'static str),
    /// The timestamp is no number.
    #[error("webhook-timestamp is a whole number of seconds since 1970-01-01, not {0:?}")]
    Timestamp(String),
    /// The webhook is older than [`TOLERANCE`].
    #[error(
        "the webhook is {0} s old, more than {limit} s: it was held up or is being replayed; if it is new, set this machine's clock",
        limit = TOLERANCE.as_secs()
    )]
    TooOld(u64),
    /// The webhook is further than [`TOLERANCE`] in the future.
    #[error(
        "the webhook is dated {0} s in the future, more than {limit} s: set this machine's clock",
        limit = TOLERANCE.as_secs()
    )]
    TooNew(u64),
    /// There is no signature of a kind that a secret can check.
    #[error("webhook-signature holds no signature that begins with \"v1,\"")]
    NoSignature,
    /// None of the signatures fits.
    #[error(
        "no signature fits: use the secret of this very endpoint, and the body's bytes as they came, before anything parses them"
    )]
    Mismatch,
}

impl<'h> SignedHeaders<'h> {
    /// The three headers of a request.
    ///
    /// # Errors
    /// [`VerifyError::Header`] for the first one that is missing.
    pub fn of(headers: &'h HeaderMap) -> Result<Self, VerifyError> {
        let header = |name: &'static str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or(VerifyError::Header(name))
        };
        Ok(Self {
            id: header(ID_HEADER)?,
            timestamp: header(TIMESTAMP_HEADER)?,
            signature: header(SIGNATURE_HEADER)?,
        })
    }
}

/// Checks that one of `secrets` signed `body` at most [`TOLERANCE`] away from `now`. Signatures
/// are compared in constant time.
///
/// # Errors
/// Why the webhook is not to be believed.
pub fn verify(
    headers: SignedHeaders<'_>,
    body: &[u8],
    secrets: &[Secret],
    now: Timestamp,
) -> Result<(), VerifyError> {
    check_time(headers.timestamp, now)?;
    let mut signatures = signatures(headers.signature).peekable();
    if signatures.peek().is_none() {
        return Err(VerifyError::NoSignature);
    }
    let fits = |signature: Vec<u8>| {
        let signed_by = |secret: &Secret| {
            let mac = secret.mac(headers.id, headers.timestamp, body);
            mac.verify_slice(&signature).is_ok()
        };
        secrets.iter().any(signed_by)
    };
    if signatures.any(fits) {
        Ok(())
    } else {
        Err(VerifyError::Mismatch)
    }
}

fn check_time(timestamp: &str, now: Timestamp) -> Result<(), VerifyError> {
    let seconds: i64 = timestamp
        .parse()
        .map_err(|_| VerifyError::Timestamp(timestamp.to_owned()))?;
    let apart = now.as_seconds().abs_diff(seconds);
    if apart <= TOLERANCE.as_secs() {
        Ok(())
    } else if seconds < now.as_seconds() {
        Err(VerifyError::TooOld(apart))
    } else {
        Err(VerifyError::TooNew(apart))
    }
}

/// The symmetric signatures of a header; one that is no base64 becomes one that fits nothing.
fn signatures(header: &str) -> impl Iterator<Item = Vec<u8>> {
    header
        .split(' ')
        .filter_map(|signature| signature.split_once(','))
        .filter(|(version, _)| *version == VERSION)
        .map(|(_, encoded)| STANDARD.decode(encoded).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        domain::{chance::Chance, signature::sign},
    };

    const BODY: &[u8] = br#"{"type":"a"}"#;
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn secret(seed: u64) -> Secret {
        Secret::generate(&Chance::seeded(seed))
    }

    fn check(timestamp: &str, signature: &str, secrets: &[Secret]) -> Result<(), VerifyError> {
        let headers = SignedHeaders {
            id: "dlv_1",
            timestamp,
            signature,
        };
        verify(headers, BODY, secrets, NOW)
    }

    #[test]
    fn any_live_secret_on_either_side_is_enough() {
        let (old, new, other) = (secret(1), secret(2), secret(3));
        let seconds = NOW.as_seconds();
        let both = sign("dlv_1", seconds, BODY, &[new.clone(), old.clone()]);
        let timestamp = seconds.to_string();
        for (held, expected) in [
            (vec![old.clone()], Ok(())),
            (vec![new], Ok(())),
            (vec![other.clone(), old], Ok(())),
            (vec![other], Err(VerifyError::Mismatch)),
            (vec![], Err(VerifyError::Mismatch)),
        ] {
            assert_eq!(check(&timestamp, &both, &held), expected);
        }
    }

    #[test]
    fn what_was_changed_does_not_fit() {
        let secrets = [secret(1)];
        let seconds = NOW.as_seconds();
        let signature = sign("dlv_1", seconds, BODY, &secrets);
        let timestamp = seconds.to_string();
        let fits = |id, timestamp: &str, body: &[u8]| {
            let headers = SignedHeaders {
                id,
                timestamp,
                signature: &signature,
            };
            verify(headers, body, &secrets, NOW)
        };
        assert_eq!(fits("dlv_1", &timestamp, BODY), Ok(()));
        for changed in [
            fits("dlv_2", &timestamp, BODY),
            fits("dlv_1", &(seconds + 1).to_string(), BODY),
            fits("dlv_1", &timestamp, br#"{"type": "a"}"#),
            fits("dlv_1", &timestamp, b""),
        ] {
            assert_eq!(changed, Err(VerifyError::Mismatch));
        }
    }

    #[test]
    fn old_and_future_webhooks_are_refused() {
        let secrets = [secret(1)];
        let at = |seconds: i64| {
            let signature = sign("dlv_1", seconds, BODY, &secrets);
            check(&seconds.to_string(), &signature, &secrets)
        };
        let now = NOW.as_seconds();
        assert_eq!(at(now - 300), Ok(()));
        assert_eq!(at(now + 300), Ok(()));
        assert_eq!(at(now - 301), Err(VerifyError::TooOld(301)));
        assert_eq!(at(now + 301), Err(VerifyError::TooNew(301)));
        assert!(matches!(at(i64::MIN), Err(VerifyError::TooOld(_))));
        assert_eq!(
            check("soon", "v1,", &secrets),
            Err(VerifyError::Timestamp("soon".to_owned()))
        );
    }

    #[test]
    fn signatures_that_cannot_be_checked_are_told_from_wrong_ones() {
        let timestamp = NOW.as_seconds().to_string();
        for (header, error) in [
            ("", VerifyError::NoSignature),
            ("v1a,AAAA", VerifyError::NoSignature),
            ("AAAA", VerifyError::NoSignature),
            ("v1,", VerifyError::Mismatch),
            ("v1,*", VerifyError::Mismatch),
            ("v1a,AAAA v1,AAAA", VerifyError::Mismatch),
        ] {
            assert_eq!(
                check(&timestamp, header, &[secret(1)]),
                Err(error),
                "{header}"
            );
        }
    }

    #[test]
    fn a_missing_header_is_named() {
        let mut headers = HeaderMap::new();
        for name in [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER] {
            assert_eq!(SignedHeaders::of(&headers), Err(VerifyError::Header(name)));
            headers.insert(name, "1".parse().expect("a value"));
        }
        assert!(SignedHeaders::of(&headers).is_ok());
    }

    /// The public library reads the system's clock, so this test does too.
    #[test]
    fn the_public_library_and_ours_verify_each_other() {
        let now = Clock::system().now();
        let ours = secret(1);
        let theirs = standardwebhooks::Webhook::new(&ours.expose()).expect("a secret");

        let signature = sign("dlv_1", now.as_seconds(), BODY, &[secret(2), ours.clone()]);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (ID_HEADER, "dlv_1"),
            (TIMESTAMP_HEADER, &now.as_seconds().to_string()),
            (SIGNATURE_HEADER, &signature),
        ] {
            headers.insert(name, value.parse().expect("a value"));
        }
        assert!(theirs.verify(BODY, &headers).is_ok());

        let signature = theirs.sign("dlv_1", now.as_seconds(), BODY).expect("text");
        headers.insert(SIGNATURE_HEADER, signature.parse().expect("a value"));
        let read = SignedHeaders::of(&headers).expect("all three");
        assert_eq!(verify(read, BODY, &[ours], now), Ok(()));
    }
}
