//! Reads templates.

use indexmap::IndexMap;
use serde_json::value::RawValue;

use crate::domain::{
    attributes::{self, AttributeError},
    draft::DraftBuilder,
    event::ExtensionValue,
    json::{self, JsonError, escape_pointer},
};

use super::{
    EmitTemplate, ExtensionTemplate, MAX_PLACEHOLDERS, MAX_TEMPLATE, data::DataTemplate,
    placeholder::Text,
};

/// Everything that a template may have.
const MEMBERS: &str = "type, subject, source, extensions and data";

type Members<'t> = IndexMap<String, &'t RawValue>;

/// Why a template is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// RFC 6901 pointer to the place; empty for the whole template.
    pub pointer: String,
    /// What is wrong there, as a sentence without its full stop.
    pub message: String,
}

impl TemplateError {
    pub(super) fn at(pointer: impl Into<String>, message: impl ToString) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.to_string(),
        }
    }

    fn attribute(above: &str, error: &AttributeError) -> Self {
        Self::at(
            format!("{above}/{}", escape_pointer(&error.name)),
            &error.reason,
        )
    }
}

impl From<JsonError> for TemplateError {
    fn from(error: JsonError) -> Self {
        Self::at(error.pointer, error.reason)
    }
}

/// See [`EmitTemplate::parse`].
pub fn template(text: &[u8]) -> Result<EmitTemplate, TemplateError> {
    if text.len() > MAX_TEMPLATE {
        let message = format!("a template has at most {MAX_TEMPLATE} bytes");
        return Err(TemplateError::at("", message));
    }
    // The object around data is not part of what data may nest.
    json::check(text, json::MAX_DEPTH + 1)?;
    let json: Box<RawValue> = serde_json::from_slice(text).map_err(|_| no_object(""))?;
    let mut members = object(text, "")?;
    let template = EmitTemplate {
        json,
        event_type: required_text(&mut members, "type")?,
        subject: text_of(&mut members, "subject")?,
        source: text_of(&mut members, "source")?,
        extensions: extensions(&mut members)?,
        data: data(&mut members)?,
    };
    if let Some(unknown) = members.keys().next() {
        let pointer = format!("/{}", escape_pointer(unknown));
        let message = format!("a template has no such member; it has {MEMBERS}");
        return Err(TemplateError::at(pointer, message));
    }
    check_count(&template)?;
    Ok(template)
}

fn object<'t>(text: &'t [u8], pointer: &str) -> Result<Members<'t>, TemplateError> {
    serde_json::from_slice(text).map_err(|_| no_object(pointer))
}

fn no_object(pointer: &str) -> TemplateError {
    TemplateError::at(pointer, "this is a JSON object")
}

fn required_text(members: &mut Members<'_>, name: &str) -> Result<Text, TemplateError> {
    let missing = || TemplateError::at(format!("/{name}"), "a template must have this member");
    text_of(members, name)?.ok_or_else(missing)
}

fn text_of(members: &mut Members<'_>, name: &str) -> Result<Option<Text>, TemplateError> {
    let Some(raw) = members.shift_remove(name) else {
        return Ok(None);
    };
    let pointer = format!("/{name}");
    let text: String = serde_json::from_str(raw.get())
        .map_err(|_| TemplateError::at(&pointer, "this is a string"))?;
    parse_attribute("", name, &text).map(Some)
}

/// Reads the text of the attribute `name`, and checks what is the same for every event.
fn parse_attribute(above: &str, name: &str, text: &str) -> Result<Text, TemplateError> {
    let parsed =
        Text::parse(text).map_err(|error| TemplateError::at(format!("{above}/{name}"), error))?;
    if let Some(fixed) = parsed.fixed() {
        let value = ExtensionValue::String(fixed.to_owned());
        let checked = DraftBuilder::new().attribute(name, value);
        checked.map_err(|error| TemplateError::attribute(above, &error))?;
    }
    Ok(parsed)
}

fn extensions(
    members: &mut Members<'_>,
) -> Result<Vec<(String, ExtensionTemplate)>, TemplateError> {
    const POINTER: &str = "/extensions";
    let Some(raw) = members.shift_remove("extensions") else {
        return Ok(Vec::new());
    };
    let extensions = object(raw.get().as_bytes(), POINTER)?;
    if extensions.len() > attributes::MAX_EXTENSIONS {
        let reason = attributes::AttributeReason::TooManyExtensions;
        return Err(TemplateError::at(POINTER, reason));
    }
    let parse = |(name, raw): (String, &RawValue)| {
        let extension = extension(&name, raw)?;
        Ok((name, extension))
    };
    extensions.into_iter().map(parse).collect()
}

fn extension(name: &str, raw: &RawValue) -> Result<ExtensionTemplate, TemplateError> {
    const POINTER: &str = "/extensions";
    let refused =
        |reason: attributes::AttributeReason| TemplateError::attribute(POINTER, &reason.of(name));
    let value: ExtensionValue = serde_json::from_str(raw.get())
        .map_err(|_| refused(attributes::AttributeReason::NotScalar))?;
    attributes::check_extension(name, &value).map_err(refused)?;
    match value {
        ExtensionValue::String(text) => {
            parse_attribute(POINTER, name, &text).map(ExtensionTemplate::Text)
        }
        fixed => Ok(ExtensionTemplate::Fixed(fixed)),
    }
}

fn data(members: &mut Members<'_>) -> Result<Option<DataTemplate>, TemplateError> {
    let raw = members.shift_remove("data");
    raw.map(|raw| DataTemplate::parse(raw.get().as_bytes(), "/data"))
        .transpose()
}

fn check_count(template: &EmitTemplate) -> Result<(), TemplateError> {
    let extension = |(_, extension): &(String, ExtensionTemplate)| match extension {
        ExtensionTemplate::Fixed(_) => 0,
        ExtensionTemplate::Text(text) => text.placeholders(),
    };
    let texts = [
        Some(&template.event_type),
        template.subject.as_ref(),
        template.source.as_ref(),
    ];
    let count = texts
        .into_iter()
        .flatten()
        .map(Text::placeholders)
        .sum::<usize>()
        + template.extensions.iter().map(extension).sum::<usize>()
        + template.data.as_ref().map_or(0, DataTemplate::placeholders);
    if count > MAX_PLACEHOLDERS {
        let message = format!("a template has at most {MAX_PLACEHOLDERS} placeholders");
        return Err(TemplateError::at("", message));
    }
    Ok(())
}
