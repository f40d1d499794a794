//! Drafts: what a producer sent, checked, before Riposte fills in what was left out.
//!
//! A draft remembers what was given and what was not: that is what makes two requests "the same
//! event", whatever names and times Riposte would have chosen for each.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{
    attributes::{self, AttributeError, AttributeReason},
    event::{Attributes, Data, Event, EventState, EventType, ExtensionValue},
    ids::{EventId, ProjectId},
    lineage::Lineage,
    time::Timestamp,
};

/// The media type that JSON data has if its producer named none.
pub const JSON_MEDIA_TYPE: &str = "application/json";

/// An event as its producer sent it. [`DraftBuilder`] is the way to one whose attributes are
/// checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    /// What the producer calls the event.
    pub id: Option<String>,
    /// Where it happened: a URI reference.
    pub source: Option<String>,
    /// What happened.
    pub event_type: EventType,
    /// What it happened to.
    pub subject: Option<String>,
    /// When it happened: RFC 3339, as the producer wrote it.
    pub time: Option<String>,
    /// The media type of the data.
    pub datacontenttype: Option<String>,
    /// The schema of the data: a URI.
    pub dataschema: Option<String>,
    /// Everything else.
    pub extensions: BTreeMap<String, ExtensionValue>,
    /// The payload.
    pub data: Data,
}

impl EventDraft {
    /// A draft that says nothing but what happened.
    pub fn new(event_type: EventType) -> Self {
        Self {
            id: None,
            source: None,
            event_type,
            subject: None,
            time: None,
            datacontenttype: None,
            dataschema: None,
            extensions: BTreeMap::new(),
            data: Data::Absent,
        }
    }

    /// SHA-256 over what was sent: the given attributes by name and the bytes of the data.
    ///
    /// Extensions count by their text (CloudEvents 1.0, section 3.1), since a header cannot say
    /// whether `5` is a number; and data counts as JSON or as bytes, since text is bytes under a
    /// media type. So an event hashes alike in every content mode that carries the same
    /// attributes and bytes. Each part stands behind its length: no two drafts run together.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let given = self.given();
        hash.update((given.len() as u64).to_be_bytes());
        for (name, value) in &given {
            hash_part(&mut hash, name.as_bytes());
            hash_part(&mut hash, value.as_bytes());
        }
        hash.update([match self.data {
            Data::Absent => 0,
            Data::Json(_) => 1,
            Data::Text(_) | Data::Binary(_) => 2,
        }]);
        hash_part(&mut hash, self.data.bytes());
        hash.finalize().into()
    }

    /// The event that this becomes under the name `id`: what was left out is filled in, and it is
    /// the first of its lineage.
    ///
    /// The producer's id becomes `id` as text, the source `/projects/{project_name}`, the time
    /// `now`, and the media type of JSON data `application/json`.
    pub fn complete(
        self,
        id: EventId,
        project: ProjectId,
        project_name: &str,
        now: Timestamp,
    ) -> Event {
        let json_media_type = || match self.data {
            Data::Json(_) => Some(JSON_MEDIA_TYPE.to_owned()),
            Data::Absent | Data::Text(_) | Data::Binary(_) => None,
        };
        Event {
            id,
            project,
            attributes: Attributes {
                id: self.id.unwrap_or_else(|| id.to_string()),
                source: self
                    .source
                    .unwrap_or_else(|| format!("/projects/{project_name}")),
                event_type: self.event_type,
                subject: self.subject,
                time: self.time.unwrap_or_else(|| now.to_string()),
                datacontenttype: self.datacontenttype.or_else(json_media_type),
                dataschema: self.dataschema,
                extensions: self.extensions,
            },
            data: self.data,
            received_at: now,
            lineage: Lineage::root(id),
            state: EventState::Accepted,
            erased_at: None,
        }
    }

    /// The attributes that were given, by name in its order, as text.
    fn given(&self) -> BTreeMap<&str, String> {
        let named = [
            ("id", self.id.as_deref()),
            ("source", self.source.as_deref()),
            ("type", Some(self.event_type.as_str())),
            ("subject", self.subject.as_deref()),
            ("time", self.time.as_deref()),
            ("datacontenttype", self.datacontenttype.as_deref()),
            ("dataschema", self.dataschema.as_deref()),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.to_owned())));
        let extensions = self
            .extensions
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_string()));
        named.chain(extensions).collect()
    }
}

