//! Where a delivery stands, in a plain sentence.

use super::circumstances::Around;
use crate::{
    domain::{
        attempt::ErrorKind,
        delivery::{CancelReason, DeadReason, Delivery, DeliveryState, SkipReason, Target},
        endpoint::EndpointState,
        time::Timestamp,
    },
    engine::Whereabouts,
    store::circumstances::{LastAttempt, MAX_DUE_BEFORE, Standing},
};

/// The sentence about `delivery`, as far as what is `around` it lets one tell.
pub fn summary(delivery: &Delivery, around: &Around) -> String {
    match delivery.state {
        DeliveryState::Pending => pending(delivery, around),
        DeliveryState::Delivered => delivered(delivery, around.last.as_ref()),
        DeliveryState::Dead => dead(delivery),
        DeliveryState::Cancelled => cancelled(delivery),
        DeliveryState::Skipped => format!("skipped: {}", skipped(delivery, around)),
    }
}

fn pending(delivery: &Delivery, around: &Around) -> String {
    waiting_for(delivery, around) + &after_attempts(delivery)
}

/// What a pending delivery waits for.
fn waiting_for(delivery: &Delivery, around: &Around) -> String {
    if delivery.cancel_requested {
        return "cancelling: if the attempt that is under way fails, there will be no other"
            .to_owned();
    }
    if let Some(Whereabouts::InFlight(since)) = around.whereabouts {
        return format!("in flight since {since}");
    }
    if let Some(closed) = closed(around) {
        return format!("waiting: {closed}");
    }
    match delivery.next_attempt_at {
        Some(due) if due > around.now => format!("next attempt at {due}"),
        _ => for_a_slot(around),
    }
}

/// Why nothing can leave for the endpoint, if nothing can.
fn closed(around: &Around) -> Option<String> {
    let endpoint = around.endpoint?;
    if let Some(deleted) = endpoint.deleted_at {
        return Some(format!(
            "the endpoint was deleted at {deleted}, so this is about to be called off"
        ));
    }
    match endpoint.state {
        EndpointState::Enabled => None,
        EndpointState::Paused => Some(format!("the endpoint is paused since {}", endpoint.since)),
        EndpointState::Disabled => Some(format!(
            "the endpoint is disabled since {}, so this is about to be given up",
            endpoint.since
        )),
    }
}

/// How long the line is in which it stands.
fn for_a_slot(around: &Around) -> String {
    let (before, or_more) = match (around.whereabouts, around.due_before) {
        (Some(Whereabouts::InMemory(before)), _) => (before, false),
        (Some(Whereabouts::Elsewhere(in_memory)), Some(due)) => {
            (in_memory + due as usize, due >= MAX_DUE_BEFORE)
        }
        _ => return "waiting: the next attempt is due".to_owned(),
    };
    match (before, or_more) {
        (0, _) => "waiting for a slot: it is the next one to this endpoint".to_owned(),
        (1, _) => "waiting for a slot: 1 delivery to this endpoint is due before it".to_owned(),
        (many, false) => {
            format!("waiting for a slot: {many} deliveries to this endpoint are due before it")
        }
        (many, true) => format!(
            "waiting for a slot: {many} or more deliveries to this endpoint are due before it"
        ),
    }
}

/// What came before, of one that is pending.
fn after_attempts(delivery: &Delivery) -> String {
    match (delivery.attempts, last_error(delivery)) {
        (0, _) | (_, None) => String::new(),
        (made, Some(error)) => format!("; {}, last error {error}", attempts(made)),
    }
}

fn delivered(delivery: &Delivery, last: Option<&LastAttempt>) -> String {
    if delivery.target == Target::Emit {
        return "delivered: the event was emitted after all".to_owned();
    }
    match last {
        Some(last) => format!(
            "delivered at the {} attempt, {} after {} ms",
            ordinal(last.number),
            last.status.map_or("2xx".to_owned(), |it| it.to_string()),
            last.duration.as_millis()
        ),
        None => format!("delivered: {}", attempts(delivery.attempts)),
    }
}

