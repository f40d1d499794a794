//! Events that requests carry to try something out: given in full, or by the id of one that is
//! there.

use axum::http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{
    api::{
        auth::{Caller, InProject},
        problem::{ApiResult, Problem},
        state::ApiState,
    },
    domain::{
        cloudevents,
        draft::{EventDraft, JSON_MEDIA_TYPE},
        event::Event,
        ids::{EventId, platform_project},
    },
    store::StoreError,
};

/// An event that a request carries.
pub enum Given {
    /// One that is there.
    Stored(Event),
    /// One that is given in full.
    Inline(EventDraft),
}

impl Given {
    /// Reads an event, which is an object in plain JSON or a CloudEvent, or the id of one that is
    /// there as a string.
    ///
    /// # Errors
    /// If it would not be taken if it were sent, or whoever asks has no event of that id.
    pub async fn read(state: &ApiState, by: &InProject, given: &RawValue) -> ApiResult<Self> {
        match serde_json::from_str::<String>(given.get()) {
            Ok(id) => stored(state, by, &id).await.map(Self::Stored),
            Err(_) => inline(state, given).map(Self::Inline),
        }
    }
}

/// The event that a text names. A text that is no id of an event names none, like the id of another
/// project's. To operators the platform, which hears all events, has all of them.
async fn stored(state: &ApiState, by: &InProject, id: &str) -> ApiResult<Event> {
    let unknown = || Problem::invalid("", "the project has no such event");
    let id: EventId = id.parse().map_err(|_| unknown())?;
    let hears_all = by.caller == Caller::Operator && by.project.id == platform_project();
    let found = match hears_all {
        true => state.store.any_event(id).await,
        false => state.store.event(by.project.id, id).await,
    };
    match found {
        Ok(record) if record.event.erased_at.is_some() => Err(Problem::invalid(
            "",
            "the payload of the event was erased: give another",
        )),
        Ok(record) => Ok(record.event),
        Err(StoreError::NotFound(_)) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

fn inline(state: &ApiState, given: &RawValue) -> ApiResult<EventDraft> {
    let text = given.get();
    if !text.starts_with('{') {
        let detail =
            r#"give an event such as {"type": "site.deployed"}, or the id of one: "evt_…""#;
        return Err(Problem::invalid("", detail));
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON_MEDIA_TYPE));
    let text = Bytes::copy_from_slice(text.as_bytes());
    let decoded = cloudevents::decode(&headers, text, &state.settings.events)?;
    let draft = decoded.drafts.into_iter().next();
    draft.ok_or_else(|| Problem::invalid("", "there is no event"))
}
