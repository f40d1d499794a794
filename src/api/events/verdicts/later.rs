//! Listeners of now that would match but came too late: the webhook that somebody waits for in
//! vain is often one that was registered a minute after the event.

use super::{
    LATER_TIME,
    moment::{Moment, Rules},
    scan::rule,
    view::LaterView,
};
use crate::{
    api::state::ApiState,
    domain::listener::{Listener, ListenerState},
    store::StoreResult,
};

/// The most listeners that are named.
const MAX_LATER: usize = 5;

/// The most listeners that are looked at: those that came, or changed, first after the event.
const MAX_LOOKED_AT: u32 = 1_000;

/// Finds a few listeners that would match now, and did not hear the event because they came or
/// changed later.
///
/// # Errors
/// If the store cannot be read.
pub async fn find(state: &ApiState, moment: &Moment<'_>) -> StoreResult<Vec<LaterView>> {
    let mut later = Vec::new();
    if !moment.was_met() || moment.is_erased() {
        return Ok(later);
    }
    let end = state.clock.elapsed() + LATER_TIME;
    for rules in &moment.rules {
        let since = state
            .store
            .listeners_since(rules.project, rules.version, MAX_LOOKED_AT);
        for listener in since.await? {
            if later.len() == MAX_LATER || state.clock.elapsed() > end {
                return Ok(later);
            }
            later.extend(look(state, moment, *rules, listener).await?);
        }
    }
    Ok(later)
}

/// The listener, if it would match now and did not then.
async fn look(
    state: &ApiState,
    moment: &Moment<'_>,
    rules: Rules,
    now: Listener,
) -> StoreResult<Option<LaterView>> {
    let matches =
        |listener: &Listener| rule(listener).is_some_and(|rule| moment.asked.matches(&rule));
    if !matches(&now) {
        return Ok(None);
    }
    let then = state
        .store
        .listener_at(rules.project, rules.version, now.id)
        .await?;
    let hint = match then {
        None => format!("created later, at {}", now.created_at),
        Some(then) if then.config.state == ListenerState::Disabled => {
            format!("disabled then; enabled by the change of {}", now.updated_at)
        }
        Some(then) if !matches(&then) => format!(
            "revision {} did not match; it would since the change of {}",
            then.revision, now.updated_at
        ),
        Some(_) => return Ok(None),
    };
    Ok(Some(LaterView {
        listener: now.id,
        revision: now.revision,
        name: now.config.name,
        audience: rules.audience,
        created_at: now.created_at,
        updated_at: now.updated_at,
        hint,
    }))
}
