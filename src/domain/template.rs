//! What `emit` reactions are made of: a template that becomes another event.
//!
//! A template is `{"type", "subject", "source", "extensions", "data"}`, of which only `type` must
//! be there. Its strings may hold placeholders, `{{ event.data.site }}`:
//!
//! - The path goes through the event as the JSON object that it is in a structured CloudEvent
//!   (`event.id`, `event.data.items.0.sku`; `event` alone is all of it). A token of other
//!   characters than `A-Z a-z 0-9 _ -` stands in single quotes, in which a single quote is
//!   doubled: `{{ event.data.'a.b'.'it''s' }}`.
//! - A string that is one placeholder and nothing else takes the value whole, whatever it is;
//!   numbers by their text, so that none is rounded. `type`, `subject` and `source` take its text.
//! - Inside a longer string the value is text: strings as they are, numbers by their text, `true`,
//!   `false`, `null`, and objects and arrays as JSON without spaces.
//! - A value that is not there is an error of the emission; `null` is there.
//! - `{{ '…' }}` is the text between the quotes: that is how to write two braces, `{{ '{{' }}`.
//!
//! Keys are never replaced. Nothing in a template can loop; its size and its number of
//! placeholders are bounded, and so is what it makes.

mod data;
mod lookup;
mod parse;
mod placeholder;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    attributes::AttributeError,
    draft::{DraftBuilder, EventDraft},
    event::{Data, Event, ExtensionValue},
    json::{self, JsonError},
};

use data::DataTemplate;
use placeholder::Text;

pub use parse::TemplateError;

/// The most bytes that the JSON text of a template may have.
pub const MAX_TEMPLATE: usize = 16 * 1024;

/// The most placeholders in a template.
pub const MAX_PLACEHOLDERS: usize = 256;

/// The most bytes that the data of an emitted event may have, and any text on the way to it.
pub const MAX_EMITTED: usize = 256 * 1024;

/// A checked template.
#[derive(Debug, Clone)]
pub struct EmitTemplate {
    json: Box<RawValue>,
    event_type: Text,
    subject: Option<Text>,
    source: Option<Text>,
    extensions: Vec<(String, ExtensionTemplate)>,
    data: Option<DataTemplate>,
}

/// What an extension attribute becomes.
#[derive(Debug, Clone)]
enum ExtensionTemplate {
    Fixed(ExtensionValue),
    Text(Text),
}

/// Why a template makes no event of the one that it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// There is no value where a placeholder points.
    #[error("{{{{ {0} }}}} is not in the event")]
    Missing(String),
    /// What an attribute becomes is refused.
    #[error("the emitted event's {}: {}", .0.name, .0.reason)]
    Attribute(AttributeError),
    /// What the data becomes is nested too deep.
    #[error("the emitted event's data: {0}")]
    Data(JsonError),
    /// What the template makes is larger than [`MAX_EMITTED`].
    #[error("what the template makes of the event is larger than {MAX_EMITTED} bytes")]
    TooLarge,
}

impl From<AttributeError> for EmitError {
    fn from(error: AttributeError) -> Self {
        Self::Attribute(error)
    }
}

impl EmitTemplate {
    /// Reads a template from its JSON text.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and where.
    pub fn parse(text: &[u8]) -> Result<Self, TemplateError> {
        parse::template(text)
    }

    /// The template as it was written.
    pub fn as_json(&self) -> &RawValue {
        &self.json
    }

    /// What the template makes of `event`. The emitted event has no id and no time yet, and comes
    /// from `default_source` unless the template says otherwise.
    ///
    /// # Errors
    /// Why it makes nothing of it.
    pub fn render(&self, event: &Event, default_source: &str) -> Result<EventDraft, EmitError> {
        let mut draft = DraftBuilder::new();
        let source = match &self.source {
            Some(source) => source.render(event)?,
            None => default_source.to_owned(),
        };
        draft.attribute("source", ExtensionValue::String(source))?;
        let event_type = self.event_type.render(event)?;
        draft.attribute("type", ExtensionValue::String(event_type))?;
        if let Some(subject) = &self.subject {
            draft.attribute("subject", ExtensionValue::String(subject.render(event)?))?;
        }
        for (name, extension) in &self.extensions {
            draft.attribute(name, extension.render(event)?)?;
        }
        Ok(draft.finish(self.render_data(event)?)?)
    }

    fn render_data(&self, event: &Event) -> Result<Data, EmitError> {
        let Some(template) = &self.data else {
            return Ok(Data::Absent);
        };
        let text = template.render(event)?;
        json::check(&text, json::MAX_DEPTH).map_err(EmitError::Data)?;
        Ok(Data::Json(Bytes::from(text)))
    }
}

impl PartialEq for EmitTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.json.get() == other.json.get()
    }
}

impl Eq for EmitTemplate {}

impl ExtensionTemplate {
    /// A string that is one placeholder takes a boolean or an integer for what it is.
    fn render(&self, event: &Event) -> Result<ExtensionValue, EmitError> {
        let text = match self {
            Self::Fixed(value) => return Ok(value.clone()),
            Self::Text(text) => text,
        };
        if let Some(path) = text.whole() {
            let value = lookup::find(event, path)?;
            if let Ok(value) = serde_json::from_slice(&value) {
                return Ok(value);
            }
        }
        Ok(ExtensionValue::String(text.render(event)?))
    }
}
