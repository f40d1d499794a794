//! Webhooks as they leave: the body and the headers that an event becomes.
//!
//! Knows nothing of signatures, which come on top (see [`signature`](super::signature)), nor of
//! the endpoint beyond its format and its own headers.

mod headers;

use bytes::Bytes;

use super::{
    attributes::SPECVERSION,
    cloudevents::{self, STRUCTURED_MEDIA_TYPE, encode_header_value},
    draft::JSON_MEDIA_TYPE,
    event::{Attributes, Data, Event},
    json_object::JsonObject,
    names::named,
};

pub use headers::{HIDDEN, Headers, HeadersError, MAX_HEADER_VALUE, MAX_HEADERS, is_sensitive};

named! {
    /// In which shape an endpoint wants its webhooks.
    pub enum Format {
        /// `{"id", "type", "timestamp", "source", "subject", "data"}`, as Standard Webhooks suggests.
        Standard = "standard",
        /// The CloudEvent as one JSON object.
        CloudeventsStructured = "cloudevents",
        /// The CloudEvent with its attributes in headers and its data as the body.
        CloudeventsBinary = "cloudevents-binary",
    }
}

/// What [`render`] makes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The headers that belong to the format, names in lower case: `content-type`, where the body
    /// has one, and `ce-*`.
    pub headers: Vec<(String, String)>,
    /// The body, to be signed and sent as it is.
    pub body: Bytes,
}

/// `event` in `format`. The same event gives the same bytes, however often it is rendered.
pub fn render(event: &Event, format: Format) -> Rendered {
    match format {
        Format::Standard => Rendered {
            headers: vec![content_type(JSON_MEDIA_TYPE)],
            body: standard_json(event).into(),
        },
        Format::CloudeventsStructured => Rendered {
            headers: vec![content_type(STRUCTURED_MEDIA_TYPE)],
            body: cloudevents::to_structured_json(event).into(),
        },
        Format::CloudeventsBinary => Rendered {
            headers: binary_headers(&event.attributes),
            body: shared_bytes(&event.data),
        },
    }
}

/// The standard body. What is absent is left out; data that is no JSON stands there as it does
/// in a CloudEvent: text as a string, bytes as `data_base64`.
fn standard_json(event: &Event) -> Vec<u8> {
    let attributes = &event.attributes;
    let mut object = JsonObject::with_capacity(256 + event.data.bytes().len());
    object.string("id", &attributes.id);
    object.string("type", attributes.event_type.as_str());
    object.string("timestamp", &attributes.time);
    object.string("source", &attributes.source);
    object.optional("subject", attributes.subject.as_deref());
    object.data(&event.data);
    object.finish()
}

fn binary_headers(attributes: &Attributes) -> Vec<(String, String)> {
    let ce = |name: &str, value: &str| {
        let name = format!("{}{name}", cloudevents::HEADER_PREFIX);
        (name, encode_header_value(value))
    };
    let mut headers: Vec<_> = attributes
        .datacontenttype
        .iter()
        .map(|media_type| content_type(media_type))
        .collect();
    headers.push(ce("specversion", SPECVERSION));
    headers.push(ce("id", &attributes.id));
    headers.push(ce("source", &attributes.source));
    headers.push(ce("type", attributes.event_type.as_str()));
    headers.extend(attributes.subject.iter().map(|text| ce("subject", text)));
    headers.push(ce("time", &attributes.time));
    headers.extend(
        attributes
            .dataschema
            .iter()
            .map(|text| ce("dataschema", text)),
    );
    let extensions = attributes.extensions.iter();
    headers.extend(extensions.map(|(name, value)| ce(name, &value.to_string())));
    headers
}

fn shared_bytes(data: &Data) -> Bytes {
    match data {
        Data::Absent => Bytes::new(),
        Data::Json(bytes) | Data::Text(bytes) | Data::Binary(bytes) => bytes.clone(),
    }
}

