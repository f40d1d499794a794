//! What `riposte send` sends: events as JSON objects, each checked before anything leaves. Data goes
//! as it was written: no number is rounded.

use std::io;

use indexmap::IndexMap;
use serde_json::value::{RawValue, to_raw_value};

use crate::domain::{
    event::{EventType, EventTypeError},
    json::{self, JsonError, MAX_DEPTH},
};

/// Why there is no event to send.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The type is none.
    #[error("{event_type:?} is no event type: {reason}")]
    Type {
        /// The type.
        event_type: String,
        /// Why.
        reason: EventTypeError,
    },
    /// The data is no JSON.
    #[error(
        "--data is no JSON: {}{reason}; a text needs its quotation marks: --data '\"text\"'",
        at(reason)
    )]
    Data {
        /// Why.
        reason: JsonError,
    },
    /// A line is no JSON object.
    #[error("line {line} is no JSON object: {}{reason}", at(reason))]
    Line {
        /// Which line, counted from 1.
        line: usize,
        /// Why.
        reason: JsonError,
    },
    /// A line has no type.
    #[error("line {line} has no \"type\": an event says what happened, like \"site.deployed\"")]
    NoType {
        /// Which line, counted from 1.
        line: usize,
    },
    /// The lines cannot be read.
    #[error("the events cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// An event as it goes over the wire: a CloudEvent in the JSON format (CloudEvents 1.0, JSON
/// event format 1.0.2), its values as they were written.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct WireEvent(IndexMap<String, Box<RawValue>>);

/// What fills in the attributes that an event needs and may lack.
pub struct Defaults<'d> {
    /// Where events come from.
    pub source: &'d str,
    /// Makes an id that no other event has.
    pub id: &'d dyn Fn() -> String,
}

impl WireEvent {
    /// An event of `event_type` with what else was given.
    ///
    /// # Errors
    /// A type that is none, or data that is no JSON.
    pub fn new(
        event_type: &str,
        attributes: &[(&str, Option<&str>)],
        data: Option<&str>,
        defaults: &Defaults<'_>,
    ) -> Result<Self, EventError> {
        EventType::parse(event_type).map_err(|reason| EventError::Type {
            event_type: event_type.to_owned(),
            reason,
        })?;
        let mut event = Self(IndexMap::new());
        event.put("type", event_type);
        for (name, value) in attributes {
            if let Some(value) = value {
                event.put(name, value);
            }
        }
        event.fill_in(defaults);
        if let Some(text) = data {
            event.put("datacontenttype", "application/json");
            event.0.insert(
                "data".to_owned(),
                parse(text).map_err(|reason| EventError::Data { reason })?,
            );
        }
        Ok(event)
    }

    /// The event that stands on line `line`: a CloudEvent, or as much of one as there is.
    ///
    /// # Errors
    /// A line that is no JSON object, or has no type.
    pub fn from_line(text: &str, line: usize, defaults: &Defaults<'_>) -> Result<Self, EventError> {
        let refused = |reason| EventError::Line { line, reason };
        json::check(text.as_bytes(), MAX_DEPTH).map_err(refused)?;
        let mut event: Self = serde_json::from_str(text).map_err(|_| {
            refused(JsonError {
                pointer: String::new(),
                reason: "an event is an object: {\"type\": …, \"data\": …}".to_owned(),
            })
        })?;
        if !event.0.contains_key("type") {
            return Err(EventError::NoType { line });
        }
        event.fill_in(defaults);
        Ok(event)
    }

    /// The event in JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn fill_in(&mut self, defaults: &Defaults<'_>) {
        for (name, make) in [
            ("specversion", &(|| "1.0".to_owned()) as &dyn Fn() -> String),
            ("id", defaults.id),
            ("source", &|| defaults.source.to_owned()),
        ] {
            if !self.0.contains_key(name) {
                self.put(name, &make());
            }
        }
    }

    fn put(&mut self, name: &str, value: &str) {
        if let Ok(value) = to_raw_value(value) {
            self.0.insert(name.to_owned(), value);
        }
    }
}

fn parse(text: &str) -> Result<Box<RawValue>, JsonError> {
    json::check(text.as_bytes(), MAX_DEPTH)?;
    RawValue::from_string(text.trim().to_owned()).map_err(|error| JsonError {
        pointer: String::new(),
        reason: error.to_string(),
    })
}

fn at(reason: &JsonError) -> String {
    match reason.pointer.as_str() {
        "" => String::new(),
        pointer => format!("at {pointer}: "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DEFAULTS: Defaults<'static> = Defaults {
        source: "/here",
        id: &|| "made".to_owned(),
    };

    fn parsed(event: &WireEvent) -> Value {
        serde_json::from_slice(&event.to_json()).expect("JSON")
    }

    #[test]
    fn an_event_has_all_that_a_cloudevent_needs() {
        let attributes = [("subject", Some("site/7")), ("id", None)];
        let event = WireEvent::new("site.deployed", &attributes, Some(" [1.50] "), &DEFAULTS);
        assert_eq!(
            String::from_utf8(event.expect("an event").to_json()).expect("UTF-8"),
            r#"{"type":"site.deployed","subject":"site/7","specversion":"1.0","id":"made","source":"/here","datacontenttype":"application/json","data":[1.50]}"#
        );
        let bare = WireEvent::new("a", &[("id", Some("mine"))], None, &DEFAULTS).expect("an event");
        assert_eq!(
            parsed(&bare),
            json!({"type": "a", "id": "mine", "specversion": "1.0", "source": "/here"})
        );
    }

    #[test]
    fn what_is_no_event_is_refused_before_anything_leaves() {
        for (event_type, data, refusal) in [
            ("site deployed", None, "\"site deployed\" is no event type"),
            ("a", Some("text"), "a text needs its quotation marks"),
            (
                "a",
                Some("{\"a\":{\"b\":1,\"b\":2}}"),
                "at /a/b: this key stands twice",
            ),
        ] {
            let error = WireEvent::new(event_type, &[], data, &DEFAULTS).expect_err(event_type);
            assert!(error.to_string().contains(refusal), "{error}");
        }
        for (line, refusal) in [
            ("{\"type\":", "line 7 is no JSON object"),
            ("[1]", "line 7 is no JSON object: an event is an object"),
            ("{\"data\": 1}", "line 7 has no \"type\""),
        ] {
            let error = WireEvent::from_line(line, 7, &DEFAULTS).expect_err(line);
            assert!(error.to_string().contains(refusal), "{error}");
        }
    }

    #[test]
    fn a_line_keeps_what_it_says_to_the_letter() {
        let line = r#"{"type":"a","id":"mine","data":{"n":123456789012345678901234567890.10}}"#;
        let event = WireEvent::from_line(line, 1, &DEFAULTS).expect("an event");
        let sent = String::from_utf8(event.to_json()).expect("UTF-8");
        assert!(
            sent.contains(r#""data":{"n":123456789012345678901234567890.10}"#),
            "{sent}"
        );
        assert!(
            sent.contains(r#""id":"mine""#) && sent.contains(r#""source":"/here""#),
            "{sent}"
        );
    }
}
