//! The URL of a webhook, parsed once: what stands in a [`TargetUrl`] has the shape of an address
//! for webhooks. Whether one may go there is the guard's to say, for each project and attempt.

use std::fmt;

use serde::Serialize;
use url::Url;

use super::refusal::{Refusal, RefusalReason};

/// The longest URL that is accepted, in bytes, as given and as normalised.
pub const MAX_URL_BYTES: usize = 2_048;

/// An `http` or `https` URL with a host and without user name, password and fragment, normalised
/// as the WHATWG URL Standard says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct TargetUrl(Url);

impl TargetUrl {
    /// Parses `text`. A fragment is dropped: it is never sent.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] with the reason `parser`, `too_long`, `scheme` or `userinfo`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        judge_length(text)?;
        let mut url = Url::parse(text).map_err(|error| {
            Refusal::new(
                RefusalReason::Parser,
                format!("not a URL ({error}); give one such as https://example.com/hooks"),
            )
        })?;
        url.set_fragment(None);
        judge_shape(&url)?;
        Ok(Self(url))
    }

    /// The URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The URL, to be kept.
    pub fn into_url(self) -> Url {
        self.0
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What must hold for every URL, whoever is asked.
pub(super) fn judge_shape(url: &Url) -> Result<(), Refusal> {
    judge_length(url.as_str())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::new(
            RefusalReason::Scheme,
            format!("webhooks go to https addresses, not to {}", url.scheme()),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::new(
            RefusalReason::Userinfo,
            "the URL carries a user name or password; put credentials into a header",
        ));
    }
    Ok(())
}

fn judge_length(text: &str) -> Result<(), Refusal> {
    if text.len() <= MAX_URL_BYTES {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalReason::TooLong,
        format!("the URL is longer than {MAX_URL_BYTES} bytes"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> Option<RefusalReason> {
        TargetUrl::parse(text).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn the_normalised_form_is_kept_without_a_fragment() {
        let url = TargetUrl::parse(" HTTPS://Bücher.example:443/a b?c#d\n").expect("a URL");
        assert_eq!(url.to_string(), "https://xn--bcher-kva.example/a%20b?c");
    }

    #[test]
    fn a_url_may_be_as_long_as_its_limit_before_and_after_it_is_normalised() {
        let of_length = |bytes: usize, tail: &str| {
            let head = "https://example.com/";
            format!(
                "{head}{}{tail}",
                "a".repeat(bytes - head.len() - tail.len())
            )
        };
        assert_eq!(reason(&of_length(MAX_URL_BYTES, "")), None);
        let too_long = Some(RefusalReason::TooLong);
        assert_eq!(reason(&of_length(MAX_URL_BYTES + 1, "")), too_long);
        assert_eq!(reason(&of_length(MAX_URL_BYTES, "ü")), too_long);
    }

    #[test]
    fn an_empty_user_name_with_a_password_is_userinfo_too() {
        assert_eq!(
            reason("https://:pw@example.com/"),
            Some(RefusalReason::Userinfo)
        );
        assert_eq!(reason("https://@example.com/"), None);
    }
}
