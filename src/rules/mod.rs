//! The language in which listeners say which events they wait for: `on`, a list of event types,
//! and `when`, an event pattern. Both must hold.
//!
//! Rules are data. Parsing refuses whatever could be misread, with the place and what would be
//! right; evaluating cannot loop, its cost is bounded, and every answer can be explained clause
//! by clause. Nothing here knows who asks, or what is done with the answer.

mod choose;
mod condition;
mod eval;
mod explain;
mod flatten;
mod leaf;
mod matcher;
mod number;
mod on;
mod operators;
mod parse;
mod pattern;
mod refusal;
mod text;
mod tree;
mod verdict;
mod view;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod properties;

pub use choose::{LOOK, MAX_PICKS, MAX_STEPS};
pub use condition::{Comparison, Condition, Test};
pub use explain::{Asked, explain};
pub use flatten::{Element, Flat, Found, Inside};
pub use leaf::Leaf;
pub use matcher::Matcher;
pub use number::Number;
pub use on::{MAX_SUBJECTS, On, Subject};
pub use pattern::{Clause, MAX_BRANCHES, MAX_BYTES, MAX_LEVELS, MAX_PATHS, Pattern};
pub use refusal::{Refusal, RefusalCode};
pub use text::{Folded, TextTest, Wildcard};
pub use verdict::{
    ClauseVerdict, Explanation, JsonText, MAX_FOUND, MAX_FOUND_CHARS, MAX_NOTES, NotVerdict, Note,
    SubjectVerdict, WhenVerdict,
};
pub use view::EventView;

/// Which events a listener waits for.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Their types.
    pub on: On,
    /// What they must have in them; nothing in particular where there is none.
    pub when: Option<Pattern>,
}

impl Rule {
    /// Reads a rule from its `on` and the JSON text of its `when`.
    ///
    /// # Errors
    /// What is refused first, with its place in the one or the other.
    pub fn parse(on: &[String], when: Option<&str>) -> Result<Self, Refusal> {
        Ok(Self {
            on: On::parse(on)?,
            when: when
                .map(|when| Pattern::parse(when.as_bytes()))
                .transpose()?,
        })
    }

    /// Whether the event is waited for.
    pub fn matches(&self, event: &EventView<'_>) -> bool {
        let content = |when: &Pattern| when.matches(&Flat::of(event));
        self.on.matches(&event.event_type()) && self.when.as_ref().is_none_or(content)
    }
}
