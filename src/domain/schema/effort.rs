//! What it takes to judge a value: known from the shape of the schema and of the value, before the
//! first step is made.
//!
//! A value at some depth is judged by as many subschemas as there are ways to it: `allOf` and
//! references multiply them level by level, so that a schema of a few lines could take years. The
//! ways are counted here, for each depth.

use serde_json::Value;

use super::{
    SchemaError, refused,
    shape::{Node, Place},
};
use crate::domain::json;

/// How deep values nest.
pub(super) const MAX_DEPTH: usize = json::MAX_DEPTH;

/// The most steps that a schema may bring to one way through a value.
const MAX_WEIGHT: u64 = 200_000;

/// The most subschemas that may be under way at a time: each takes a place on the stack.
const MAX_NESTED: u64 = 600;

/// What a schema brings to a value, by the depth of the value.
#[derive(Debug)]
pub(super) struct Effort {
    levels: Vec<Level>,
}

/// What a schema brings to each value of one depth.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// How many steps at most.
    steps: u64,
    /// How many regular expressions are applied to each text.
    patterns: u64,
    /// How many subschemas are under way.
    nested: u64,
}

impl Effort {
    /// What judging by `nodes` takes; the first one is the schema as a whole.
    ///
    /// # Errors
    /// If a subschema leads back to itself for the same value, or it takes too much.
    pub(super) fn of(nodes: &[Node]) -> Result<Self, SchemaError> {
        let order = order(nodes)?;
        let mut below = vec![Level::default(); nodes.len()];
        let mut levels = Vec::with_capacity(MAX_DEPTH + 1);
        // From the root, what lies `depth` below takes as many turns as there are ways down.
        for depth in 0..=MAX_DEPTH {
            let mut here = vec![Level::default(); nodes.len()];
            for place in &order {
                here[*place] = nodes[*place].level(depth, &here, &below);
            }
            levels.push(here[0]);
            below = here;
        }
        let effort = Self { levels };
        effort.check()?;
        Ok(effort)
    }

    /// How many steps it takes at most to judge `value`.
    pub(super) fn on(&self, value: &Value) -> u64 {
        self.below(value, 0)
    }

    fn below(&self, value: &Value, depth: usize) -> u64 {
        let level = self.levels.get(depth).copied().unwrap_or_default();
        let within = |sum: u64, inner: &Value| sum.saturating_add(self.below(inner, depth + 1));
        let name = self.levels.get(depth + 1).copied().unwrap_or_default();
        match value {
            Value::Array(list) => list.iter().fold(level.steps, within),
            Value::Object(map) => {
                let names = map.keys().map(|key| name.on_text(key) + level.on_text(key));
                let names = names.fold(level.steps, u64::saturating_add);
                map.values().fold(names, within)
            }
            Value::String(text) => level.on_text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => level.steps,
        }
    }

    fn check(&self) -> Result<(), SchemaError> {
        let sum = |sum: u64, level: &Level| sum.saturating_add(level.steps);
        if self.levels.iter().fold(0, sum) > MAX_WEIGHT {
            let reason = "judging by it takes too long: too many of its parts apply to one place";
            return Err(refused("", reason));
        }
        if self.levels.iter().any(|level| level.nested > MAX_NESTED) {
            let reason = "its references lead too far: too many of its parts nest in each other";
            return Err(refused("", reason));
        }
        Ok(())
    }
}

impl Level {
    fn on_text(self, text: &str) -> u64 {
        let reads = self.patterns.saturating_mul(text.len() as u64);
        self.steps.saturating_add(reads)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            steps: self.steps.saturating_add(other.steps),
            patterns: self.patterns.saturating_add(other.patterns),
            nested: self.nested.max(other.nested),
        }
    }

    fn most(self, other: Self) -> Self {
        Self {
            steps: self.steps.max(other.steps),
            patterns: self.patterns.max(other.patterns),
            nested: self.nested.max(other.nested),
        }
    }
}

impl Node {
    /// What this brings to values `depth` below those that it judges: `here` is what those beside
    /// it do, `below` what those within it bring to one level less.
    fn level(&self, depth: usize, here: &[Level], below: &[Level]) -> Level {
        let beside = self.beside.iter().map(|place| here[*place]);
        let mut level = beside.fold(Level::default(), Level::plus);
        level.steps = level.steps.saturating_mul(self.rounds);
        level.patterns = level.patterns.saturating_mul(self.rounds);
        if depth == 0 {
            level.steps = level.steps.saturating_add(self.weight);
            level.patterns = level.patterns.saturating_add(self.patterns);
        } else {
            let within = self.within.iter().map(|place| below[*place]);
            let apart = self.apart.iter().map(|place| below[*place]);
            let apart = apart.fold(Level::default(), Level::most);
            level = level.plus(within.fold(apart, Level::plus));
        }
        level.nested += 1;
        level
    }
}

/// The subschemas in an order in which each comes after those beside it.
fn order(nodes: &[Node]) -> Result<Vec<Place>, SchemaError> {
    let mut order = Vec::with_capacity(nodes.len());
    let mut waiting: Vec<usize> = nodes.iter().map(|node| node.beside.len()).collect();
    let mut beside_of = vec![Vec::new(); nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        for beside in &node.beside {
            beside_of[*beside].push(place);
        }
    }
    let mut ready: Vec<Place> = (0..nodes.len()).filter(|it| waiting[*it] == 0).collect();
    while let Some(place) = ready.pop() {
        order.push(place);
        for outer in &beside_of[place] {
            waiting[*outer] -= 1;
            if waiting[*outer] == 0 {
                ready.push(*outer);
            }
        }
    }
    match order.len() == nodes.len() {
        true => Ok(order),
        false => Err(refused(
            "",
            "it refers to itself without going into the value: judging by it would never end",
        )),
    }
}
