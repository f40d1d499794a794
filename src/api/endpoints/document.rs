//! Endpoints as users write them, and their checking.

#[cfg(test)]
mod tests;

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::url;
use crate::{
    api::{
        field::{Field, check_name},
        object::Object,
        problem::{ApiResult, Problem},
    },
    domain::{
        duration::HumanDuration,
        endpoint::{
            EndpointConfig, EndpointState, MAX_CONCURRENCY, MAX_CONNECT_TIMEOUT, MAX_TIMEOUT,
            MIN_TIMEOUT,
        },
        final_statuses::{FinalStatusDocument, FinalStatuses},
        json::escape_pointer,
        retry::{RetryDocument, RetryPolicy},
        signature::Secret,
        webhook::{Format, Headers},
    },
    net::target::TargetUrl,
};

/// What users decide about an endpoint. All but `url` has a default, for which null stands; what a
/// PATCH leaves out stays as it is, and what it gives replaces the old value as a whole.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointDocument {
    /// What you call it: up to 200 characters.
    #[schema(value_type = Option<String>, example = "CI")]
    #[serde(default)]
    name: Field<String>,
    /// Where webhooks go. It is judged at once, and again for every attempt.
    #[schema(value_type = Option<String>, example = "https://ci.example.com/hooks")]
    #[serde(default)]
    url: Field<String>,
    /// Whether webhooks go: `enabled` by default.
    #[schema(value_type = Option<EndpointState>)]
    #[serde(default)]
    state: Field<EndpointState>,
    /// How an event becomes a request: `standard` by default.
    #[schema(value_type = Option<Format>)]
    #[serde(default)]
    format: Field<Format>,
    /// How deliveries are tried again; by default as the gateway is configured.
    #[schema(value_type = Option<RetryDocument>)]
    #[serde(default)]
    retry: Field<Object<RetryDocument>>,
    /// How long a request may take, from 100ms to 5m; by default as the gateway is configured.
    #[schema(value_type = Option<String>, example = "15s")]
    #[serde(default)]
    timeout: Field<HumanDuration>,
    /// How long the connection may take to be made, from 100ms to 1m, and shorter than `timeout`; by
    /// default as the gateway is configured.
    #[schema(value_type = Option<String>, example = "3s")]
    #[serde(default)]
    connect_timeout: Field<HumanDuration>,
    /// Statuses after which a delivery is a dead letter at once and not tried again: up to 50 of them,
    /// from 300 to 599, or classes such as `4xx`. None by default; 410 always is, and disables the
    /// endpoint.
    #[schema(value_type = Option<Vec<FinalStatusDocument>>, example = json!([400, 422]))]
    #[serde(default)]
    final_statuses: Field<Vec<FinalStatusDocument>>,
    /// How many requests may be under way at a time, from 1 to 1,000; by default as the gateway is
    /// configured.
    #[schema(value_type = Option<u32>, example = 16)]
    #[serde(default)]
    concurrency: Field<u32>,
    /// Headers that every request has beside those of the webhook. `[hidden]` keeps the value
    /// that is hidden.
    #[schema(value_type = Option<BTreeMap<String, String>>, example = json!({"x-team": "web"}))]
    #[serde(default)]
    headers: Field<IndexMap<String, String>>,
    /// The first secret, if it shall not be a new random one: `whsec_` and 24 to 64 bytes in
    /// base64. Later it changes by `rotate-secret` alone.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    secret: Field<String>,
}

/// What a document asks for, checked but for what depends on the endpoint as it is.
#[derive(Clone)]
pub struct EndpointWish {
    name: Field<String>,
    /// The URL, if it is given.
    pub url: Option<TargetUrl>,
    state: Field<EndpointState>,
    format: Field<Format>,
    retry: Field<RetryPolicy>,
    timeout: Field<Duration>,
    connect_timeout: Field<Duration>,
    final_statuses: Field<FinalStatuses>,
    concurrency: Field<u32>,
    headers: Field<IndexMap<String, String>>,
    /// The first secret, if it is given.
    pub secret: Option<Secret>,
}

impl EndpointDocument {
    /// Checks all that can be checked without the endpoint as it is.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn check(self) -> ApiResult<EndpointWish> {
        let no_url = || Problem::invalid("/url", "an endpoint has a URL; it has no default");
        let secret = self.secret.check(check_secret)?;
        Ok(EndpointWish {
            name: self.name.check(check_name)?,
            url: self.url.check(|text| url::parse(&text))?.required(no_url)?,
            state: self.state,
            format: self.format,
            retry: self.retry.check(check_retry)?,
            timeout: self.timeout.check(check_timeout)?,
            connect_timeout: self.connect_timeout.check(check_connect_timeout)?,
            final_statuses: self.final_statuses.check(check_final_statuses)?,
            concurrency: self.concurrency.check(check_concurrency)?,
            headers: self.headers,
            secret: match secret {
                Field::Given(secret) => Some(secret),
                Field::Absent | Field::Null => None,
            },
        })
    }
}

