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
