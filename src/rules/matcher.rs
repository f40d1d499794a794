//! The rules of one project, to be asked which of them an event matches.

use std::{cell::LazyCell, collections::BTreeMap, sync::Arc};

use super::{Rule, flatten::Flat, view::EventView};

/// A set of rules by key, kept current one rule at a time. It is small on purpose: whoever asks
/// does not learn how the answer is found, so that an index can take the place of what is inside.
#[derive(Debug, Clone)]
pub struct Matcher<K> {
    rules: BTreeMap<K, Arc<Rule>>,
}

impl<K: Ord + Copy> Matcher<K> {
    /// A matcher without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule, in the place of one that has the same key.
    pub fn insert(&mut self, key: K, rule: Arc<Rule>) {
        self.rules.insert(key, rule);
    }

    /// Takes a rule out; nothing happens if there is none.
    pub fn remove(&mut self, key: &K) {
        self.rules.remove(key);
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The keys of all rules that `event` matches, in order.
    pub fn matches(&self, event: &EventView<'_>) -> Vec<K> {
        let event_type = event.event_type();
        let flat = LazyCell::new(|| Flat::of(event));
        let matching = self.rules.iter().filter(|(_, rule)| {
            rule.on.matches(&event_type)
                && rule.when.as_ref().is_none_or(|when| when.matches(&flat))
        });
        matching.map(|(key, _)| *key).collect()
    }
}

impl<K> Default for Matcher<K> {
    fn default() -> Self {
        Self {
            rules: BTreeMap::new(),
        }
    }
}
