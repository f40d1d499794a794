//! From an event to its text in the JSON format (CloudEvents 1.0 JSON format, section 3).

use crate::domain::{
    attributes::SPECVERSION,
    event::{Attributes, Event},
    json_object::JsonObject,
};

/// About how many bytes attributes take.
const USUAL_ATTRIBUTES: usize = 512;

/// `event` in structured mode. JSON data stands in it byte for byte, text as a string, and bytes
/// as `data_base64`; reading it again gives the same attributes and the same data.
pub fn to_structured_json(event: &Event) -> Vec<u8> {
    let mut object = JsonObject::with_capacity(USUAL_ATTRIBUTES + event.data.bytes().len());
    write_attributes(&mut object, &event.attributes);
    object.data(&event.data);
    object.finish()
}

/// The attributes of `event` in structured mode, without its data.
pub fn attributes_json(event: &Event) -> Vec<u8> {
    let mut object = JsonObject::with_capacity(USUAL_ATTRIBUTES);
    write_attributes(&mut object, &event.attributes);
    object.finish()
}

fn write_attributes(object: &mut JsonObject, attributes: &Attributes) {
    object.string("specversion", SPECVERSION);
    object.string("id", &attributes.id);
    object.string("source", &attributes.source);
    object.string("type", attributes.event_type.as_str());
    object.optional("subject", attributes.subject.as_deref());
    object.string("time", &attributes.time);
    object.optional("datacontenttype", attributes.datacontenttype.as_deref());
    object.optional("dataschema", attributes.dataschema.as_deref());
    for (name, value) in &attributes.extensions {
        object.extension(name, value);
    }
}
