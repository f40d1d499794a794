//! The shape of a schema: its subschemas, and how each leads to others. What refers to anything
//! outside the schema is refused here.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    SchemaError,
    effort::{Effort, MAX_DEPTH},
    refused,
};
use crate::domain::json::escape_pointer;

/// Which subschema, in the order in which they were found.
pub(super) type Place = usize;

/// A subschema, as far as the work is concerned that it brings.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// How much it has to say itself.
    pub(super) weight: u64,
    /// Whether it applies a regular expression.
    pub(super) patterns: u64,
    /// How often those in `beside` are asked.
    pub(super) rounds: u64,
    /// The subschemas that judge the same value.
    pub(super) beside: Vec<Place>,
    /// The subschemas that judge every value within.
    pub(super) within: Vec<Place>,
    /// The subschemas that judge one value within, each another one.
    pub(super) apart: Vec<Place>,
}

/// All subschemas that are reached.
pub(super) struct Shape<'a> {
    root: &'a Value,
    pub(super) nodes: Vec<Node>,
    places: HashMap<String, Place>,
    anchors: HashMap<String, Place>,
    /// References that are to be followed: from where, at which pointer, to what.
    references: Vec<(Place, String, &'a str)>,
}

/// Keywords that hold one subschema for the same value.
const BESIDE: [&str; 4] = ["not", "if", "then", "else"];

/// Keywords that hold a list of subschemas for the same value.
const BESIDE_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Keywords that hold subschemas for the same value by name.
const BESIDE_MAPS: [&str; 2] = ["dependentSchemas", "dependencies"];

/// Keywords that hold one subschema for every value within.
const WITHIN: [&str; 7] = [
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "additionalItems",
    "contains",
    "unevaluatedItems",
];

/// Keywords that hold subschemas which judge nothing until they are referred to.
const SHELVES: [&str; 2] = ["$defs", "definitions"];

impl<'a> Shape<'a> {
    /// The shape of `schema`.
    ///
    /// # Errors
    /// The first place that refers to what is not within, or does not say what judges it.
    pub(super) fn of(schema: &'a Value) -> Result<Self, SchemaError> {
        let mut shape = Self {
            root: schema,
            nodes: Vec::new(),
            places: HashMap::new(),
            anchors: HashMap::new(),
            references: Vec::new(),
        };
        shape.visit(schema, String::new())?;
        while let Some((from, at, to)) = shape.references.pop() {
            let target = shape.find(&at, to)?;
            shape.nodes[from].beside.push(target);
        }
        Ok(shape)
    }

    /// What it takes to judge by it.
    ///
    /// # Errors
    /// If that has no end, or is too much for any value.
    pub(super) fn effort(self) -> Result<Effort, SchemaError> {
        Effort::of(&self.nodes)
    }

    fn visit(&mut self, schema: &'a Value, pointer: String) -> Result<Place, SchemaError> {
        if let Some(known) = self.places.get(&pointer) {
            return Ok(*known);
        }
        let place = self.nodes.len();
        self.nodes.push(Node {
            weight: 1,
            rounds: 1,
            ..Node::default()
        });
        self.places.insert(pointer.clone(), place);
        if let Value::Object(keywords) = schema {
            self.identity(keywords, &pointer, place)?;
            for (keyword, value) in keywords {
                let at = format!("{pointer}/{}", escape_pointer(keyword));
                self.keyword(place, keyword, value, at)?;
            }
        }
        Ok(place)
    }

    /// What the subschema at `pointer` is called.
    fn identity(
        &mut self,
        keywords: &'a Map<String, Value>,
        pointer: &str,
        place: Place,
    ) -> Result<(), SchemaError> {
        if keywords.contains_key("$id") && !pointer.is_empty() {
            let reason =
                "only the schema as a whole has an $id; name a part by its place, or with $anchor";
            return Err(refused(&format!("{pointer}/$id"), reason));
        }
        for dynamic in ["$dynamicRef", "$recursiveRef"] {
            if keywords.contains_key(dynamic) {
                let reason = "references are static: write $ref";
                return Err(refused(&format!("{pointer}/{dynamic}"), reason));
            }
        }
        for anchor in ["$anchor", "$dynamicAnchor"] {
            if let Some(Value::String(name)) = keywords.get(anchor) {
                self.anchors.insert(name.clone(), place);
            }
        }
        Ok(())
    }

