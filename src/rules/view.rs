//! What a rule sees of an event: its envelope, field by field.

use std::borrow::Cow;

use jiter::{Jiter, JiterResult};

use crate::domain::{
    event::{Data, Event, ExtensionValue},
    json::{self, JsonError, MAX_DEPTH},
};

/// The deepest nesting of an event with its envelope around it.
pub(super) const MAX_ENVELOPE_DEPTH: usize = MAX_DEPTH + 1;

/// The envelope of an event: `specversion`, `id`, `source`, `type`, `subject`, `time`,
/// `datacontenttype`, `dataschema`, extensions and `data`. A field that the event does not have
/// is not there; nothing is copied or rounded.
#[derive(Debug, Clone)]
pub struct EventView<'a> {
    pub(super) fields: Vec<(String, Field<'a>)>,
}

/// The value of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    Text(&'a str),
    Boolean(bool),
    Integer(i32),
    /// The text of a JSON value.
    Json(&'a [u8]),
}

impl<'a> EventView<'a> {
    /// The envelope of a stored event. Its `id` is the producer's; data that is text is a
    /// string, data that is neither JSON nor text is not there.
    pub fn of(event: &'a Event) -> Self {
        let attributes = &event.attributes;
        let mut view = Self { fields: Vec::new() };
        view.add("specversion", "1.0");
        view.add("id", attributes.id.as_str());
        view.add("source", attributes.source.as_str());
        view.add("type", attributes.event_type.as_str());
        view.add("subject", attributes.subject.as_deref());
        view.add("time", attributes.time.as_str());
        view.add("datacontenttype", attributes.datacontenttype.as_deref());
        view.add("dataschema", attributes.dataschema.as_deref());
        for (name, value) in &attributes.extensions {
            view.fields.push((name.clone(), Field::of_extension(value)));
        }
        let data = Field::of_data(&event.data);
        view.fields
            .extend(data.map(|data| ("data".to_owned(), data)));
        view
    }

    /// The envelope as one JSON object, whatever fields it has.
    ///
    /// # Errors
    /// Text that is not JSON, has a key twice, nests deeper than events may, or is no object.
    pub fn from_json(json: &'a [u8]) -> Result<Self, JsonError> {
        json::check(json, MAX_ENVELOPE_DEPTH)?;
        split(json)
            .map(|fields| Self { fields })
            .map_err(|_| JsonError {
                pointer: String::new(),
                reason: "an event is a JSON object".to_owned(),
            })
    }

    /// The event's type; empty if it has none, or one that is no string.
    pub fn event_type(&self) -> Cow<'a, str> {
        let field = self.fields.iter().find(|(name, _)| name == "type");
        match field.map(|(_, field)| *field) {
            Some(Field::Text(text)) => Cow::Borrowed(text),
            Some(Field::Json(json)) => {
                let text = Jiter::new(json).next_str().map(str::to_owned);
                Cow::Owned(text.unwrap_or_default())
            }
            _ => Cow::Borrowed(""),
        }
    }

    fn add(&mut self, name: &str, text: impl Into<Option<&'a str>>) {
        let field = text.into().map(|text| (name.to_owned(), Field::Text(text)));
        self.fields.extend(field);
    }
}

impl<'a> Field<'a> {
    fn of_extension(value: &'a ExtensionValue) -> Self {
        match value {
            ExtensionValue::Boolean(value) => Self::Boolean(*value),
            ExtensionValue::Integer(value) => Self::Integer(*value),
            ExtensionValue::String(value) => Self::Text(value),
        }
    }

    fn of_data(data: &'a Data) -> Option<Self> {
        match data {
            Data::Json(bytes) => Some(Self::Json(bytes)),
            Data::Text(bytes) => str::from_utf8(bytes).ok().map(Self::Text),
            Data::Absent | Data::Binary(_) => None,
        }
    }
}

