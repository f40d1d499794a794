//! A thin client of the REST API: it sends what it is told and shows what came back.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::Value;

use super::within;

/// A caller of the API: a base URL and the headers that say who calls.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
}

impl Api {
    /// Whoever calls the gateway at `address` with `key`.
    pub fn new(address: SocketAddr, key: &str) -> Self {
        let nobody = Self {
            http: client(),
            base: format!("http://{address}"),
            headers: HeaderMap::new(),
        };
        nobody.with_key(key)
    }

    /// The same gateway, called with another key.
    pub fn with_key(&self, key: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {key}"))
    }

    /// The same, about another project.
    pub fn in_project(&self, project: &str) -> Self {
        self.with_header("riposte-project", project)
    }

    /// The same gateway, called by somebody without a key.
    pub fn without_key(&self) -> Self {
        Self {
            headers: HeaderMap::new(),
            ..self.clone()
        }
    }

    /// The same caller at the gateway that `other` calls.
    pub fn where_is(&self, other: &Self) -> Self {
        Self {
            base: other.base.clone(),
            ..self.clone()
        }
    }

    /// The same, with one header more.
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(self::name(name), self::value(value));
        Self {
            headers,
            ..self.clone()
        }
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Asks for `path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], Bytes::new()).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    /// Posts nothing.
    pub async fn post_nothing(&self, path: &str) -> Answer {
        self.call(Method::POST, path, &[], Bytes::new()).await
    }

    /// Changes what is at `path`.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.json(Method::PATCH, path, body).await
    }

    /// Deletes what is at `path`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, &[], Bytes::new()).await
    }

    /// Sends JSON.
    pub async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.call(method, path, &json, body.to_string()).await
    }

    /// Sends any request.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let call = self.try_call(method.clone(), path, headers, body);
        let answered = within(format!("an answer to {method} {path}"), call).await;
        answered.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    /// Asks for `path`, and leaves the body for later.
    pub async fn open(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut all = self.headers.clone();
        for (name, value) in headers {
            all.insert(self::name(name), self::value(value));
        }
        let request = self.http.get(self.url(path)).headers(all).send();
        let answered = within(format!("an answer to GET {path}"), request).await;
        answered.unwrap_or_else(|error| panic!("GET {path}: {error:?}"))
    }

    /// Sends any request to a gateway that may not be there.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, reqwest::Error> {
        let mut all = self.headers.clone();
        for (name, value) in headers {
            all.append(self::name(name), self::value(value));
        }
        let request = self.http.request(method.clone(), self.url(path));
        let response = request.headers(all).body(body.into()).send().await?;
        Ok(Answer {
            request: format!("{method} {path}"),
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        })
    }
}

/// What the gateway answered.
#[derive(Debug, Clone)]
pub struct Answer {
    request: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The JSON of an answer that has `status`; null if it has no body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} gave {}", self.request, self.text());
        match self.body.is_empty() {
            true => Value::Null,
            false => self.json(),
        }
    }

    /// The problem of an answer that refuses with `status` and `code`.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Problem {
        assert_eq!(self.status, status, "{} gave {}", self.request, self.text());
        let kind = self.headers.get(header::CONTENT_TYPE);
        assert_eq!(kind.expect("a type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["type"], format!("urn:riposte:problem:{code}"));
        Problem(body)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.request, self.text()))
    }
}

/// A problem as RFC 9457 has it.
#[derive(Debug)]
pub struct Problem(pub Value);

impl Problem {
    /// What is wrong.
    pub fn detail(&self) -> &str {
        self.0["detail"].as_str().unwrap_or_default()
    }

    /// The place that is wrong.
    pub fn pointer(&self) -> Option<&str> {
        self.0["errors"][0]["pointer"].as_str()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test speaks to its own gateway, which no guard need hold"
)]
fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    let plain = builder.retry(reqwest::retry::never());
    let roots = rustls::RootCertStore::empty();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots);
    plain
        .tls_backend_preconfigured(tls.with_no_client_auth())
        .build()
        .expect("a client")
}

fn name(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).expect("a name")
}

fn value(value: &str) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).expect("a value")
}