    fn keyword(
        &mut self,
        place: Place,
        keyword: &str,
        value: &'a Value,
        at: String,
    ) -> Result<(), SchemaError> {
        match (keyword, value) {
            ("$ref", Value::String(to)) => self.references.push((place, at, to)),
            ("enum" | "const", value) => self.nodes[place].weight += tokens(value),
            ("required" | "dependentRequired", value) => self.nodes[place].weight += tokens(value),
            ("pattern", _) => self.nodes[place].patterns += 1,
            ("items" | "prefixItems", Value::Array(list)) => {
                let found = self.list(list, &at)?;
                self.nodes[place].apart.extend(found);
            }
            ("properties", Value::Object(map)) => {
                self.nodes[place].weight += map.len() as u64;
                let found = self.map(map, &at)?;
                self.nodes[place].apart.extend(found);
            }
            ("patternProperties", Value::Object(map)) => {
                self.nodes[place].patterns += map.len() as u64;
                let found = self.map(map, &at)?;
                self.nodes[place].within.extend(found);
            }
            (list, Value::Array(schemas)) if BESIDE_LISTS.contains(&list) => {
                let found = self.list(schemas, &at)?;
                self.nodes[place].beside.extend(found);
            }
            (map, Value::Object(schemas)) if BESIDE_MAPS.contains(&map) => {
                let found = self.map(schemas, &at)?;
                self.nodes[place].beside.extend(found);
            }
            (shelf, Value::Object(schemas)) if SHELVES.contains(&shelf) => {
                self.map(schemas, &at)?;
            }
            (one, schema) if BESIDE.contains(&one) && is_schema(schema) => {
                let found = self.visit(schema, at)?;
                self.nodes[place].beside.push(found);
            }
            (one, schema) if WITHIN.contains(&one) && is_schema(schema) => {
                if one.starts_with("unevaluated") {
                    // What is beside is asked again for what it has looked at.
                    self.nodes[place].rounds = 2;
                }
                let found = self.visit(schema, at)?;
                self.nodes[place].within.push(found);
            }
            _ => {}
        }
        Ok(())
    }

    fn list(&mut self, schemas: &'a [Value], at: &str) -> Result<Vec<Place>, SchemaError> {
        let schemas = schemas.iter().enumerate();
        schemas
            .filter(|(_, schema)| is_schema(schema))
            .map(|(index, schema)| self.visit(schema, format!("{at}/{index}")))
            .collect()
    }

    fn map(
        &mut self,
        schemas: &'a Map<String, Value>,
        at: &str,
    ) -> Result<Vec<Place>, SchemaError> {
        let schemas = schemas.iter();
        schemas
            .filter(|(_, schema)| is_schema(schema))
            .map(|(name, schema)| self.visit(schema, format!("{at}/{}", escape_pointer(name))))
            .collect()
    }

    /// The subschema that the reference `to`, which stands `at` a place, refers to.
    fn find(&mut self, at: &str, to: &str) -> Result<Place, SchemaError> {
        let Some(fragment) = to.strip_prefix('#') else {
            let reason = "nothing outside the schema is read: put it below $defs and refer to it \
                          as #/$defs/NAME";
            return Err(refused(at, reason));
        };
        let missing = || refused(at, format!("{to} leads to no schema in this one"));
        if let Some(known) = self.places.get(fragment).or(self.anchors.get(fragment)) {
            return Ok(*known);
        }
        if fragment.contains('%') {
            let reason = "write the pointer without percent signs";
            return Err(refused(at, reason));
        }
        let found = self.root.pointer(fragment).filter(|it| is_schema(it));
        let found = found.ok_or_else(missing)?;
        self.visit(found, fragment.to_owned())
    }
}

fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

/// How many values stand in `value`, itself among them.
fn tokens(value: &Value) -> u64 {
    match value {
        Value::Array(list) => 1 + list.iter().map(tokens).sum::<u64>(),
        Value::Object(map) => 1 + map.values().map(tokens).sum::<u64>(),
        _ => 1,
    }
}

// Schemas nest as deep as events do.
const _: () = assert!(MAX_DEPTH == crate::domain::json::MAX_DEPTH);
