//! What a stream can be asked for.

use axum::http::HeaderValue;
use serde::Deserialize;
use utoipa::IntoParams;

use super::filter::Filter;
use crate::{
    api::{
        page::parameter,
        problem::{ApiResult, Code, Problem},
    },
    domain::{
        happening::{HappeningKind, Place},
        time::Timestamp,
    },
    rules::On,
};

/// The header with which a reader says how far it has come.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// What a stream can be asked for. Filters hold together: what passes all of them comes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamParameters {
    /// Only these kinds, with commas between: `event.accepted`, `attempt.made`, `delivery.pending`,
    /// `delivery.delivered`, `delivery.dead`, `delivery.cancelled`, `delivery.skipped`.
    #[param(example = "delivery.dead,delivery.skipped")]
    kinds: Option<String>,
    /// Only what is about events of this type, or of types that match this pattern, which is written
    /// like a listener's `on`.
    #[param(example = "site.*")]
    r#type: Option<String>,
    /// Only deliveries to this endpoint, and their attempts.
    #[param(example = "end_01h455vb4pex5vsknk084sn02q")]
    endpoint: Option<String>,
    /// Only deliveries of this listener, and their attempts.
    #[param(example = "lis_01h455vb4pex5vsknk084sn02q")]
    listener: Option<String>,
    /// Only deliveries that come into this state.
    #[param(example = "dead")]
    state: Option<String>,
    /// Only what is about this event.
    #[param(example = "evt_01h455vb4pex5vsknk084sn02q")]
    event: Option<String>,
    /// Only what is about events of this chain of causes: the name of its first event.
    #[param(example = "evt_01h455vb4pex5vsknk084sn02q")]
    correlation: Option<String>,
    /// Begin after the message with this `id`.
    #[param(example = "1207-3")]
    after: Option<String>,
    /// Begin with what happened since this time.
    #[param(example = "2026-11-24T09:30:00Z")]
    since: Option<String>,
    /// Whether to go on with what is new. If not, the stream ends when it has told what happened so
    /// far.
    #[param(example = false)]
    pub follow: Option<bool>,
}

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what is new.
    Now,
    /// After a place.
    After(Place),
    /// With what happened since a time.
    Since(Timestamp),
}

impl StreamParameters {
    /// What is to come.
    ///
    /// # Errors
    /// A filter that cannot be read.
    pub fn filter(&self) -> ApiResult<Filter> {
        let kinds = self.kinds.as_deref().map(|kinds| {
            let kinds = kinds.split(',').map(|kind| parameter("kinds", Some(kind)));
            let kinds = kinds.filter_map(ApiResult::transpose);
            kinds.collect::<ApiResult<Vec<HappeningKind>>>()
        });
        Ok(Filter {
            kinds: kinds.transpose()?,
            on: self.r#type.clone().map(types).transpose()?,
            endpoint: parameter("endpoint", self.endpoint.as_deref())?,
            listener: parameter("listener", self.listener.as_deref())?,
            state: parameter("state", self.state.as_deref())?,
            event: parameter("event", self.event.as_deref())?,
            correlation: parameter("correlation", self.correlation.as_deref())?,
        })
    }

    /// Where to begin. What the header says is newer than what was asked for at first.
    ///
    /// # Errors
    /// A place or a time that is none, or both of them.
    pub fn start(&self, last_event_id: Option<&HeaderValue>) -> ApiResult<Start> {
        if let Some(last) = last_event_id {
            let last = String::from_utf8_lossy(last.as_bytes());
            let place = parameter("Last-Event-ID", Some(last.as_ref()))?;
            return Ok(place.map_or(Start::Now, Start::After));
        }
        let after = parameter("after", self.after.as_deref())?;
        let since = parameter("since", self.since.as_deref())?;
        match (after, since) {
            (Some(_), Some(_)) => Err(Problem::new(
                Code::BadParameter,
                "after and since each say where to begin: give one of them",
            )),
            (Some(place), None) => Ok(Start::After(place)),
            (None, Some(time)) => Ok(Start::Since(time)),
            (None, None) => Ok(Start::Now),
        }
    }
}

fn types(pattern: String) -> ApiResult<On> {
    On::parse(&[pattern])
        .map_err(|refusal| Problem::new(Code::BadParameter, format!("type: {}", refusal.message)))
}