/// Gathers the attributes of a draft one by one, and checks each.
#[derive(Debug, Default)]
pub struct DraftBuilder {
    event_type: Option<EventType>,
    texts: BTreeMap<&'static str, String>,
    extensions: BTreeMap<String, ExtensionValue>,
    specversion: bool,
}

impl DraftBuilder {
    /// A builder to which nothing has been given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the attribute `name`, none of the extensions, has been given.
    pub fn has(&self, name: &str) -> bool {
        match name {
            "type" => self.event_type.is_some(),
            "specversion" => self.specversion,
            other => self.texts.contains_key(other),
        }
    }

    /// Takes the attribute `name`; one that CloudEvents does not know is an extension.
    ///
    /// # Errors
    /// The value is not what the attribute holds, or it has been given before.
    pub fn attribute(&mut self, name: &str, value: ExtensionValue) -> Result<(), AttributeError> {
        let taken = match name {
            "specversion" => text_of(value).and_then(|text| self.specversion(text)),
            "type" => text_of(value).and_then(|text| self.event_type(text)),
            "id" => self.text("id", value, attributes::check_text),
            "source" => self.text("source", value, attributes::check_text),
            "subject" => self.text("subject", value, attributes::check_text),
            "dataschema" => self.text("dataschema", value, attributes::check_text),
            "time" => self.text("time", value, attributes::check_time),
            "datacontenttype" => self.text("datacontenttype", value, attributes::check_media_type),
            extension => self.extension(extension, value),
        };
        taken.map_err(|reason| reason.of(name))
    }

    /// The draft of what was given, with `data`.
    ///
    /// # Errors
    /// No `type` was given.
    pub fn finish(mut self, data: Data) -> Result<EventDraft, AttributeError> {
        let missing = || AttributeReason::Missing.of("type");
        let event_type = self.event_type.ok_or_else(missing)?;
        let mut text = |name| self.texts.remove(name);
        Ok(EventDraft {
            id: text("id"),
            source: text("source"),
            subject: text("subject"),
            time: text("time"),
            datacontenttype: text("datacontenttype"),
            dataschema: text("dataschema"),
            event_type,
            extensions: self.extensions,
            data,
        })
    }

    fn specversion(&mut self, text: String) -> Result<(), AttributeReason> {
        if text != attributes::SPECVERSION {
            return Err(AttributeReason::Specversion(text));
        }
        first_time(!std::mem::replace(&mut self.specversion, true))
    }

    fn event_type(&mut self, text: String) -> Result<(), AttributeReason> {
        let event_type = EventType::parse(text)?;
        first_time(self.event_type.replace(event_type).is_none())
    }

    fn text(
        &mut self,
        name: &'static str,
        value: ExtensionValue,
        check: fn(&str) -> Result<(), AttributeReason>,
    ) -> Result<(), AttributeReason> {
        let text = text_of(value)?;
        check(&text)?;
        first_time(self.texts.insert(name, text).is_none())
    }

    fn extension(&mut self, name: &str, value: ExtensionValue) -> Result<(), AttributeReason> {
        attributes::check_extension(name, &value)?;
        first_time(self.extensions.insert(name.to_owned(), value).is_none())?;
        if self.extensions.len() > attributes::MAX_EXTENSIONS {
            return Err(AttributeReason::TooManyExtensions);
        }
        Ok(())
    }
}

fn text_of(value: ExtensionValue) -> Result<String, AttributeReason> {
    match value {
        ExtensionValue::String(text) => Ok(text),
        ExtensionValue::Boolean(_) | ExtensionValue::Integer(_) => Err(AttributeReason::NotText),
    }
}

fn first_time(is_new: bool) -> Result<(), AttributeReason> {
    if is_new {
        Ok(())
    } else {
        Err(AttributeReason::Repeated)
    }
}

/// A hash of all that a producer sent together.
pub fn hash_of_all(drafts: &[EventDraft]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for draft in drafts {
        hash.update(draft.hash());
    }
    hash.finalize().into()
}

fn hash_part(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_be_bytes());
    hash.update(part);
}

#[cfg(test)]
mod tests;