fn dead(delivery: &Delivery) -> String {
    let why = match reason::<DeadReason>(delivery) {
        Some(DeadReason::EmitFailed) => {
            let why = delivery.detail.as_deref().unwrap_or("it is not known why");
            return format!("dead: the event could not be emitted: {why}");
        }
        Some(DeadReason::DeadlineExceeded) => "the next attempt would be too late, ",
        Some(DeadReason::Gone) => "the receiver is gone, ",
        Some(DeadReason::FinalStatus) => "the receiver's answer is final, ",
        Some(DeadReason::EndpointDisabled) => "the endpoint was disabled, ",
        Some(DeadReason::EventGone) => "its event is no longer kept, ",
        Some(DeadReason::AttemptsExhausted) | None => "",
    };
    let last = last_error(delivery);
    let last = last.map_or_else(String::new, |error| format!(", last error {error}"));
    format!("dead: {why}{}{last}", attempts(delivery.attempts))
}

fn cancelled(delivery: &Delivery) -> String {
    let at = delivery.updated_at;
    match reason::<CancelReason>(delivery) {
        Some(CancelReason::Requested) => format!("cancelled by request at {at}"),
        Some(CancelReason::EndpointDeleted) => {
            format!("cancelled at {at}: the endpoint was deleted")
        }
        Some(CancelReason::Discarded) => {
            format!("cancelled at {at}: it was discarded from the dead letters")
        }
        Some(CancelReason::EventErased) => {
            format!("cancelled at {at}: the payload of its event was erased")
        }
        None => format!("cancelled at {at}: it is not known why"),
    }
}

fn skipped(delivery: &Delivery, around: &Around) -> String {
    match reason::<SkipReason>(delivery) {
        Some(reason) => skip_reason(reason, delivery.created_at, around.endpoint),
        None => "it is not known why".to_owned(),
    }
}

/// Why something was skipped at `at`, and since when it would have been, as far as how the
/// endpoint is now can tell.
pub fn skip_reason(reason: SkipReason, at: Timestamp, endpoint: Option<Standing>) -> String {
    match (reason, endpoint) {
        (SkipReason::EndpointDisabled, Some(now))
            if now.state == EndpointState::Disabled && now.since <= at =>
        {
            format!("the endpoint is disabled since {}", now.since)
        }
        (SkipReason::EndpointDisabled, _) => "the endpoint was disabled".to_owned(),
        (
            SkipReason::EndpointDeleted,
            Some(Standing {
                deleted_at: Some(deleted),
                ..
            }),
        ) => format!("the endpoint was deleted at {deleted}"),
        (SkipReason::EndpointDeleted, _) => "the endpoint was deleted".to_owned(),
        (SkipReason::LoopSuppressed, _) => {
            "the listener had a part in bringing the event about, so it would go round in a loop"
                .to_owned()
        }
    }
}

/// The last error with what it means.
fn last_error(delivery: &Delivery) -> Option<String> {
    let error = delivery.detail.as_deref()?;
    let kind = error.split(':').next()?.parse::<ErrorKind>();
    Some(match kind {
        Ok(kind) => format!("{error} – {}", in_passing(kind.explanation())),
        Err(_) => error.to_owned(),
    })
}

/// A sentence as a part of another.
pub fn in_passing(sentence: &str) -> String {
    let mut rest = sentence.trim_end_matches('.').chars();
    let first = rest.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(rest).collect()
}

/// The reason as the state means it.
fn reason<R: std::str::FromStr>(delivery: &Delivery) -> Option<R> {
    delivery.reason.as_deref()?.parse().ok()
}

fn attempts(number: u32) -> String {
    match number {
        0 => "no attempt".to_owned(),
        1 => "1 attempt".to_owned(),
        more => format!("{more} attempts"),
    }
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests;