impl EndpointWish {
    /// The endpoint that is to be made.
    ///
    /// # Errors
    /// If the URL is missing, a header cannot be used, or the time limits contradict each other.
    pub fn into_config(self) -> ApiResult<EndpointConfig> {
        let missing = || {
            Problem::invalid(
                "/url",
                "give the URL that webhooks shall go to, such as https://example.com/hooks",
            )
        };
        let url = self.url.clone().ok_or_else(missing)?;
        let mut config = EndpointConfig::new(url.into_url());
        self.apply(&mut config)?;
        Ok(config)
    }

    /// Changes `config` as asked.
    ///
    /// # Errors
    /// If a header cannot be used, or the time limits contradict each other.
    pub fn apply(&self, config: &mut EndpointConfig) -> ApiResult<()> {
        if let Some(url) = &self.url {
            config.url = url.as_url().clone();
        }
        self.name.set_optional(&mut config.name);
        self.state.set(&mut config.state, EndpointState::Enabled);
        self.format.set(&mut config.format, Format::Standard);
        self.retry.set_optional(&mut config.retry);
        self.timeout.set_optional(&mut config.timeout);
        self.connect_timeout
            .set_optional(&mut config.connect_timeout);
        self.check_timeouts(config)?;
        self.final_statuses
            .set(&mut config.final_statuses, FinalStatuses::default());
        self.concurrency.set_optional(&mut config.concurrency);
        let stored = &config.headers;
        let headers = self.headers.clone();
        headers
            .check(|given| check_headers(given, stored))?
            .set(&mut config.headers, Headers::default());
        Ok(())
    }

    /// Checks that a connection has less time than the request that it is made for.
    fn check_timeouts(&self, config: &EndpointConfig) -> ApiResult<()> {
        let (Some(connect), Some(timeout)) = (config.connect_timeout, config.timeout) else {
            return Ok(());
        };
        if connect < timeout {
            return Ok(());
        }
        let pointer = match self.connect_timeout {
            Field::Given(_) => "/connect_timeout",
            Field::Absent | Field::Null => "/timeout",
        };
        let (connect, timeout) = (HumanDuration(connect), HumanDuration(timeout));
        let detail = format!(
            "a connection has less time than its request: connect_timeout is {connect}, timeout {timeout}"
        );
        Err(Problem::invalid(pointer, detail))
    }
}

/// Reads a secret that stands at `/secret`.
///
/// # Errors
/// If it is none.
pub fn check_secret(text: String) -> ApiResult<Secret> {
    Secret::parse(&text).map_err(|error| Problem::invalid("/secret", error.to_string()))
}

fn check_retry(Object(document): Object<RetryDocument>) -> ApiResult<RetryPolicy> {
    RetryPolicy::try_from(document).map_err(|error| {
        let detail = format!("{} {}", error.field, error.problem);
        Problem::invalid(format!("/retry/{}", error.field), detail)
    })
}

fn check_timeout(HumanDuration(timeout): HumanDuration) -> ApiResult<Duration> {
    if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
        return Ok(timeout);
    }
    let (least, most) = (HumanDuration(MIN_TIMEOUT), HumanDuration(MAX_TIMEOUT));
    let detail = format!("a request may take from {least} to {most}");
    Err(Problem::invalid("/timeout", detail))
}

fn check_connect_timeout(HumanDuration(timeout): HumanDuration) -> ApiResult<Duration> {
    if (MIN_TIMEOUT..=MAX_CONNECT_TIMEOUT).contains(&timeout) {
        return Ok(timeout);
    }
    let (least, most) = (
        HumanDuration(MIN_TIMEOUT),
        HumanDuration(MAX_CONNECT_TIMEOUT),
    );
    let detail = format!("a connection may take from {least} to {most}");
    Err(Problem::invalid("/connect_timeout", detail))
}

fn check_final_statuses(given: Vec<FinalStatusDocument>) -> ApiResult<FinalStatuses> {
    FinalStatuses::try_from(given).map_err(|error| {
        let pointer = match error.index {
            Some(index) => format!("/final_statuses/{index}"),
            None => "/final_statuses".to_owned(),
        };
        Problem::invalid(pointer, error.to_string())
    })
}

fn check_concurrency(concurrency: u32) -> ApiResult<u32> {
    if (1..=MAX_CONCURRENCY).contains(&concurrency) {
        return Ok(concurrency);
    }
    let detail = format!("from 1 to {MAX_CONCURRENCY} requests may be under way at a time");
    Err(Problem::invalid("/concurrency", detail))
}

fn check_headers(given: IndexMap<String, String>, stored: &Headers) -> ApiResult<Headers> {
    Headers::parse_over(given, stored).map_err(|error| {
        let pointer = format!("/headers/{}", escape_pointer(&error.name));
        Problem::invalid(pointer, error.to_string())
    })
}
