//! Objects within documents, read as strictly as documents themselves.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
    forward_to_deserialize_any,
};

/// A struct that is read from an object alone: of a list serde would take the values as fields in
/// their order. What `T` says that it expects stands in the refusal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(ByFields(deserializer)).map(Self)
    }
}

/// A deserializer that has nothing but objects.
struct ByFields<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ByFields<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Fields(visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// A visitor that takes nothing but objects.
struct Fields<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Fields<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, expecting = "a point")]
    struct Point {
        x: u8,
        #[serde(default)]
        y: u8,
    }

    #[test]
    fn a_struct_is_read_from_an_object_and_from_nothing_else() {
        let read = serde_json::from_str::<Object<Point>>;
        let point = read(r#"{"x": 1}"#).expect("a point");
        assert_eq!(point, Object(Point { x: 1, y: 0 }));
        for json in ["[]", "[1, 2]", "[[1, 2]]", "null", "1", r#""x""#] {
            let refused = read(json).expect_err(json).to_string();
            assert!(refused.contains("expected a point"), "{refused}");
        }
        for json in ["{}", r#"{"x": "1"}"#, r#"{"x": 1, "z": 1}"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
