//! What a stream says about itself, and how all that it says is written.

use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    happening::{ClosingReason, GapReason, Place},
    ids::ProjectId,
};

/// The stream begins.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamOpen)]
pub struct OpenView {
    /// The project that it tells of.
    #[schema(value_type = String, example = "prj_01h455vb4pex5vsknk084sn02q")]
    pub project: ProjectId,
    /// It begins after this place.
    #[schema(example = "1207-3")]
    pub after: String,
}

/// Something that happened is not kept any more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamGap)]
pub struct GapView {
    /// Why.
    pub reason: GapReason,
    /// What was to be told next is what came after this place.
    #[schema(example = "1207-3")]
    pub asked: String,
    /// The stream goes on after this place.
    #[schema(example = "90112-0")]
    pub after: String,
}

/// The stream ends.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamEnd)]
pub struct ClosingView {
    /// Why.
    pub reason: ClosingReason,
    /// Where to go on: all up to this place was told.
    #[schema(example = "1207-3")]
    pub after: String,
}

/// A message, as it goes over the wire.
pub fn message(place: Place, event: &str, data: &impl Serialize) -> String {
    // JSON has no line breaks but between its tokens, and there it is written without.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("id: {place}\nevent: {event}\ndata: {data}\n\n")
}

/// The first message of a stream of `project` that begins after `place`.
pub fn open(project: ProjectId, place: Place) -> Bytes {
    let after = place.to_string();
    message(place, "open", &OpenView { project, after }).into()
}

/// The message that what came after `asked` is missing, and the stream goes on after `place`.
pub fn gap(reason: GapReason, asked: Place, place: Place) -> Bytes {
    let (asked, after) = (asked.to_string(), place.to_string());
    let gap = GapView {
        reason,
        asked,
        after,
    };
    message(place, "gap", &gap).into()
}

/// The last message of a stream that has come to `place`.
pub fn closing(reason: ClosingReason, place: Place) -> Bytes {
    let after = place.to_string();
    message(place, reason.event(), &ClosingView { reason, after }).into()
}

/// A comment: the reader learns that the stream is alive and has come to `place`.
pub fn heartbeat(place: Place) -> Bytes {
    format!(": all is quiet\nid: {place}\n\n").into()
}
