//! Flattens an event to its leaves: path, value, and the elements of arrays that it is in.

use std::{collections::HashMap, sync::Arc};

use jiter::{Jiter, JiterError, Peek};

use super::{
    leaf::Leaf,
    number::Number,
    view::{EventView, Field, MAX_ENVELOPE_DEPTH},
};

/// An event's leaves by path. Arrays vanish from the path, and `{"a.b": 1}` and `{"a": {"b": 1}}`
/// give the same. Memory and time are linear in the event's length.
#[derive(Debug, Default)]
pub struct Flat {
    /// The trie of paths: which node a key leads to.
    steps: HashMap<(usize, Box<str>), usize>,
    /// The leaves of each node; the first is the root.
    leaves: Vec<Vec<Found>>,
    arrays: u32,
}

/// A leaf of an event.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its value.
    pub leaf: Leaf,
    /// Which elements it is in, outermost first. Only elements that are objects or arrays count:
    /// scalars side by side in an array are in no element of it.
    pub inside: Inside,
}

/// Elements of arrays inside each other.
pub type Inside = Arc<[Element]>;

/// An element of an array. Arrays are numbered as they begin in the event, so an outer one before
/// those in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    /// The number of the array.
    pub array: u32,
    /// Which element of it, from zero.
    pub index: u32,
}

impl Flat {
    /// Flattens an event. A field whose JSON is not well-formed is as if it were not there.
    pub fn of(view: &EventView<'_>) -> Self {
        let mut flat = Self {
            leaves: vec![Vec::new()],
            ..Self::default()
        };
        let outside: Inside = Arc::new([]);
        for (name, field) in &view.fields {
            let node = flat.below(0, name);
            match field {
                Field::Text(text) => flat.add(node, Leaf::Text((*text).into()), &outside),
                Field::Boolean(value) => flat.add(node, Leaf::Bool(*value), &outside),
                Field::Integer(value) => {
                    let number = Number::of_json(&value.to_string());
                    flat.add(node, Leaf::Number(number), &outside);
                }
                Field::Json(json) => flat.add_json(node, json, &outside),
            }
        }
        for leaves in &mut flat.leaves {
            leaves.sort_by(|left, right| left.inside.cmp(&right.inside));
        }
        flat
    }

    /// The leaves at a path, sorted by the elements that they are in; none where there is none.
    pub fn at(&self, path: &str) -> &[Found] {
        let node = path.split('.').try_fold(0, |node, key| {
            self.steps.get(&(node, Box::from(key))).copied()
        });
        node.map_or(&[], |node| &self.leaves[node])
    }

    /// The node below `node` that `key` leads to, which may be several steps down.
    fn below(&mut self, node: usize, key: &str) -> usize {
        key.split('.').fold(node, |node, token| {
            let next = self.leaves.len();
            let found = *self.steps.entry((node, token.into())).or_insert(next);
            if found == next {
                self.leaves.push(Vec::new());
            }
            found
        })
    }

    fn add(&mut self, node: usize, leaf: Leaf, inside: &Inside) {
        let inside = Arc::clone(inside);
        self.leaves[node].push(Found { leaf, inside });
    }

    fn add_json(&mut self, node: usize, json: &[u8], outside: &Inside) {
        let mut walk = Walk {
            json: Jiter::new(json),
            found: Vec::new(),
            flat: self,
        };
        let walked = walk.value(node, outside, 0);
        if walked.is_ok() && walk.json.finish().is_ok() {
            for (node, found) in walk.found {
                self.leaves[node].push(found);
            }
        }
    }
}

/// A walk through a JSON text.
struct Walk<'f, 'j> {
    json: Jiter<'j>,
    found: Vec<(usize, Found)>,
    flat: &'f mut Flat,
}

/// The walk met something that is not JSON, or nests too deep.
struct Broken;

impl From<JiterError> for Broken {
    fn from(_: JiterError) -> Self {
        Self
    }
}

impl Walk<'_, '_> {
    fn value(&mut self, node: usize, inside: &Inside, depth: usize) -> Result<(), Broken> {
        match self.json.peek()? {
            _ if depth > MAX_ENVELOPE_DEPTH => Err(Broken),
            Peek::Array => self.array(node, inside, depth),
            Peek::Object => self.object(node, inside, depth),
            scalar => {
                let leaf = Leaf::read(&mut self.json, scalar)?;
                let inside = Arc::clone(inside);
                self.found.push((node, Found { leaf, inside }));
                Ok(())
            }
        }
    }

    fn object(&mut self, node: usize, inside: &Inside, depth: usize) -> Result<(), Broken> {
        let mut key = self.json.known_object()?.map(str::to_owned);
        while let Some(name) = key {
            let below = self.flat.below(node, &name);
            self.value(below, inside, depth + 1)?;
            key = self.json.next_key()?.map(str::to_owned);
        }
        Ok(())
    }

    fn array(&mut self, node: usize, inside: &Inside, depth: usize) -> Result<(), Broken> {
        let array = self.flat.arrays;
        self.flat.arrays += 1;
        let mut index = 0;
        let mut next = self.json.known_array()?;
        while let Some(first) = next {
            if matches!(first, Peek::Array | Peek::Object) {
                let element = Element { array, index };
                let deeper = inside.iter().copied().chain([element]).collect();
                self.value(node, &deeper, depth + 1)?;
            } else {
                self.value(node, inside, depth + 1)?;
            }
            index += 1;
            next = self.json.array_step()?;
        }
        Ok(())
    }
}
