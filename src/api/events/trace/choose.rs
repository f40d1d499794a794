//! Which events a trace shows, if there are more than it can.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{MAX_CHAIN, MAX_EVENTS, sees};
use crate::{
    api::state::ApiState,
    domain::{
        event::Event,
        ids::{EventId, ProjectId},
    },
    store::{StoreResult, trace::Link},
};

/// The events of a trace.
pub struct Chosen {
    /// How they hang together, parents before their children.
    pub links: Vec<Link>,
    /// Whether there are more.
    pub truncated: bool,
}

/// Chooses up to [`MAX_EVENTS`] events around `asked`: its ancestors, what came of it, and then what
/// else came of its first cause.
///
/// # Errors
/// If the store cannot be read.
pub async fn choose(
    state: &ApiState,
    asked: &Event,
    seen_by: Option<ProjectId>,
) -> StoreResult<Chosen> {
    let mut line = state.store.ancestry(asked.id).await?;
    line.retain(|link| sees(seen_by, link.project));
    let correlation = asked.lineage.correlation;
    let mut chain = state.store.chain(correlation, MAX_CHAIN + 1).await?;
    let cut = chain.len() > MAX_CHAIN as usize;
    chain.truncate(MAX_CHAIN as usize);
    chain.retain(|link| sees(seen_by, link.project));
    let (links, all) = around(asked.id, &line, &chain);
    Ok(Chosen {
        links,
        truncated: cut || !all,
    })
}

/// The links of `line` (from the asked event upwards) and as many of `chain` as there is room for,
/// parents first; and whether those are all.
fn around(asked: EventId, line: &[Link], chain: &[Link]) -> (Vec<Link>, bool) {
    let mut children: HashMap<Option<EventId>, Vec<Link>> = HashMap::new();
    let known: HashSet<_> = chain.iter().chain(line).map(|link| link.event).collect();
    for link in chain {
        let parent = link.cause.filter(|cause| known.contains(cause));
        children.entry(parent).or_default().push(*link);
    }
    let mut choice = Choice {
        links: line.iter().rev().copied().collect(),
        taken: line.iter().map(|link| link.event).collect(),
        children,
    };
    let above: Vec<_> = line.iter().map(|link| Some(link.event)).collect();
    let all = choice.spread([Some(asked)]) && choice.spread([None]) && choice.spread(above);
    (choice.links, all)
}

/// Events that are being chosen.
struct Choice {
    links: Vec<Link>,
    taken: HashSet<EventId>,
    /// What came of each event and was not looked at yet; under none stands what nothing led to.
    children: HashMap<Option<EventId>, Vec<Link>>,
}

impl Choice {
    /// Takes all that came of `from`, the nearest first. Gives whether there was room.
    fn spread(&mut self, from: impl IntoIterator<Item = Option<EventId>>) -> bool {
        let mut waiting: VecDeque<_> = from.into_iter().collect();
        while let Some(parent) = waiting.pop_front() {
            for link in self.children.remove(&parent).unwrap_or_default() {
                waiting.push_back(Some(link.event));
                if !self.taken.insert(link.event) {
                    continue;
                }
                if self.links.len() >= MAX_EVENTS {
                    return false;
                }
                self.links.push(link);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        chance::Chance,
        ids::{Ids, default_project},
        time::Timestamp,
    };

    /// A chain of events in which each of `causes` names the one before it, by its place.
    fn chain(causes: &[Option<usize>]) -> Vec<Link> {
        let ids = Ids::new(Chance::seeded(1));
        let names: Vec<EventId> = causes
            .iter()
            .map(|_| ids.next(Timestamp::from_millis(1)))
            .collect();
        let link = |(place, cause): (usize, &Option<usize>)| Link {
            event: names[place],
            project: default_project(),
            cause: cause.map(|cause| names[cause]),
        };
        causes.iter().enumerate().map(link).collect()
    }

    fn places(links: &[Link], chain: &[Link]) -> Vec<usize> {
        let place = |link: &Link| chain.iter().position(|other| other == link);
        links.iter().filter_map(place).collect()
    }

    #[test]
    fn the_way_comes_first_then_what_came_of_it_then_the_rest() {
        // 0 led to 1 and 2, 2 to 3 and 4; 4 to 5; 1 to 6.
        let chain = chain(&[None, Some(0), Some(0), Some(2), Some(2), Some(4), Some(1)]);
        let line = [chain[2], chain[0]];
        let (links, all) = around(chain[2].event, &line, &chain);
        assert!(all);
        assert_eq!(places(&links, &chain), [0, 2, 3, 4, 5, 1, 6]);
    }

    #[test]
    fn what_came_of_the_event_has_room_before_its_siblings() {
        // A first cause with very many children, the last of which has one of its own.
        let mut causes = vec![None];
        causes.extend(vec![Some(0); 2 * MAX_EVENTS]);
        causes.push(Some(2 * MAX_EVENTS));
        let chain = chain(&causes);
        let asked = chain[2 * MAX_EVENTS];
        let (links, all) = around(asked.event, &[asked, chain[0]], &chain);
        assert!(!all);
        assert_eq!(links.len(), MAX_EVENTS);
        let expected = [0, 2 * MAX_EVENTS, 2 * MAX_EVENTS + 1, 1, 2];
        assert_eq!(places(&links, &chain)[..5], expected);
    }

    #[test]
    fn what_lost_its_parent_stands_for_itself() {
        let mut chain = chain(&[None, Some(0), Some(1)]);
        let asked = chain[2];
        chain.remove(0);
        let (links, all) = around(asked.event, &[asked, chain[0]], &chain);
        assert!(all);
        assert_eq!(links, [chain[0], asked]);
    }
}
