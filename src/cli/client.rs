//! The gateway as commands see it: a small REST client with a key. It is the one place where a
//! command opens a connection; webhooks never leave through it.

use std::{path::Path, time::Duration};

use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect,
};
use serde_json::Value;
use url::Url;

use crate::{
    clock::Clock,
    config::SecretText,
    keyfile::{self, KeyFileError},
};

/// Where `riposte serve` keeps the operator's key unless it is told otherwise.
const DEFAULT_KEY_FILE: &str = "data/operator.key";

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

/// Why the gateway could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no key.
    #[error(
        "no API key: set RIPOSTE_KEY, pass --key, or run this where {DEFAULT_KEY_FILE} is \
         (`riposte serve` makes that file at its first start)"
    )]
    NoKey,
    /// See [`KeyFileError`].
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The key or the project cannot stand in a header.
    #[error("the {0} holds characters that an HTTP header cannot carry: was it copied whole?")]
    Header(&'static str),
    /// The URL is not one of a gateway.
    #[error("{0} is not the URL of a gateway: write it like http://127.0.0.1:8080")]
    Url(String),
    /// The client could not be set up.
    #[error("HTTP cannot be set up: {0}")]
    Setup(reqwest::Error),
    /// Nothing answers there.
    #[error(
        "no gateway answers at {url} ({reason}): start one with `riposte serve --dev`, or name \
         another one with --url"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        reason: String,
    },
    /// It does not know the key.
    #[error("the gateway at {url} does not accept the key from {key_from}: {detail}")]
    Key {
        /// The gateway.
        url: String,
        /// Where the key was taken from.
        key_from: &'static str,
        /// What the gateway says.
        detail: String,
    },
    /// It has no room for more, and still had none when it was asked again.
    #[error("the gateway at {url} cannot take more now, try again later: {detail}")]
    Busy {
        /// The gateway.
        url: String,
        /// What the gateway says.
        detail: String,
    },
    /// What came back is not what a gateway answers.
    #[error("what answers at {url} is no Riposte gateway: {reason}")]
    Foreign {
        /// Where it is.
        url: String,
        /// What it did.
        reason: String,
    },
}

/// An API key, and where it comes from.
#[derive(Debug, Clone)]
pub struct Key {
    text: SecretText,
    from: &'static str,
}

impl Key {
    /// The key that was given, else the one in the file of the gateway that runs here.
    ///
    /// # Errors
    /// If there is neither, or the file cannot be used.
    pub fn find(given: Option<SecretText>) -> Result<Self, ClientError> {
        if let Some(text) = given {
            return Ok(Self {
                text,
                from: "--key or RIPOSTE_KEY",
            });
        }
        let text = keyfile::read(Path::new(DEFAULT_KEY_FILE))?.ok_or(ClientError::NoKey)?;
        Ok(Self {
            text,
            from: DEFAULT_KEY_FILE,
        })
    }

    /// Whether it is the operator's for sure: then a project must be named.
    pub fn is_operators(&self) -> bool {
        self.from == DEFAULT_KEY_FILE
    }
}

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
        let http = http_client().map_err(ClientError::Setup)?;
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

/// A client for one's own gateway: no proxy of the environment, no redirects, no retries of its
/// own. Where the machine has no certificate store, the one of Mozilla that is built in serves.
#[expect(
    clippy::disallowed_methods,
    reason = "it speaks to the gateway, whose address the user names; webhooks leave through net"
)]
fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    let builder = || {
        reqwest::Client::builder()
            .user_agent(concat!("riposte/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
    };
    builder()
        .build()
        .or_else(|_| builder().tls_backend_preconfigured(built_in_tls()).build())
}

fn built_in_tls() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
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