/// The fields of the object that `json` is.
fn split(json: &[u8]) -> JiterResult<Vec<(String, Field<'_>)>> {
    let mut reader = Jiter::new(json);
    let mut fields = Vec::new();
    let mut key = reader.next_object()?.map(str::to_owned);
    while let Some(name) = key {
        reader.peek()?;
        let start = reader.current_index();
        reader.next_skip()?;
        fields.push((name, Field::Json(reader.slice_to_current(start))));
        key = reader.next_key()?.map(str::to_owned);
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;

    use super::*;
    use crate::domain::{
        chance::Chance,
        event::{Attributes, EventState, EventType},
        ids::Ids,
        lineage::Lineage,
        time::Timestamp,
    };
    use crate::rules::{Flat, Pattern};

    fn event(data: Data) -> Event {
        let ids = Ids::new(Chance::seeded(1));
        let now = Timestamp::from_millis(0);
        let id = ids.next(now);
        let extension = |name: &str, value| (name.to_owned(), value);
        Event {
            id,
            project: ids.next(now),
            attributes: Attributes {
                id: "order-7".to_owned(),
                source: "/shop".to_owned(),
                event_type: EventType::parse("order.paid").expect("a type"),
                subject: None,
                time: "2026-11-23T15:00:00Z".to_owned(),
                datacontenttype: Some("application/json".to_owned()),
                dataschema: None,
                extensions: BTreeMap::from([
                    extension("priority", ExtensionValue::Integer(3)),
                    extension("region", ExtensionValue::String("eu".to_owned())),
                    extension("sampled", ExtensionValue::Boolean(true)),
                ]),
            },
            data,
            received_at: now,
            lineage: Lineage::root(id),
            state: EventState::Accepted,
            erased_at: None,
        }
    }

    fn matches(pattern: &str, event: &Event) -> bool {
        let pattern = Pattern::parse(pattern.as_bytes()).expect(pattern);
        pattern.matches(&Flat::of(&EventView::of(event)))
    }

    #[test]
    fn a_stored_event_shows_its_whole_envelope() {
        let event = event(Data::Json(Bytes::from_static(
            br#"{"total": 9007199254740993, "lines": [{"sku": "a"}]}"#,
        )));
        for pattern in [
            r#"{"specversion": ["1.0"]}"#,
            r#"{"id": ["order-7"]}"#,
            r#"{"source": ["/shop"]}"#,
            r#"{"type": ["order.paid"]}"#,
            r#"{"subject": [{"exists": false}]}"#,
            r#"{"time": ["2026-11-23T15:00:00Z"]}"#,
            r#"{"datacontenttype": ["application/json"]}"#,
            r#"{"dataschema": [{"exists": false}]}"#,
            r#"{"priority": [3], "region": ["eu"], "sampled": [true]}"#,
            r#"{"data": {"total": [9007199254740993], "lines": {"sku": ["a"]}}}"#,
        ] {
            assert!(matches(pattern, &event), "{pattern}");
        }
        assert!(!matches(r#"{"data.total": [9007199254740992]}"#, &event));
        assert_eq!(EventView::of(&event).event_type(), "order.paid");
    }

    #[test]
    fn text_is_a_string_and_bytes_are_not_there() {
        let text = event(Data::Text(Bytes::from_static(b"{\"a\": 1}")));
        assert!(matches(r#"{"data": ["{\"a\": 1}"]}"#, &text));
        assert!(!matches(r#"{"data": {"a": [1]}}"#, &text));
        for data in [
            Data::Absent,
            Data::Binary(Bytes::from_static(b"a")),
            Data::Text(Bytes::from_static(b"\xff")),
            Data::Json(Bytes::from_static(b"{\"a\": [1, {\"b\": ")),
        ] {
            let event = event(data);
            let present = r#"{"$or": [{"data": [{"exists": true}]}, {"data.a": [1]}]}"#;
            assert!(!matches(present, &event), "{:?}", event.data);
        }
    }

    #[test]
    fn an_envelope_in_json_is_taken_as_it_is() {
        let view = EventView::from_json(br#" {"type": "a\u002eb", "x": 1} "#).expect("an event");
        assert_eq!(view.event_type(), "a.b");
        for typeless in [r#"{"data": 1}"#, r#"{"type": 5}"#] {
            let view = EventView::from_json(typeless.as_bytes()).expect("an event");
            assert_eq!(view.event_type(), "");
        }
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for (text, pointer) in [
            ("[]", ""),
            ("\"a\"", ""),
            ("", ""),
            ("{\"a\":1", ""),
            (r#"{"a":{"b":1,"b":2}}"#, "/a/b"),
        ] {
            let error = EventView::from_json(text.as_bytes()).expect_err(text);
            assert_eq!(error.pointer, pointer, "{text}");
        }
    }

    #[test]
    fn data_may_nest_as_deep_in_its_envelope_as_alone() {
        let nested = |depth: usize| {
            let open = r#"{"a":"#.repeat(depth);
            format!(r#"{{"data":{open}1{}}}"#, "}".repeat(depth))
        };
        let deepest = nested(MAX_DEPTH);
        let view = EventView::from_json(deepest.as_bytes()).expect("an event");
        let flat = Flat::of(&view);
        let path = format!("data{}", ".a".repeat(MAX_DEPTH));
        assert_eq!(flat.at(&path).len(), 1);
        assert!(EventView::from_json(nested(MAX_DEPTH + 1).as_bytes()).is_err());
    }
}
