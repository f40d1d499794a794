//! What comes of attempts: nearly all are taken, some wait, and some have died of one thing or another.

use std::time::Duration;

use riposte::{
    domain::{
        attempt::{Attempt, ErrorKind, Exchange, Failure, Response},
        delivery::DeadReason,
        ids::{EndpointId, Ids},
        retry::Verdict,
        time::Timestamp,
        webhook::Format,
    },
    store::{record::Outcome, unit::NewDelivery},
};

use super::world::WEEK;

/// What came of an attempt: nearly all are taken.
pub(crate) fn outcome(
    ids: &Ids,
    delivery: &NewDelivery,
    endpoint: EndpointId,
    now: Timestamp,
) -> Outcome {
    let id: u128 = delivery.id.uuid().as_u128();
    let draw = scatter((id & 0xffff_ffff) as usize) % 1_000;
    let answered = |status| {
        Ok(Response {
            status,
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: "ok".into(),
            truncated: false,
            broke_off: None,
        })
    };
    let failed = |kind| Err(Failure::new(kind, "it did not work"));
    let given_up = Verdict::Dead(DeadReason::AttemptsExhausted);
    let (result, verdict) = match draw {
        0..20 => (answered(503), given_up),
        20..25 => (answered(404), given_up),
        25..30 => (failed(ErrorKind::ConnectRefused), given_up),
        30..32 => (failed(ErrorKind::TlsExpired), given_up),
        32..40 => (answered(500), Verdict::Retry(now.plus(WEEK * 10_000))),
        40..60 => (answered(204), Verdict::Delivered),
        _ => (answered(200), Verdict::Delivered),
    };
    let headers = [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "user-agent",
    ];
    Outcome {
        verdict,
        disable: None,
        format: Format::Standard,
        attempt: Attempt {
            id: ids.next(now),
            delivery: delivery.id,
            project: delivery.project,
            endpoint,
            number: 1,
            started_at: now,
            url: "http://127.0.0.1:9/hooks".to_owned(),
            request_headers: headers
                .iter()
                .map(|name| ((*name).to_owned(), "x".repeat(40)))
                .collect(),
            exchange: Exchange {
                address: "127.0.0.1:9".parse().ok(),
                duration: Duration::from_millis(12),
                result,
            },
        },
    }
}

/// A number that looks like chance, and is always the same for the same one.
pub(crate) fn scatter(number: usize) -> usize {
    let mixed = (number as u64 ^ 0x9e37_79b9).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33) as usize
}
