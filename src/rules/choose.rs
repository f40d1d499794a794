//! Chooses elements of arrays so that all fields of a branch are fulfilled together.
//!
//! A choice picks one element of some arrays. A leaf is *in* the choice if every array around it
//! has either the leaf's own element picked or none at all. A choice fulfils a branch if
//!
//! - of every field an accepted leaf is in it, or the field may be absent and no leaf of it is in
//!   the choice, and
//! - an array has an element picked only where an accepted leaf of some field leads through it.
//!
//! So the fields that want a leaf choose, and absence is judged by what they have chosen; sibling
//! arrays are independent, and the order of fields plays no part. (Where an event spells a path in
//! two ways, a field may find leaves in several elements that agree: then it chooses all of them.)
//!
//! The cost is bounded. Fields that share no array are settled apart, and an array's elements are
//! tried once each, so each leaf is looked at once for every array around it. Only an event that
//! spells one path in several ways (`{"a.b": […], "a": [{"b": …}]}`) can tangle arrays so that
//! combinations must be tried; [`Steps`] ends that.

use std::collections::BTreeSet;

use super::flatten::Element;

/// The most steps that a rule may take with one event: one for each pair of a condition and a
/// leaf at its path, and [`LOOK`] for each leaf or field looked at while elements are chosen. An
/// event that takes a rule further does not match it, whatever stands under `$not`.
pub const MAX_STEPS: usize = 10_000_000;

/// How many steps a look at a leaf is, beside one that tests a condition.
pub const LOOK: usize = 10;

/// The most arrays from which elements may be picked one after the other. Arrays inside each
/// other are fewer, by the depth that events may have; what goes beyond counts as too many steps.
pub const MAX_PICKS: usize = 128;

/// A field of a branch: where the leaves are that could fulfil it. Lists are sorted, without
/// repetition.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'e> {
    /// The elements around each accepted leaf.
    pub accepted: Vec<&'e [Element]>,
    /// If the field may be absent: the elements around every leaf that it has.
    pub present: Option<Vec<&'e [Element]>>,
}

/// What is left of [`MAX_STEPS`] and [`MAX_PICKS`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    left: usize,
    picks: usize,
}

/// The rule took more steps than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooCostly;

impl Steps {
    /// All that a rule may take.
    pub fn all() -> Self {
        Self {
            left: MAX_STEPS,
            picks: MAX_PICKS,
        }
    }

    /// Looks at `count` leaves or fields.
    pub fn look(&mut self, count: usize) -> Result<(), TooCostly> {
        self.take(count * LOOK)
    }

    /// Takes `count` steps.
    pub fn take(&mut self, count: usize) -> Result<(), TooCostly> {
        self.left = self.left.checked_sub(count).ok_or(TooCostly)?;
        Ok(())
    }
}

