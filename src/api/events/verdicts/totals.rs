//! How many listeners said what, over all pages.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    TOTALS_TIME,
    moment::{Moment, Rules},
    scan::{CHUNK, chunk, is_on, rule},
};
use crate::{
    api::state::ApiState,
    domain::{delivery::DeliveryState, listener::ListenerState},
    store::{StoreResult, verdicts::MetListener},
};

/// Why there are no totals behind the first page.
pub const FIRST_PAGE_ONLY: &str = "they stand on the first page";

/// Why there are none of very many listeners.
const TOO_MANY: &str = "there were too many listeners to ask all of them again in one request";

/// Why there are none of very many consequences.
const TOO_MUCH: &str = "too much came of the event to be counted in one request";

/// How many listeners said what, over all pages, and what came of it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TotalsView {
    /// The listeners that there were.
    #[schema(example = 12)]
    listeners: u64,
    /// Those that were enabled.
    #[schema(example = 11)]
    enabled: u64,
    /// The enabled ones that waited for the event's type.
    #[schema(example = 3)]
    on_matched: u64,
    /// Those that matched.
    #[schema(example = 1)]
    matched: u64,
    /// The deliveries that came of it, by state; skipped ones too, as far as they have rows.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"delivered": 1}))]
    deliveries: BTreeMap<DeliveryState, u64>,
    /// The events that were emitted for it.
    #[schema(example = 0)]
    emitted: u64,
}

/// Why there are none of an event whose payload is gone.
const ERASED: &str = "the payload of the event was erased: how many matched cannot be told";

/// The totals of a moment, or why there are none.
///
/// # Errors
/// If the store cannot be read.
pub async fn count(
    state: &ApiState,
    moment: &Moment<'_>,
) -> StoreResult<(Option<TotalsView>, Option<&'static str>)> {
    if moment.is_erased() {
        return Ok((None, Some(ERASED)));
    }
    let mut totals = TotalsView::default();
    let end = state.clock.elapsed() + TOTALS_TIME;
    for rules in &moment.rules {
        let mut after = None;
        loop {
            let chunk = chunk(state, *rules, after).await?;
            after = chunk.last().map(|last| last.listener.id);
            let is_last = chunk.len() < CHUNK as usize;
            for met in chunk {
                totals.add(moment, &met);
                if state.clock.elapsed() > end {
                    return Ok((None, Some(TOO_MANY)));
                }
            }
            if is_last {
                break;
            }
        }
        if !totals.add_consequences(state, moment, *rules).await? {
            return Ok((None, Some(TOO_MUCH)));
        }
    }
    Ok((Some(totals), None))
}

impl TotalsView {
    fn add(&mut self, moment: &Moment<'_>, met: &MetListener) {
        self.listeners += 1;
        if met.listener.config.state == ListenerState::Disabled {
            return;
        }
        self.enabled += 1;
        if is_on(moment, met) {
            self.on_matched += 1;
            let matches = rule(&met.listener).is_some_and(|rule| moment.asked.matches(&rule));
            self.matched += u64::from(matches);
        }
    }

    /// Adds what came of the event. Gives whether it could be counted.
    async fn add_consequences(
        &mut self,
        state: &ApiState,
        moment: &Moment<'_>,
        rules: Rules,
    ) -> StoreResult<bool> {
        let event = moment.event;
        let found = state
            .store
            .consequences(rules.project, event.id, event.lineage.correlation);
        let found = found.await?;
        for (state, count) in found.deliveries {
            *self.deliveries.entry(state).or_default() += count;
        }
        self.emitted += found.emitted;
        Ok(!found.cut)
    }
}
