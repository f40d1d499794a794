//! Every sentence that a delivery can have.

use std::time::Duration;

use super::*;
use crate::domain::{
    chance::Chance,
    event::EventType,
    ids::{Ids, default_project},
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const NOW_TEXT: &str = "2023-11-14T22:13:20.000Z";

fn delivery(state: DeliveryState, reason: &str, attempts: u32) -> Delivery {
    let ids = Ids::new(Chance::seeded(1));
    Delivery {
        id: ids.next(NOW),
        project: default_project(),
        event: ids.next(NOW),
        event_type: EventType::parse("site.deployed").expect("a type"),
        cause: None,
        target: Target::Webhook(ids.next(NOW)),
        state,
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        detail: (attempts > 0).then(|| "status_5xx: answered 500".to_owned()),
        error_kind: (attempts > 0).then_some(ErrorKind::Status5xx),
        status: (attempts > 0).then_some(500),
        attempts,
        next_attempt_at: None,
        cancel_requested: false,
        created_at: NOW,
        since: NOW,
        updated_at: NOW,
    }
}

fn alone() -> Around {
    Around {
        endpoint: None,
        last: None,
        whereabouts: None,
        due_before: None,
        now: NOW,
    }
}

fn at_an_endpoint(state: EndpointState) -> Around {
    let standing = Standing {
        state,
        since: NOW,
        deleted_at: None,
    };
    Around {
        endpoint: Some(standing),
        ..alone()
    }
}

#[test]
fn what_has_ended_says_how() {
    for (state, reason, attempts, sentence) in [
        (
            DeliveryState::Delivered,
            "",
            0,
            "delivered: no attempt".to_owned(),
        ),
        (
            DeliveryState::Dead,
            "attempts_exhausted",
            10,
            "dead: 10 attempts, last error status_5xx: answered 500 – the receiver failed (5xx)"
                .to_owned(),
        ),
        (
            DeliveryState::Dead,
            "endpoint_disabled",
            0,
            "dead: the endpoint was disabled, no attempt".to_owned(),
        ),
        (
            DeliveryState::Cancelled,
            "requested",
            2,
            format!("cancelled by request at {NOW_TEXT}"),
        ),
        (
            DeliveryState::Skipped,
            "endpoint_disabled",
            0,
            "skipped: the endpoint was disabled".to_owned(),
        ),
    ] {
        let delivery = delivery(state, reason, attempts);
        assert_eq!(summary(&delivery, &alone()), sentence);
    }
}

#[test]
fn what_was_delivered_says_at_which_attempt_and_how_fast() {
    for (number, ordinal) in [(1, "1st"), (3, "3rd"), (11, "11th"), (22, "22nd")] {
        let last = LastAttempt {
            number,
            started_at: NOW,
            duration: Duration::from_millis(113),
            status: Some(200),
            error: None,
        };
        let around = Around {
            last: Some(last),
            ..alone()
        };
        assert_eq!(
            summary(&delivery(DeliveryState::Delivered, "", number), &around),
            format!("delivered at the {ordinal} attempt, 200 after 113 ms")
        );
    }
}

#[test]
fn what_was_skipped_says_since_when_if_that_is_still_so() {
    let skipped = delivery(DeliveryState::Skipped, "endpoint_disabled", 0);
    let mut around = at_an_endpoint(EndpointState::Disabled);
    assert_eq!(
        summary(&skipped, &around),
        format!("skipped: the endpoint is disabled since {NOW_TEXT}")
    );
    // It was enabled meanwhile and disabled again: since when it had been is not known any more.
    let later = NOW.plus(Duration::from_secs(1));
    around.endpoint = around.endpoint.map(|now| Standing {
        since: later,
        ..now
    });
    assert_eq!(
        summary(&skipped, &around),
        "skipped: the endpoint was disabled"
    );
}

#[test]
fn what_is_pending_says_what_it_waits_for() {
    let mut waiting = delivery(DeliveryState::Pending, "", 0);
    assert_eq!(
        summary(&waiting, &alone()),
        "waiting: the next attempt is due"
    );
    assert_eq!(
        summary(&waiting, &at_an_endpoint(EndpointState::Paused)),
        format!("waiting: the endpoint is paused since {NOW_TEXT}")
    );
    let begun = Around {
        whereabouts: Some(Whereabouts::InFlight(NOW)),
        ..at_an_endpoint(EndpointState::Paused)
    };
    assert_eq!(
        summary(&waiting, &begun),
        format!("in flight since {NOW_TEXT}")
    );
    waiting = delivery(DeliveryState::Pending, "", 2);
    waiting.next_attempt_at = Some(Timestamp::from_millis(1_700_000_005_000));
    assert_eq!(
        summary(&waiting, &at_an_endpoint(EndpointState::Enabled)),
        "next attempt at 2023-11-14T22:13:25.000Z; 2 attempts, last error status_5xx: answered 500 \
         – the receiver failed (5xx)"
    );
    waiting.cancel_requested = true;
    assert!(summary(&waiting, &alone()).starts_with("cancelling: "));
}

#[test]
fn what_waits_for_a_slot_says_how_many_come_before_it() {
    let waiting = delivery(DeliveryState::Pending, "", 0);
    let slot = |whereabouts, due_before| {
        let around = Around {
            whereabouts: Some(whereabouts),
            due_before,
            ..at_an_endpoint(EndpointState::Enabled)
        };
        let sentence = summary(&waiting, &around);
        let line = sentence.strip_prefix("waiting for a slot: ");
        line.expect(&sentence).to_owned()
    };
    for (whereabouts, due_before, line) in [
        (
            Whereabouts::InMemory(0),
            None,
            "it is the next one to this endpoint",
        ),
        (
            Whereabouts::InMemory(1),
            None,
            "1 delivery to this endpoint is due before it",
        ),
        (
            Whereabouts::Elsewhere(12),
            Some(25),
            "37 deliveries to this endpoint are due before it",
        ),
        (
            Whereabouts::Elsewhere(128),
            Some(MAX_DUE_BEFORE),
            "1128 or more deliveries to this endpoint are due before it",
        ),
    ] {
        assert_eq!(slot(whereabouts, due_before), line);
    }
}

#[test]
fn an_event_that_could_not_be_emitted_says_why() {
    let mut emission = delivery(DeliveryState::Dead, "emit_failed", 0);
    emission.target = Target::Emit;
    emission.detail = Some("data.site is absent".to_owned());
    assert_eq!(
        summary(&emission, &alone()),
        "dead: the event could not be emitted: data.site is absent"
    );
    emission.state = DeliveryState::Delivered;
    emission.reason = None;
    let sentence = summary(&emission, &alone());
    assert_eq!(sentence, "delivered: the event was emitted after all");
}

#[test]
fn every_reason_has_words_of_its_own() {
    let sentence = |state, reason| summary(&delivery(state, reason, 1), &alone());
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
