//! The gateway as commands see it: a small REST client with a key. It is the one place where a
//! command opens a connection; webhooks never leave through it.

mod error;
mod http;
mod key;

use std::time::Duration;

use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::Value;
use url::Url;

use crate::clock::Clock;

pub use error::ClientError;
pub use key::Key;

/// The header by which an operator's key names a project.
const PROJECT_HEADER: &str = "riposte-project";

/// The statuses by which the gateway asks to come back later.
const BUSY: [StatusCode; 2] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// How often a request is sent when the gateway asks to come back later.
const MAX_TRIES: u32 = 6;

/// The longest that one such wait may be.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The most bytes of an answer that are read.
const MAX_ANSWER: usize = 16 << 20;

/// What the gateway answered: JSON, whatever the status.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
}

impl Answer {
    /// What a problem (RFC 9457) says, in a line.
    pub fn problem(&self) -> String {
        let text = |key: &str| self.body.get(key).and_then(Value::as_str);
        let said = text("detail").or_else(|| text("title"));
        match (said, text("code")) {
            (Some(said), Some(code)) => format!("{said} ({code})"),
            (Some(said), None) => said.to_owned(),
            _ => format!("it answers {}", self.status),
        }
    }
}

/// A gateway and the key that opens it.
#[derive(Debug)]
pub struct Gateway {
    http: reqwest::Client,
    url: Url,
    key: Key,
    project: Option<String>,
    clock: Clock,
}

impl Gateway {
    /// The gateway at `url`, spoken to with `key` about `project`.
    ///
    /// # Errors
    /// A URL that is none of http or https, or a client that cannot be set up.
    pub fn new(
        url: &str,
        key: Key,
        project: Option<String>,
        clock: Clock,
    ) -> Result<Self, ClientError> {
        let parsed = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = parsed.ok_or_else(|| ClientError::Url(url.to_owned()))?;
        let http = http::client().map_err(ClientError::Setup)?;
        Ok(Self {
            http,
            url,
            key,
            project,
            clock,
        })
    }

    /// Posts `body` to `path`. If the gateway asks to come back later (429 or 503), it is asked
    /// again after the time that it names, a few times: what is sent must bear to be sent twice.
    ///
    /// # Errors
    /// If no gateway answers, or it does not know the key.
    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Answer, ClientError> {
        let mut tries = 1;
        loop {
            let response = self.send(path, content_type, body.clone()).await?;
            match wait_of(&response) {
                Some(wait) if tries < MAX_TRIES => self.clock.sleep(wait).await,
                _ => return self.read(response).await,
            }
            tries += 1;
        }
    }

    async fn send(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Response, ClientError> {
        let url = self
            .url
            .join(path)
            .map_err(|_| ClientError::Url(self.url.to_string()))?;
        let mut request = self.http.post(url).header(CONTENT_TYPE, content_type);
        request = request.bearer_auth(self.key.text.expose());
        if let Some(project) = &self.project {
            request = request.header(PROJECT_HEADER, project);
        }
        let request = request
            .body(body)
            .build()
            .map_err(|_| ClientError::Header("key or the project"))?;
        let response = self.http.execute(request).await;
        response.map_err(|error| ClientError::Unreachable {
            url: self.url.to_string(),
            reason: root_cause(&error),
        })
    }

    async fn read(&self, mut response: Response) -> Result<Answer, ClientError> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.foreign(root_cause(&error)))?
        {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(self.foreign("its answer does not end".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = serde_json::from_slice(&bytes)
            .map_err(|_| self.foreign(format!("it answers {status} without JSON")))?;
        self.judge(Answer { status, body })
    }

    /// Passes on what is an answer to the request; that the gateway cannot be used is an error.
    fn judge(&self, answer: Answer) -> Result<Answer, ClientError> {
        let (url, detail) = (self.url.to_string(), answer.problem());
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(ClientError::Key {
                url,
                key_from: self.key.from,
                detail,
            }),
            status if BUSY.contains(&status) => Err(ClientError::Busy { url, detail }),
            _ => Ok(answer),
        }
    }

    fn foreign(&self, reason: String) -> ClientError {
        ClientError::Foreign {
            url: self.url.to_string(),
            reason,
        }
    }
}

/// How long the gateway asks to wait; none if it does not.
fn wait_of(response: &Response) -> Option<Duration> {
    if !BUSY.contains(&response.status()) {
        return None;
    }
    let named = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let seconds = named.and_then(|value| value.parse().ok()).unwrap_or(1);
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}

/// The innermost cause: what reqwest wraps around it says less.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
