//! Searching the log of events for what the language of listeners says: `?when=`.
//!
//! There is no index for what stands in events: they are read in the order of the list, those that the
//! other filters let through, and asked one by one. A request looks at a bounded number of them, of
//! bytes, and for a bounded time; the answer says how far it came, and its `next` goes on from there.

use std::time::Duration;

use super::EventSummary;
use crate::{
    api::{
        problem::{ApiResult, Code, Problem},
        state::ApiState,
    },
    domain::{
        ids::{EventId, ProjectId, stamp},
        list::{Listed, Window},
    },
    rules::{EventView, On, Pattern, Rule},
    store::{
        events::{EventFilter, EventRecord},
        list::SCAN_BUDGET,
    },
};

/// How long a request looks at events.
const SEARCH_TIME: Duration = Duration::from_millis(500);

/// How many bytes of data a request looks at.
const SEARCH_BYTES: usize = 16 * 1024 * 1024;

/// How many events are read at a time, and how many bytes: others have their turn between.
const CHUNK: u32 = 200;
const CHUNK_BYTES: usize = 1024 * 1024;

/// The rule that `when` says.
///
/// # Errors
/// What is refused first, with its place in the pattern.
pub(super) fn rule(when: &str) -> ApiResult<Rule> {
    let pattern = Pattern::parse(when.as_bytes()).map_err(|refusal| {
        let detail = format!("when: {}", refusal.message);
        Problem::at(Code::BadParameter, refusal.pointer, detail).because(refusal.code.as_str())
    })?;
    Ok(Rule {
        on: On::every_event(),
        when: Some(pattern),
    })
}

/// The events of `project` that `filter` lets through and `rule` matches.
///
/// # Errors
/// If the store cannot be read.
pub(super) async fn search(
    state: &ApiState,
    project: ProjectId,
    filter: &EventFilter,
    rule: &Rule,
    window: &Window<EventId>,
) -> ApiResult<Listed<EventSummary, EventId>> {
    let mut search = Search::new(rule, window.limit as usize, state.clock.elapsed());
    let mut chunk = Window {
        limit: CHUNK,
        ..*window
    };
    loop {
        let read = state
            .store
            .events_within(project, filter, &chunk, CHUNK_BYTES);
        let read = read.await?;
        for record in read.entries {
            search.look_at(&record, state.clock.elapsed());
            if search.is_over() {
                return Ok(search.end());
            }
        }
        match (read.next, read.scanned_until) {
            (Some(next), None) => chunk.after = Some(next),
            (next, scanned_until) => {
                return Ok(Listed {
                    entries: search.found,
                    next,
                    scanned_until,
                });
            }
        }
    }
}

/// A search under way.
struct Search<'a> {
    rule: &'a Rule,
    limit: usize,
    found: Vec<EventSummary>,
    /// One was found that has no room on the page.
    has_more: bool,
    /// The last one that was looked at.
    last: Option<EventId>,
    /// What may still be looked at.
    rows: u32,
    bytes: usize,
    until: Duration,
    is_late: bool,
}

impl<'a> Search<'a> {
    fn new(rule: &'a Rule, limit: usize, now: Duration) -> Self {
        Self {
            rule,
            limit,
            found: Vec::new(),
            has_more: false,
            last: None,
            rows: SCAN_BUDGET,
            bytes: SEARCH_BYTES,
            until: now + SEARCH_TIME,
            is_late: false,
        }
    }

    fn look_at(&mut self, record: &EventRecord, now: Duration) {
        let event = &record.event;
        if self.rule.matches(&EventView::of(event)) {
            match self.found.len() < self.limit {
                true => self.found.push(EventSummary::of(event)),
                false => self.has_more = true,
            }
        }
        self.last = Some(event.id);
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(event.data.bytes().len());
        self.is_late = now > self.until;
    }

    fn is_over(&self) -> bool {
        self.has_more || self.rows == 0 || self.bytes == 0 || self.is_late
    }

    /// What was found until it was over: the next page begins behind the last one that is shown, or
    /// that was looked at.
    fn end(self) -> Listed<EventSummary, EventId> {
        let shown = self.found.last().map(|event| event.id);
        match self.has_more {
            true => Listed {
                entries: self.found,
                next: shown,
                scanned_until: None,
            },
            false => Listed {
                entries: self.found,
                next: self.last,
                scanned_until: self.last.map(stamp),
            },
        }
    }
}
