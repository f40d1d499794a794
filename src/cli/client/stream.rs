//! Streams of the gateway (Server-Sent Events), and the requests to receivers on this machine that
//! follow from them.

use std::time::Duration;

use eventsource_stream::{Event, Eventsource as _};
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use reqwest::{
    Method, Response,
    header::{ACCEPT, HeaderMap},
};
use url::Url;

use super::{ClientError, Gateway, http, root_cause};
use crate::clock::Clock;

/// How long a stream may be silent before it counts as broken: no gateway is silent for longer than
/// a minute.
const SILENCE: Duration = Duration::from_secs(130);

/// How long a stream may last. A client has a limit for whole answers, and a stream has no end.
const ENDLESS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The messages of a stream, up to where it ends or breaks off.
pub struct Messages(BoxStream<'static, Event>);

impl Gateway {
    /// Opens the stream at `path`, after the message called `last`.
    ///
    /// # Errors
    /// If no gateway answers, it does not know the key, or refuses.
    pub async fn open(&self, path: &str, last: Option<&str>) -> Result<Messages, ClientError> {
        let mut request = self.request(Method::GET, path)?.timeout(ENDLESS);
        request = request.header(ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = self.execute(request).await?;
        if !response.status().is_success() {
            self.read(response).await?.granted()?;
            return Err(self.foreign("it has no stream".to_owned()));
        }
        Ok(Messages::of(response, self.clock.clone()))
    }
}

impl Messages {
    fn of(response: Response, clock: Clock) -> Self {
        let chunks = stream::unfold((response, clock), async |(mut response, clock)| {
            // What breaks off, and what falls silent, has ended: whoever wants more comes back.
            let chunk = clock.timeout(SILENCE, response.chunk()).await?.ok()??;
            Some((Ok::<_, reqwest::Error>(chunk), (response, clock)))
        });
        let events = chunks.eventsource();
        let good = events.take_while(|event| std::future::ready(event.is_ok()));
        Self(good.filter_map(async |event| event.ok()).boxed())
    }

    /// The next message; none if there is no more on this connection.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.next().await
    }
}

/// A receiver that webhooks are handed to: the user's own, wherever that is.
#[derive(Debug, Clone)]
pub struct Receiver {
    http: reqwest::Client,
    url: Url,
    clock: Clock,
    timeout: Duration,
}

/// What a receiver made of a webhook.
#[derive(Debug)]
pub struct Taken {
    /// Its status, or why it has none.
    pub answer: Result<u16, String>,
    /// How long that took.
    pub duration: Duration,
}

impl Taken {
    /// Nothing was handed over, for this reason.
    pub fn not(why: String) -> Self {
        Self {
            answer: Err(why),
            duration: Duration::ZERO,
        }
    }
}

impl Receiver {
    /// The receiver at `url`, which has `timeout` to answer.
    ///
    /// # Errors
    /// If the client cannot be set up.
    pub fn new(url: Url, timeout: Duration, clock: Clock) -> Result<Self, ClientError> {
        let http = http::client().map_err(ClientError::Setup)?;
        Ok(Self {
            http,
            url,
            clock,
            timeout,
        })
    }

    /// Hands a webhook over, once.
    pub async fn hand(&self, headers: HeaderMap, body: Vec<u8>) -> Taken {
        let begun = self.clock.elapsed();
        let request = self.http.post(self.url.clone()).headers(headers);
        let sent = request.body(body).timeout(self.timeout).send().await;
        Taken {
            answer: sent
                .map(|response| response.status().as_u16())
                .map_err(|error| match error.is_timeout() {
                    true => format!("no answer within {:?}", self.timeout),
                    false => root_cause(&error),
                }),
            duration: self.clock.elapsed().saturating_sub(begun),
        }
    }
}
