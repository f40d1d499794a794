//! Where a delivery stands, in a plain sentence.

use crate::domain::{
    delivery::{CancelReason, DeadReason, Delivery, DeliveryState, SkipReason, Target},
    endpoint::EndpointState,
    time::Timestamp,
};

/// The sentence about `delivery` at `now`; `endpoint` is the state of its endpoint, where that is
/// known.
pub fn summary(delivery: &Delivery, endpoint: Option<EndpointState>, now: Timestamp) -> String {
    match delivery.state {
        DeliveryState::Pending => pending(delivery, endpoint, now),
        DeliveryState::Delivered => delivered(delivery),
        DeliveryState::Dead => dead(delivery),
        DeliveryState::Cancelled => format!("cancelled: {}", cancelled(delivery)),
        DeliveryState::Skipped => format!("skipped: {}", skipped(delivery)),
    }
}

fn pending(delivery: &Delivery, endpoint: Option<EndpointState>, now: Timestamp) -> String {
    let begin = match delivery.next_attempt_at {
        _ if delivery.cancel_requested => {
            "cancelling: if the attempt that is under way fails, there will be no other".to_owned()
        }
        _ if endpoint == Some(EndpointState::Paused) => {
            "waiting: the endpoint is paused".to_owned()
        }
        Some(due) if due > now => format!("next attempt at {due}"),
        _ => "waiting: the next attempt is due".to_owned(),
    };
    begin + &after_attempts(delivery)
}

/// What came before, of one that is pending.
fn after_attempts(delivery: &Delivery) -> String {
    match (delivery.attempts, &delivery.detail) {
        (0, _) | (_, None) => String::new(),
        (made, Some(error)) => format!("; {}, last error {error}", attempts(made)),
    }
}

fn delivered(delivery: &Delivery) -> String {
    match delivery.target {
        Target::Webhook(_) => format!("delivered: {}", attempts(delivery.attempts)),
        Target::Emit => "delivered: the event was emitted after all".to_owned(),
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
        Some(DeadReason::EndpointDisabled) => "the endpoint was disabled, ",
        Some(DeadReason::AttemptsExhausted) | None => "",
    };
    let last = delivery
        .detail
        .as_deref()
        .map_or_else(String::new, |error| format!(", last error {error}"));
    format!("dead: {why}{}{last}", attempts(delivery.attempts))
}

fn cancelled(delivery: &Delivery) -> &'static str {
    match reason::<CancelReason>(delivery) {
        Some(CancelReason::Requested) => "a user called it off",
        Some(CancelReason::EndpointDeleted) => "the endpoint was deleted",
        Some(CancelReason::Discarded) => "a user discarded it from the dead letters",
        None => "it is not known why",
    }
}

fn skipped(delivery: &Delivery) -> &'static str {
    match reason::<SkipReason>(delivery) {
        Some(SkipReason::EndpointDisabled) => "the endpoint was disabled",
        Some(SkipReason::EndpointDeleted) => "the endpoint was deleted",
        Some(SkipReason::LoopSuppressed) => {
            "the listener had a part in bringing the event about, so it would go round in a loop"
        }
        None => "it is not known why",
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        chance::Chance,
        ids::{Ids, default_project},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn delivery(state: DeliveryState, reason: &str, attempts: u32) -> Delivery {
        let ids = Ids::new(Chance::seeded(1));
        Delivery {
            id: ids.next(NOW),
            project: default_project(),
            event: ids.next(NOW),
            cause: None,
            target: Target::Webhook(ids.next(NOW)),
            state,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            detail: (attempts > 0).then(|| "status_5xx: answered 500".to_owned()),
            attempts,
            next_attempt_at: None,
            cancel_requested: false,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    #[test]
    fn what_has_ended_says_how() {
        for (state, reason, attempts, sentence) in [
            (DeliveryState::Delivered, "", 0, "delivered: no attempt"),
            (
                DeliveryState::Dead,
                "attempts_exhausted",
                10,
                "dead: 10 attempts, last error status_5xx: answered 500",
            ),
            (
                DeliveryState::Dead,
                "endpoint_disabled",
                0,
                "dead: the endpoint was disabled, no attempt",
            ),
            (
                DeliveryState::Dead,
                "gone",
                1,
                "dead: the receiver is gone, 1 attempt, last error status_5xx: answered 500",
            ),
            (
                DeliveryState::Cancelled,
                "discarded",
                2,
                "cancelled: a user discarded it from the dead letters",
            ),
            (
                DeliveryState::Skipped,
                "endpoint_disabled",
                0,
                "skipped: the endpoint was disabled",
            ),
        ] {
            let delivery = delivery(state, reason, attempts);
            assert_eq!(summary(&delivery, None, NOW), sentence);
        }
    }

    #[test]
    fn what_is_pending_says_what_it_waits_for() {
        let mut waiting = delivery(DeliveryState::Pending, "", 0);
        assert_eq!(
            summary(&waiting, None, NOW),
            "waiting: the next attempt is due"
        );
        let paused = summary(&waiting, Some(EndpointState::Paused), NOW);
        assert_eq!(paused, "waiting: the endpoint is paused");
        waiting = delivery(DeliveryState::Pending, "", 2);
        waiting.next_attempt_at = Some(Timestamp::from_millis(1_700_000_005_000));
        assert_eq!(
            summary(&waiting, Some(EndpointState::Enabled), NOW),
            "next attempt at 2023-11-14T22:13:25.000Z; 2 attempts, last error status_5xx: answered 500"
        );
        waiting.cancel_requested = true;
        assert!(summary(&waiting, None, NOW).starts_with("cancelling: "));
    }

    #[test]
    fn an_event_that_could_not_be_emitted_says_why() {
        let mut emission = delivery(DeliveryState::Dead, "emit_failed", 0);
        emission.target = Target::Emit;
        emission.detail = Some("data.site is absent".to_owned());
        assert_eq!(
            summary(&emission, None, NOW),
            "dead: the event could not be emitted: data.site is absent"
        );
        emission.state = DeliveryState::Delivered;
        emission.reason = None;
        let sentence = summary(&emission, None, NOW);
        assert_eq!(sentence, "delivered: the event was emitted after all");
    }

    #[test]
    fn every_reason_has_words_of_its_own() {
        let sentence = |state, reason| summary(&delivery(state, reason, 1), None, NOW);
        let dead = DeadReason::ALL.iter().map(|reason| reason.as_str());
        let dead = dead.map(|reason| sentence(DeliveryState::Dead, reason));
        let skipped = SkipReason::ALL.iter().map(|reason| reason.as_str());
        let skipped = skipped.map(|reason| sentence(DeliveryState::Skipped, reason));
        let cancelled = CancelReason::ALL.iter().map(|reason| reason.as_str());
        let cancelled = cancelled.map(|reason| sentence(DeliveryState::Cancelled, reason));
        let mut sentences: Vec<_> = dead.chain(skipped).chain(cancelled).collect();
        let all = sentences.len();
        sentences.sort();
        sentences.dedup();
        assert_eq!(sentences.len(), all, "{sentences:#?}");
        assert!(
            !sentences
                .iter()
                .any(|sentence| sentence.contains("not known"))
        );
    }
}