/// Whether there is a choice that fulfils all fields.
pub(super) fn agree(fields: Vec<Wanted<'_>>, steps: &mut Steps) -> Result<bool, TooCostly> {
    steps.look(fields.iter().map(Wanted::size).sum())?;
    if fields.iter().any(Wanted::is_hopeless) {
        return Ok(false);
    }
    for group in groups(fields) {
        if !group_agrees(&group, steps)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tries the elements of the group's first array.
fn group_agrees(fields: &[Wanted<'_>], steps: &mut Steps) -> Result<bool, TooCostly> {
    let Some(array) = fields.iter().flat_map(Wanted::arrays).min() else {
        return Ok(true);
    };
    steps.picks = steps.picks.checked_sub(1).ok_or(TooCostly)?;
    let agreed = some_pick_agrees(fields, array, steps);
    steps.picks += 1;
    agreed
}

/// Tries every element of `array` that may be picked. To pick one is never worse than to pick
/// none: it takes away leaves of that array alone, and whoever chose none of those is no worse off.
fn some_pick_agrees(
    fields: &[Wanted<'_>],
    array: u32,
    steps: &mut Steps,
) -> Result<bool, TooCostly> {
    let elements = elements(fields, array);
    if elements.is_empty() {
        let left = fields.iter().map(|field| field.without(array));
        return agree(left.collect(), steps);
    }
    for element in elements {
        steps.look(fields.len())?;
        let picked = surviving(fields.iter().map(|field| field.with(element)));
        if let Some(picked) = picked
            && agree(picked, steps)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The fields, unless one of them can no longer be fulfilled.
fn surviving<'e>(fields: impl Iterator<Item = Wanted<'e>>) -> Option<Vec<Wanted<'e>>> {
    fields
        .map(|field| (!field.is_hopeless()).then_some(field))
        .collect()
}

/// The elements of `array` that may be picked. A field that can be fulfilled nowhere else says
/// which alone are worth trying.
fn elements(fields: &[Wanted<'_>], array: u32) -> BTreeSet<Element> {
    let bound = fields.iter().filter(|field| field.is_bound_to(array));
    let bound = bound.min_by_key(|field| field.accepted.len());
    let places = bound.map_or(fields, std::slice::from_ref).iter();
    places
        .flat_map(|field| &field.accepted)
        .filter_map(|place| place.first().copied())
        .filter(|element| element.array == array)
        .collect()
}

/// Splits fields into groups that share no array.
fn groups(fields: Vec<Wanted<'_>>) -> Vec<Vec<Wanted<'_>>> {
    let mut groups: Vec<(BTreeSet<u32>, Vec<Wanted<'_>>)> = Vec::new();
    for field in fields {
        let mut arrays: BTreeSet<u32> = field.arrays().collect();
        let mut members = vec![field];
        let (same, others) = groups
            .into_iter()
            .partition(|(theirs, _)| !theirs.is_disjoint(&arrays));
        groups = others;
        for (their_arrays, their_members) in same {
            arrays.extend(their_arrays);
            members.extend(their_members);
        }
        groups.push((arrays, members));
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

impl<'e> Wanted<'e> {
    /// Whether no choice can fulfil it: no leaf is accepted, and one that would have to be absent
    /// is in no array that could be chosen otherwise.
    pub fn is_hopeless(&self) -> bool {
        let outside =
            |places: &Vec<&[Element]>| places.first().is_some_and(|first| first.is_empty());
        self.accepted.is_empty() && self.present.as_ref().is_none_or(outside)
    }

    /// How many places there are to look at.
    fn size(&self) -> usize {
        1 + self.accepted.len() + self.present.as_ref().map_or(0, Vec::len)
    }

    /// The outermost arrays around its leaves.
    fn arrays(&self) -> impl Iterator<Item = u32> {
        let places = self.accepted.iter().chain(self.present.iter().flatten());
        places.filter_map(|place| place.first().map(|element| element.array))
    }

    /// Whether only an element of `array` can fulfil it.
    fn is_bound_to(&self, array: u32) -> bool {
        let inside = |place: &&[Element]| place.first().is_some_and(|first| first.array == array);
        self.present.is_none() && self.accepted.iter().all(inside)
    }

    /// What is left of it when `element` is picked.
    fn with(&self, element: Element) -> Self {
        Self {
            accepted: within(&self.accepted, element),
            present: self.present.as_ref().map(|places| within(places, element)),
        }
    }

    /// What it is when no element of `array` is picked, because it accepts no leaf in there: but
    /// the leaves are there.
    fn without(&self, array: u32) -> Self {
        let opened = |place: &&'e [Element]| match place.first() {
            Some(first) if first.array == array => &[],
            _ => *place,
        };
        let present = self.present.as_ref();
        Self {
            accepted: self.accepted.clone(),
            present: present.map(|places| sorted(places.iter().map(opened).collect())),
        }
    }
}

/// The places in `element`, seen from inside it, and those outside of its array.
fn within<'e>(places: &[&'e [Element]], element: Element) -> Vec<&'e [Element]> {
    let before = |wanted: Element| places.partition_point(|place| place.first() < Some(&wanted));
    let edge = |array, index| before(Element { array, index });
    let array = edge(element.array, 0)..edge(element.array + 1, 0);
    let run = before(element)..edge(element.array, element.index + 1);
    let inside = places[run].iter().map(|place| &place[1..]);
    let outside = places[..array.start].iter().chain(&places[array.end..]);
    sorted(outside.copied().chain(inside).collect())
}

fn sorted(mut places: Vec<&[Element]>) -> Vec<&[Element]> {
    places.sort_unstable();
    places.dedup();
    places
}
