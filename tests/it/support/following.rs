//! A reader of the stream, as any library for Server-Sent Events is one.

use eventsource_stream::Eventsource as _;
use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use serde_json::Value;

use super::{Api, within};

/// A stream that is read.
pub struct Following(BoxStream<'static, Message>);

/// A message of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its place.
    pub id: String,
    /// What it is.
    pub event: String,
    /// What it says.
    pub data: Value,
}

impl Api {
    /// Follows what is new; `query` is what stands after the question mark.
    pub async fn follows(&self, query: &str) -> Following {
        self.resumes(query, None).await
    }

    /// Follows what came after `last`, and what is new.
    pub async fn resumes(&self, query: &str, last: Option<&str>) -> Following {
        let headers: Vec<_> = last
            .map(|last| ("last-event-id", last))
            .into_iter()
            .collect();
        let response = self.open(&format!("/v1/stream?{query}"), &headers).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut following = Following(messages(response.bytes_stream()).boxed());
        assert_eq!(following.next().await.expect("it opens").event, "open");
        following
    }

    /// All that happened so far, from the beginning on or since `last`.
    pub async fn happened(&self, query: &str, last: Option<&str>) -> Vec<Message> {
        let last = last.or(Some("0-0"));
        let query = format!("follow=false&{query}");
        let mut all = self.resumes(&query, last).await.rest().await;
        let end = all.pop().expect("an end");
        assert_eq!(
            (end.event.as_str(), &end.data["reason"]),
            ("end", &"caught_up".into())
        );
        all
    }
}

/// The messages in a body, up to where it ends or breaks off.
fn messages<B: AsRef<[u8]> + Send>(
    body: impl Stream<Item = Result<B, reqwest::Error>> + Send,
) -> impl Stream<Item = Message> + Send {
    body.eventsource()
        .take_while(|event| std::future::ready(event.is_ok()))
        .map(|event| {
            let event = event.expect("it is one");
            Message {
                data: serde_json::from_str(&event.data).expect("JSON"),
                event: event.event,
                id: event.id,
            }
        })
}

impl Following {
    /// The next message; none if the stream has ended.
    pub async fn next(&mut self) -> Option<Message> {
        within("the stream to say something", self.0.next()).await
    }

    /// The next `count` messages.
    pub async fn take(&mut self, count: usize) -> Vec<Message> {
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            let next = self.next().await;
            taken.push(next.unwrap_or_else(|| panic!("it ended after {taken:?}")));
        }
        taken
    }

    /// All that is still to come.
    pub async fn rest(mut self) -> Vec<Message> {
        let mut rest = Vec::new();
        while let Some(message) = self.next().await {
            rest.push(message);
        }
        rest
    }
}

impl Message {
    /// The event that it is about.
    pub fn about(&self) -> &str {
        self.data["event"]["id"].as_str().unwrap_or_default()
    }
}
