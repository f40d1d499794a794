//! Writes JSON objects member by member, so that values which are JSON already go in unchanged.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::event::{Data, ExtensionValue};

/// A JSON object that is being written. Nothing keeps a name from being written twice.
pub struct JsonObject(Vec<u8>);

impl JsonObject {
    /// An object without members, with room for about `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut text = Vec::with_capacity(capacity);
        text.push(b'{');
        Self(text)
    }

    /// Adds a string.
    pub fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        write_string(&mut self.0, value);
    }

    /// Adds a string if there is one.
    pub fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.string(name, value);
        }
    }

    /// Adds an extension attribute.
    pub fn extension(&mut self, name: &str, value: &ExtensionValue) {
        match value {
            ExtensionValue::String(text) => self.string(name, text),
            ExtensionValue::Boolean(_) | ExtensionValue::Integer(_) => {
                self.raw(name, value.to_string().as_bytes());
            }
        }
    }

    /// Adds a value that is JSON already.
    pub fn raw(&mut self, name: &str, json: &[u8]) {
        self.name(name);
        self.0.extend_from_slice(json);
    }

    /// Adds the data of an event: JSON as it is, text as a string, bytes in base64 under the name
    /// `data_base64`, and nothing if it is absent.
    pub fn data(&mut self, data: &Data) {
        match data {
            Data::Absent => {}
            Data::Json(json) => self.raw("data", json),
            Data::Text(text) => self.string("data", &String::from_utf8_lossy(text)),
            Data::Binary(bytes) => self.string("data_base64", &STANDARD.encode(bytes)),
        }
    }

    /// The text of the object.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        write_string(&mut self.0, name);
        self.0.push(b':');
    }
}

/// Appends `text` to `json` as a JSON string.
pub fn write_string(json: &mut Vec<u8>, text: &str) {
    let written = serde_json::to_writer(json, text);
    debug_assert!(
        written.is_ok(),
        "a string is always JSON, and a Vec takes it"
    );
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn members_are_written_in_their_order_and_json_unchanged() {
        let mut object = JsonObject::with_capacity(0);
        object.string("a\"", "b\n");
        object.optional("none", None);
        object.raw("n", b"1.0e+400");
        object.extension("i", &ExtensionValue::Integer(-5));
        object.extension("b", &ExtensionValue::Boolean(true));
        object.data(&Data::Binary(Bytes::from_static(b"\0\xff")));
        assert_eq!(
            String::from_utf8(object.finish()).expect("UTF-8"),
            r#"{"a\"":"b\n","n":1.0e+400,"i":-5,"b":true,"data_base64":"AP8="}"#
        );
        assert_eq!(JsonObject::with_capacity(0).finish(), b"{}");
    }
}