fn content_type(media_type: &str) -> (String, String) {
    ("content-type".to_owned(), media_type.to_owned())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName};

    use super::*;
    use crate::domain::{
        chance::Chance,
        cloudevents::{Limits, decode},
        draft::DraftBuilder,
        event::ExtensionValue,
        ids::{self, Ids},
        time::Timestamp,
    };

    fn event(more: &[(&str, &str)], data: Data) -> Event {
        let mut builder = DraftBuilder::new();
        let given = [("type", "a.b"), ("id", "7"), ("source", "/ci")];
        for (name, value) in given.iter().chain(more) {
            let value = ExtensionValue::String((*value).to_owned());
            builder.attribute(name, value).expect(name);
        }
        let now = Timestamp::from_millis(5);
        let id = Ids::new(Chance::seeded(1)).next(now);
        let draft = builder.finish(data).expect("a draft");
        draft.complete(id, ids::default_project(), "shop", now)
    }

    fn json(text: &'static str) -> Data {
        Data::Json(Bytes::from_static(text.as_bytes()))
    }

    fn body(event: &Event, format: Format) -> String {
        String::from_utf8(render(event, format).body.to_vec()).expect("text")
    }

    #[test]
    fn the_standard_body_holds_what_is_there_and_the_data_unchanged() {
        let head =
            r#"{"id":"7","type":"a.b","timestamp":"1970-01-01T00:00:00.005Z","source":"/ci""#;
        for (more, data, tail) in [
            (&[][..], Data::Absent, "}"),
            (
                &[("subject", "s\"")],
                json("{\"n\": 1.10}"),
                r#","subject":"s\"","data":{"n": 1.10}}"#,
            ),
            (&[], json("null"), r#","data":null}"#),
            (
                &[],
                Data::Text(Bytes::from_static(b"a\nb")),
                r#","data":"a\nb"}"#,
            ),
            (
                &[],
                Data::Binary(Bytes::from_static(b"\0")),
                r#","data_base64":"AA=="}"#,
            ),
        ] {
            let event = event(more, data);
            assert_eq!(body(&event, Format::Standard), format!("{head}{tail}"));
        }
    }

    #[test]
    fn the_content_type_is_that_of_the_body() {
        let png = [("datacontenttype", "image/png")];
        let event = event(&png, Data::Binary(Bytes::from_static(b"\0\xff")));
        for (format, media_type) in [
            (Format::Standard, "application/json"),
            (
                Format::CloudeventsStructured,
                "application/cloudevents+json",
            ),
            (Format::CloudeventsBinary, "image/png"),
        ] {
            let headers = render(&event, format).headers;
            assert_eq!(headers[0], content_type(media_type));
        }
        let rendered = render(&event, Format::CloudeventsBinary);
        assert_eq!(&rendered.body[..], b"\0\xff");
    }

    #[test]
    fn attributes_in_headers_are_percent_encoded() {
        let event = event(&[("subject", "a b/ü\"%"), ("x", "5")], Data::Absent);
        let expected = [
            ("ce-specversion", "1.0"),
            ("ce-id", "7"),
            ("ce-source", "/ci"),
            ("ce-type", "a.b"),
            ("ce-subject", "a%20b/%C3%BC%22%25"),
            ("ce-time", "1970-01-01T00:00:00.005Z"),
            ("ce-x", "5"),
        ];
        let headers = render(&event, Format::CloudeventsBinary).headers;
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers, expected);
    }

    #[test]
    fn both_cloudevents_formats_are_read_as_the_same_event() {
        let given = [
            ("subject", "sïte 7"),
            ("dataschema", "urn:x"),
            ("x", "a\"b"),
        ];
        let event = event(&given, json("{\"n\": 1e2}"));
        for format in [Format::CloudeventsStructured, Format::CloudeventsBinary] {
            let rendered = render(&event, format);
            let header = |(name, value): &(String, String)| {
                let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
                (name, value.parse().expect("a value"))
            };
            let headers: HeaderMap = rendered.headers.iter().map(header).collect();
            let read = decode(&headers, rendered.body, &Limits::default()).expect("an event");
            let draft = read.drafts.into_iter().next().expect("one");
            let again = draft.complete(event.id, event.project, "shop", event.received_at);
            assert_eq!(again, event);
        }
    }

    #[test]
    fn formats_are_called_as_the_documentation_calls_them() {
        for (format, name) in [
            (Format::Standard, "\"standard\""),
            (Format::CloudeventsStructured, "\"cloudevents\""),
            (Format::CloudeventsBinary, "\"cloudevents-binary\""),
        ] {
            assert_eq!(serde_json::to_string(&format).expect("JSON"), name);
        }
    }
}
