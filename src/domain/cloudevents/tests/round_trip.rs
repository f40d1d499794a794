use proptest::prelude::*;

use super::*;
use crate::domain::{attributes::check_text, draft::DraftBuilder};

fn any_text() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("an attribute", |text| check_text(text).is_ok())
}

fn any_extension() -> impl Strategy<Value = ExtensionValue> {
    prop_oneof![
        any::<bool>().prop_map(ExtensionValue::Boolean),
        any::<i32>().prop_map(ExtensionValue::Integer),
        any_text().prop_map(ExtensionValue::String),
    ]
}

fn any_json() -> impl Strategy<Value = Bytes> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    let tree = leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[ {}\n]", items.join(" ,\t"))),
            inner.prop_map(|value| format!("{{ \"\\u006b\" :{value}}}")),
        ]
    });
    tree.prop_map(Bytes::from)
}

/// Data together with a media type that it can have come with.
fn any_data() -> impl Strategy<Value = (Option<&'static str>, Data)> {
    let json = prop_oneof![Just(None), Just(Some("application/a+json"))];
    prop_oneof![
        Just((None, Data::Absent)),
        (json, any_json()).prop_map(|(media_type, json)| (media_type, Data::Json(json))),
        any::<String>().prop_map(|text| (Some("text/csv"), Data::Text(text.into()))),
        prop::collection::vec(any::<u8>(), 0..64)
            .prop_map(|bytes| (Some("image/png"), Data::Binary(bytes.into()))),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        (id, source, subject) in (any_text(), any_text(), prop::option::of(any_text())),
        extensions in prop::collection::btree_map("x[a-z0-9]{1,9}", any_extension(), 0..4),
        (media_type, data) in any_data(),
    ) {
        let mut builder = DraftBuilder::new();
        let texts = [
            ("type", Some("a.b".to_owned())),
            ("id", Some(id)),
            ("source", Some(source)),
            ("subject", subject),
            ("datacontenttype", media_type.map(str::to_owned)),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                builder.attribute(name, ExtensionValue::String(value)).expect(name);
            }
        }
        for (name, value) in extensions {
            builder.attribute(&name, value).expect("an extension");
        }
        let event = complete(builder.finish(data).expect("a draft"));
        let again = complete(one(STRUCTURED, to_structured_json(&event)));
        prop_assert_eq!(&again.attributes, &event.attributes);
        prop_assert_eq!(&again.data, &event.data);
    }
}
