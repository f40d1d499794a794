//! `/v1/stream`: what happens in a project, as it becomes durable.
//!
//! Streams hold no queues of what happened: each knows its place in the project's journal and reads
//! on from there, be it an hour behind or none, so there is no seam between what was missed and what
//! is new. Streams of a project share what is read ([`feed`]).

mod control;
mod feed;
mod filter;
mod follow;
mod message;
mod parameters;
mod pipe;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{
    control::{ClosingView, GapView, OpenView},
    feed::{StreamSettings, Streams},
    message::MessageView,
};
use self::{
    feed::Full,
    follow::{Admission, Follower},
    parameters::{LAST_EVENT_ID, StreamParameters},
};
use super::{
    access::{Scope, needs},
    auth::InProject,
    extract::Parameters,
    problem::{ApiResult, Code, Problem},
    refusals::StreamRefused,
    state::ApiState,
};

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs([Scope::EventsRead], routes!(stream)))
}

/// A message of the stream, in its three fields.
#[derive(utoipa::ToSchema)]
#[schema(as = StreamMessage)]
#[expect(
    dead_code,
    reason = "it describes the messages, which are written field by field"
)]
struct Wire {
    /// Its place: what `Last-Event-ID` and `after` take.
    #[schema(example = "1208-2")]
    id: String,
    /// What it is: the kind of what happened, or `open`, `gap`, `dropped` or `end`.
    #[schema(example = "delivery.dead")]
    event: String,
    /// What it says, as JSON: a `StreamHappening`, or for `open` a `StreamOpen`, for `gap` a
    /// `StreamGap`, for `dropped` and `end` a `StreamEnd`.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// Follow what happens in the project.
///
/// Server-Sent Events: events that are accepted, attempts that have ended, deliveries that come into
/// a state, in the order in which they became durable. Each message has an `id`: whoever connects
/// again with `Last-Event-ID` (or `after`) gets all that came after it, and then what is new. Where
/// neither it nor `since` is given, the stream begins with what is new.
///
/// The first message is `open`. `gap` says that something that came before the next message is not
/// kept any more. The last one is `end`, with its reason, or `dropped` if the reader was too slow.
/// While nothing happens there are comments, with the `id` that the stream has come to.
#[utoipa::path(get, path = "/v1/stream", tag = "operation", params(
        StreamParameters,
        ("Last-Event-ID" = Option<String>, Header, example = "1207-3",
         description = "The `id` of the last message that came: the stream goes on after it. It goes before `after` and `since`.")),
    responses(
        (status = 200, description = "The stream.", body = Wire, content_type = "text/event-stream"),
        StreamRefused))]
async fn stream(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<StreamParameters>,
    headers: HeaderMap,
    parts: Parts,
) -> ApiResult<Response> {
    let filter = asked.filter()?;
    let start = asked.start(headers.get(LAST_EVENT_ID))?;
    let feed = state.streams.join(&state.store, project.id)?;
    let (pipe, body) = pipe::pipe(&state);
    let follower = Follower {
        feed,
        filter,
        follows: asked.follow.unwrap_or(true),
        admission: Admission::new(project.id, parts),
        state,
    };
    tokio::spawn(follower.run(start, pipe));
    Ok(response(body))
}

fn response(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Proxies of the nginx kind gather what comes, unless they are told.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

impl From<Full> for Problem {
    fn from(full: Full) -> Self {
        match full {
            Full::Project => Self::new(
                Code::TooManyRequests,
                "the project has as many streams as it may have; come back later",
            ),
            Full::Gateway => Self::new(
                Code::Overloaded,
                "there are as many streams as there can be; come back later",
            ),
        }
    }
}
