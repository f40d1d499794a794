//! Walking through the listeners of a moment: those that wait for the event's type first, page by
//! page, at a bounded cost.

use std::{fmt, str::FromStr, time::Duration};

use serde_json::value::RawValue;

use super::{
    PAGE_TIME,
    moment::{Audience, Moment, Rules},
};
use crate::{
    api::state::ApiState,
    domain::{
        ids::ListenerId,
        listener::{Listener, ListenerState},
    },
    rules::{Explanation, On, Rule},
    store::{StoreResult, verdicts::MetListener},
};

/// How many listeners are read at a time.
pub const CHUNK: u32 = 250;

/// Where a page begins: in which walk, and behind which listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    walk: usize,
    after: Option<ListenerId>,
}

/// A way through the listeners of an audience.
#[derive(Debug, Clone, Copy)]
struct Walk {
    name: &'static str,
    audience: Audience,
    /// Whether those are wanted whose `on` holds, or those whose `on` does not.
    on: bool,
}

/// All walks in the order of the list.
const WALKS: [Walk; 4] = [
    Walk::through("on", Audience::Project, true),
    Walk::through("platform_on", Audience::Platform, true),
    Walk::through("rest", Audience::Project, false),
    Walk::through("platform_rest", Audience::Platform, false),
];

impl Walk {
    const fn through(name: &'static str, audience: Audience, on: bool) -> Self {
        Self { name, audience, on }
    }
}

/// The cursor of the list: the walk, a dot, and the listener behind which it goes on.
impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.", WALKS[self.walk].name)?;
        self.after.map_or(Ok(()), |after| after.fmt(formatter))
    }
}

/// A text is no cursor of this list.
#[derive(Debug, thiserror::Error)]
#[error("it is not the `next` of a page of verdicts")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (name, after) = text.split_once('.').ok_or(NoPlace)?;
        let walk = WALKS.iter().position(|walk| walk.name == name);
        let after = match after {
            "" => None,
            after => Some(after.parse().map_err(|_| NoPlace)?),
        };
        Ok(Self {
            walk: walk.ok_or(NoPlace)?,
            after,
        })
    }
}

/// A listener that an event met, and what its rule says.
pub struct Found {
    /// Whose it is.
    pub rules: Rules,
    /// The listener as it was.
    pub met: MetListener,
    /// What its rule says; none if that cannot be told: this version of the program cannot read it,
    /// or it asks for what was erased.
    pub explanation: Option<Explanation>,
    /// Whether this version of the program can read its rule.
    pub is_readable: bool,
    /// Whether it waits for the event's type.
    pub on: bool,
}

/// A page of listeners.
pub struct Page {
    /// The listeners.
    pub found: Vec<Found>,
    /// Where the next page begins; none if there is none.
    pub next: Option<Place>,
}

impl Page {
    /// Gathers up to `limit` listeners from `begin` on. It ends after [`PAGE_TIME`] with what it has
    /// by then, having looked at one listener at least.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn gather(
        state: &ApiState,
        moment: &Moment<'_>,
        begin: Place,
        limit: usize,
    ) -> StoreResult<Self> {
        let mut gathering = Gathering {
            state,
            moment,
            limit,
            end: state.clock.elapsed() + PAGE_TIME,
            found: Vec::new(),
        };
        let mut place = begin;
        while place.walk < WALKS.len() {
            if let Some(next) = gathering.walk(place).await? {
                return Ok(gathering.ends(Some(next)));
            }
            place = Place {
                walk: place.walk + 1,
                after: None,
            };
        }
        Ok(gathering.ends(None))
    }
}

/// A page that is being gathered.
struct Gathering<'a> {
    state: &'a ApiState,
    moment: &'a Moment<'a>,
    limit: usize,
    end: Duration,
    found: Vec<Found>,
}

impl Gathering<'_> {
    fn ends(self, next: Option<Place>) -> Page {
        Page {
            found: self.found,
            next,
        }
    }

    /// Goes on with a walk. Gives where the next page begins if this one has come to its end.
    async fn walk(&mut self, mut place: Place) -> StoreResult<Option<Place>> {
        let walk = WALKS[place.walk];
        let rules = self.moment.rules.iter();
        let Some(rules) = rules.copied().find(|rules| rules.audience == walk.audience) else {
            return Ok(None);
        };
        loop {
            let chunk = chunk(self.state, rules, place.after).await?;
            let is_last = chunk.len() < CHUNK as usize;
            for met in chunk {
                let listener = met.listener.id;
                if is_on(self.moment, &met) == walk.on {
                    if self.found.len() == self.limit {
                        return Ok(Some(place));
                    }
                    self.found.push(Found::of(self.moment, rules, met));
                }
                place.after = Some(listener);
                if self.state.clock.elapsed() > self.end {
                    return Ok(Some(place));
                }
            }
            if is_last {
                return Ok(None);
            }
        }
    }
}

/// The next listeners of `rules`.
///
/// # Errors
/// If the store cannot be read.
pub async fn chunk(
    state: &ApiState,
    rules: Rules,
    after: Option<ListenerId>,
) -> StoreResult<Vec<MetListener>> {
    let met = state
        .store
        .listeners_met(rules.project, rules.version, after, CHUNK);
    met.await
}

/// Whether a listener waits for the event's type.
pub fn is_on(moment: &Moment<'_>, met: &MetListener) -> bool {
    On::parse(&met.listener.config.on).is_ok_and(|on| moment.asked.is_on(&on))
}

/// The rule of a listener, if this version of the program can read it: it was checked before it was
/// stored.
pub fn rule(listener: &Listener) -> Option<Rule> {
    let when = listener.config.when.as_deref();
    Rule::parse(&listener.config.on, when.map(RawValue::get)).ok()
}

impl Found {
    fn of(moment: &Moment<'_>, rules: Rules, met: MetListener) -> Self {
        let explain = |rule: Rule| moment.asked.explain(&rule);
        let tells = !moment.is_erased() || met.listener.config.when.is_none();
        let rule = rule(&met.listener);
        Self {
            is_readable: rule.is_some(),
            on: is_on(moment, &met),
            explanation: rule.filter(|_| tells).map(explain),
            rules,
            met,
        }
    }

    /// Whether the listener was asked: it was enabled, and so was the event.
    pub fn was_asked(&self, moment: &Moment<'_>) -> bool {
        moment.was_met()
            && self.is_readable
            && self.met.listener.config.state == ListenerState::Enabled
    }

    /// Whether its reactions were carried out, or are going to be, as far as can be told.
    pub fn reacted(&self, moment: &Moment<'_>) -> bool {
        let explanation = self.explanation.as_ref();
        let matched = explanation.map_or(self.on, |explanation| explanation.matched);
        self.was_asked(moment) && matched
    }

    /// Whether it waits for the event's type, but nobody can tell any more what its `when` said.
    pub fn is_unknown(&self) -> bool {
        self.is_readable && self.on && self.explanation.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for text in ["on.", "rest.lis_01h455vb4pex5vsknk084sn02q", "platform_on."] {
            let place: Place = text.parse().expect(text);
            assert_eq!(place.to_string(), text);
        }
        assert_eq!(Place::default().to_string(), "on.");
        for text in [
            "",
            "on",
            "off.",
            "on.lis_",
            "on.evt_01h455vb4pex5vsknk084sn02q",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
