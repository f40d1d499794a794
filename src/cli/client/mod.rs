//! The gateway as commands see it: a small REST client with a key. It is the one place where a
//! command opens a connection; a gateway's webhooks never leave through it.

mod answer;
mod error;
mod http;
mod key;
mod options;
mod printable;
mod stream;

use std::{io, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use url::Url;

use super::CliError;
use crate::clock::Clock;

pub use answer::{Answer, Refusal, read};
pub use error::ClientError;
pub use key::Key;
pub use options::GatewayOptions;
pub use stream::{Messages, Receiver, Taken};

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

/// Does on this thread what speaks to a gateway, until it is done.
///
/// # Errors
/// What `work` ends with, or that this process cannot be set up.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let failed = |reason: io::Error| CliError::from(ClientError::Runtime(reason));
    runtime.map_err(failed)?.block_on(work)
}

/// A gateway and the key that opens it. Clones share their connections.
#[derive(Debug, Clone)]
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

    /// The same gateway and key, to speak about `project`.
    #[must_use]
    pub fn about(&self, project: &str) -> Self {
        Self {
            project: Some(project.to_owned()),
            ..self.clone()
        }
    }

    /// What stands at `path`; see [`Gateway::post`] for a gateway that is busy.
    ///
    /// # Errors
    /// If no gateway answers, or it does not know the key.
    pub async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.ask(&Method::GET, path, None).await
    }

    /// What stands at `path`, to be read as it comes.
    ///
    /// # Errors
    /// If no gateway answers, or it refuses.
    pub async fn download(&self, path: &str) -> Result<Response, ClientError> {
        let response = self.send(Method::GET, path, None).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let refused = self.read(response).await?.granted();
        Err(refused.map_or_else(|error| error, |_| self.foreign("no copy came".to_owned())))
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
        self.ask(&Method::POST, path, Some((content_type, body)))
            .await
    }

    /// Posts the JSON in `body` to `path`; see [`Gateway::post`].
    ///
    /// # Errors
    /// If no gateway answers, or it does not know the key.
    pub async fn post_json(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Answer, ClientError> {
        self.post(path, "application/json", body.to_string().into_bytes())
            .await
    }

    /// Takes away what stands at `path`; see [`Gateway::post`] for a gateway that is busy.
    ///
    /// # Errors
    /// If no gateway answers, or it does not know the key.
    pub async fn delete(&self, path: &str) -> Result<Answer, ClientError> {
        self.ask(&Method::DELETE, path, None).await
    }

    /// Changes what stands at `path` as the JSON in `body` says; see [`Gateway::post`] for a
    /// gateway that is busy.
    ///
    /// # Errors
    /// If no gateway answers, or it does not know the key.
    pub async fn patch(&self, path: &str, body: Vec<u8>) -> Result<Answer, ClientError> {
        self.ask(&Method::PATCH, path, Some(("application/json", body)))
            .await
    }

    async fn ask(
        &self,
        method: &Method,
        path: &str,
        content: Option<(&str, Vec<u8>)>,
    ) -> Result<Answer, ClientError> {
        let mut tries = 1;
        loop {
            let response = self.send(method.clone(), path, content.clone()).await?;
            match wait_of(&response) {
                Some(wait) if tries < MAX_TRIES => self.clock.sleep(wait).await,
                _ => return self.read(response).await,
            }
            tries += 1;
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, Vec<u8>)>,
    ) -> Result<Response, ClientError> {
        let mut request = self.request(method, path)?;
        if let Some((content_type, body)) = content {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        self.execute(request).await
    }

    /// A request to `path` with what shows who asks.
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ClientError> {
        let url = self
            .url
            .join(path)
            .map_err(|_| ClientError::Url(self.url.to_string()))?;
        let request = self.http.request(method, url);
        let request = request.bearer_auth(self.key.text.expose());
        Ok(match &self.project {
            Some(project) => request.header(PROJECT_HEADER, project),
            None => request,
        })
    }

    async fn execute(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let request = request
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
        let answer = String::from_utf8(bytes)
            .ok()
            .and_then(|text| Answer::parse(status, text).ok());
        self.judge(answer.ok_or_else(|| self.foreign(format!("it answers {status} without JSON")))?)
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
