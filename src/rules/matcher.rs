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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{On, Pattern};

    fn rule(on: &str, when: Option<&str>) -> Arc<Rule> {
        Arc::new(Rule {
            on: On::parse(&[on.to_owned()]).expect(on),
            when: when.map(|when| Pattern::parse(when.as_bytes()).expect(when)),
        })
    }

    const NONE: [u8; 0] = [];

    fn matching(matcher: &Matcher<u8>, event: &str) -> Vec<u8> {
        matcher.matches(&EventView::from_json(event.as_bytes()).expect(event))
    }

    #[test]
    fn keys_of_matching_rules_come_in_order() {
        let mut matcher = Matcher::new();
        matcher.insert(3, rule("site.>", None));
        matcher.insert(1, rule(">", Some(r#"{"data": {"live": [true]}}"#)));
        matcher.insert(
            2,
            rule("site.deploy", Some(r#"{"data": {"live": [false]}}"#)),
        );
        let live = r#"{"type": "site.deploy", "data": {"live": true}}"#;
        assert_eq!(matching(&matcher, live), [1, 3]);
        let other = r#"{"type": "site.deploy", "data": {"live": false}}"#;
        assert_eq!(matching(&matcher, other), [2, 3]);
        assert_eq!(matching(&matcher, r#"{"type": "domain.set"}"#), NONE);
    }

    #[test]
    fn rules_come_and_go_one_at_a_time() {
        let mut matcher = Matcher::new();
        assert!(matcher.is_empty());
        matcher.insert(1, rule("a", None));
        matcher.insert(1, rule("b", None));
        assert_eq!(matcher.len(), 1);
        assert_eq!(matching(&matcher, r#"{"type": "a"}"#), NONE);
        assert_eq!(matching(&matcher, r#"{"type": "b"}"#), [1]);
        matcher.remove(&1);
        matcher.remove(&2);
        assert_eq!(matching(&matcher, r#"{"type": "b"}"#), NONE);
        assert!(matcher.is_empty());
    }
}
