//! Lists: what filters let through, and how pages follow each other.

use std::{collections::BTreeSet, fmt::Debug};

use riposte::{
    domain::{
        attempt::{ErrorKind, Failure},
        delivery::{DeadReason, DeliveryState},
        ids::{DeliveryId, EndpointId, ProjectId, default_project, platform_project},
        list::{Listed, Order, Window},
        retry::Verdict,
    },
    rules::Subject,
    store::{
        deliveries::DeliveryFilter,
        list::SCAN_BUDGET,
        unit::{Acceptance, Fate, Unit},
    },
};

use super::world::{NOW, World, after};

/// Every order.
const ORDERS: &[Order] = Order::ALL;

async fn page(
    world: &World,
    project: ProjectId,
    filter: &DeliveryFilter,
    window: Window<DeliveryId>,
) -> Listed<DeliveryId, DeliveryId> {
    let listed = world.store.deliveries(project, filter, &window).await;
    listed.expect("a page").map(|delivery| delivery.id)
}

/// All that `filter` lets through, in pages of `limit`, each of which must be full or the last.
async fn all(world: &World, filter: &DeliveryFilter, order: Order, limit: u32) -> Vec<DeliveryId> {
    let mut window = Window::first(order, limit);
    let mut found = Vec::new();
    loop {
        let page = page(world, default_project(), filter, window).await;
        assert_eq!(page.scanned_until, None, "{filter:?}");
        assert!(page.next.is_none() || page.entries.len() == limit as usize);
        found.extend(page.entries);
        match page.next {
            Some(next) => window.after = Some(next),
            None => return found,
        }
    }
}

/// Whatever the order and the size of pages, `filter` lets `expected` through, which stand in the
/// order in which they were made.
async fn lets_through(world: &World, filter: DeliveryFilter, expected: &[DeliveryId]) {
    for limit in [1, 2, 50] {
        for order in ORDERS {
            let mut found = all(world, &filter, *order, limit).await;
            if *order == Order::Newest {
                found.reverse();
            }
            assert_eq!(found, expected, "{filter:?} {order}");
        }
    }
    let stranger = Window::first(Order::Newest, 10);
    let of_another = page(world, platform_project(), &filter, stranger).await;
    assert_eq!(of_another.entries, []);
    assert_eq!((of_another.next, of_another.scanned_until), (None, None));
}

/// A unit of one event of this type.
fn typed(world: &World, event_type: &str) -> Unit {
    let mut unit = world.unit("{}");
    let event = std::sync::Arc::make_mut(&mut unit.events[0].event);
    event.attributes.event_type = event_type.parse().expect("a type");
    unit
}

/// A delivery of an event of this type, whose only attempt was answered with `status`.
async fn ended(
    world: &World,
    endpoint: EndpointId,
    event_type: &str,
    status: u16,
    verdict: Verdict,
) -> DeliveryId {
    let mut unit = typed(world, event_type);
    let owned = Fate::Pending {
        owned: true,
        due: NOW,
    };
    let id = world.deliver(&mut unit, endpoint, owned);
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    world.attempted(id, endpoint, 1, status, verdict).await;
    id
}

pub async fn deliveries_are_listed_by_what_they_have_in_common(world: World) {
    let (one, other) = (world.endpoint().await, world.endpoint().await);
    let exhausted = Verdict::Dead(DeadReason::AttemptsExhausted);
    let gone = Verdict::Dead(DeadReason::Gone);
    let a = ended(&world, one, "site.deploy.failed", 503, exhausted).await;
    let b = ended(&world, other, "site.deploy.failed", 500, exhausted).await;
    let c = ended(&world, one, "site.created", 410, gone).await;
    let d = ended(&world, one, "domain.set", 204, Verdict::Delivered).await;
    let e = world.pending(other, true, NOW).await;
    let f = ended(&world, other, "domain.set", 502, Verdict::Retry(after(5))).await;
    let first = world.store.delivery(default_project(), a).await;
    let first = first.expect("a delivery");

    let any = DeliveryFilter::default;
    let state = |state| DeliveryFilter {
        state: Some(state),
        ..any()
    };
    let to = |endpoint| DeliveryFilter {
        endpoint: Some(endpoint),
        ..any()
    };
    let answered = |statuses: &str| DeliveryFilter {
        status: Some(statuses.parse().expect("a status")),
        ..any()
    };
    let failed = |kind| DeliveryFilter {
        error_kind: Some(kind),
        ..any()
    };
    let about = |subject: &str| DeliveryFilter {
        event_type: Some(Subject::parse(subject).expect("a subject")),
        ..any()
    };
    let because = |reason: DeadReason| DeliveryFilter {
        reason: Some(reason.as_str().to_owned()),
        ..any()
    };
    for (filter, expected) in [
        (any(), &[a, b, c, d, e, f][..]),
        (state(DeliveryState::Dead), &[a, b, c]),
        (state(DeliveryState::Pending), &[e, f]),
        (state(DeliveryState::Cancelled), &[]),
        (to(one), &[a, c, d]),
        (to(world.ids.next(NOW)), &[]),
        (answered("503"), &[a]),
        (answered("5xx"), &[a, b, f]),
        (answered("2xx"), &[d]),
        (answered("3xx"), &[]),
        (failed(ErrorKind::Status5xx), &[a, b, f]),
        (failed(ErrorKind::Status4xx), &[c]),
        (about("site.deploy.failed"), &[a, b]),
        (about("site.>"), &[a, b, c, e]),
        (about("site.*"), &[c, e]),
        (about("*.deploy.*"), &[a, b]),
        (about(">"), &[a, b, c, d, e, f]),
        (about("shop.>"), &[]),
        (because(DeadReason::AttemptsExhausted), &[a, b]),
        (because(DeadReason::Gone), &[c]),
        (
            DeliveryFilter {
                event: Some(first.event),
                ..any()
            },
            &[a],
        ),
        (
            DeliveryFilter {
                listener: first.cause.map(|cause| cause.listener),
                ..any()
            },
            &[a],
        ),
    ] {
        lets_through(&world, filter.clone(), expected).await;
        // The same together with others, and among dead letters.
        for endpoint in [one, other] {
            let own: Vec<_> = all(&world, &to(endpoint), Order::Oldest, 50).await;
            let both: Vec<_> = expected
                .iter()
                .filter(|id| own.contains(id))
                .copied()
                .collect();
            let mut narrow = filter.clone();
            if narrow.endpoint.replace(endpoint).is_none() {
                lets_through(&world, narrow.clone(), &both).await;
                let dead: Vec<_> = both
                    .into_iter()
                    .filter(|id| [a, b, c].contains(id))
                    .collect();
                if narrow.state.replace(DeliveryState::Dead).is_none() {
                    lets_through(&world, narrow, &dead).await;
                }
            }
        }
    }
}

pub async fn what_lists_are_filtered_by_follows_what_happens(world: World) {
    let endpoint = world.endpoint().await;
    let id = world.pending(endpoint, true, NOW).await;
    let stands = async || {
        let found = world.store.delivery(default_project(), id).await;
        let found = found.expect("a delivery");
        (found.event_type.to_string(), found.error_kind, found.status)
    };
    let fresh = ("site.deployed".to_owned(), None, None);
    assert_eq!(stands().await, fresh);
    let verdict = Verdict::Dead(DeadReason::AttemptsExhausted);
    world.attempted(id, endpoint, 1, 500, verdict).await;
    let failed = (fresh.0.clone(), Some(ErrorKind::Status5xx), Some(500));
    assert_eq!(stands().await, failed);
    let revived = world.revive(id, NOW).await;
    revived.expect("revived");
    assert_eq!(stands().await, failed, "until the next attempt has ended");

    let wish = riposte::store::queue::Wish {
        endpoint,
        limit: 1,
        bytes: usize::MAX,
    };
    let claim = world.store.claim_due(world.lease, &[wish], NOW).await;
    assert_eq!(claim.expect("a claim")[0].jobs.len(), 1);
    let mut outcome = world.outcome(id, endpoint, 2, 500, Verdict::Retry(NOW));
    let refused = Failure::new(ErrorKind::ConnectRefused, "nothing listens there");
    outcome.attempt.exchange.result = Err(refused);
    let recorded = world.store.record(world.lease, &[outcome], NOW).await;
    recorded.expect("recorded");
    let unanswered = (fresh.0.clone(), Some(ErrorKind::ConnectRefused), None);
    assert_eq!(stands().await, unanswered);

    let claim = world.store.claim_due(world.lease, &[wish], NOW).await;
    assert_eq!(claim.expect("a claim")[0].jobs.len(), 1);
    let delivered = Verdict::Delivered;
    world.attempted(id, endpoint, 3, 204, delivered).await;
    assert_eq!(stands().await, (fresh.0, None, Some(204)));
}

pub async fn a_time_is_a_range_of_a_list(world: World) {
    let endpoint = world.endpoint().await;
    let mut ids = Vec::new();
    for second in 0..4 {
        let mut unit = world.unit("{}");
        world.deliver(&mut unit, endpoint, Fate::Skipped(SKIPPED));
        let id = world.ids.next(after(second));
        unit.deliveries[0].id = id;
        assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
        ids.push(id);
    }
    for (since, until, expected) in [
        (None, None, &ids[..]),
        (Some(0), Some(4), &ids[..]),
        (Some(1), Some(3), &ids[1..3]),
        (Some(2), None, &ids[2..]),
        (None, Some(2), &ids[..2]),
        (Some(3), Some(3), &[]),
        (Some(9), None, &[]),
    ] {
        for order in ORDERS {
            let mut window = Window {
                since: since.map(after),
                until: until.map(after),
                ..Window::first(*order, 1)
            };
            let mut found = Vec::new();
            loop {
                let any = DeliveryFilter::default();
                let page = page(&world, default_project(), &any, window).await;
                found.extend(page.entries);
                match page.next {
                    Some(next) => window.after = Some(next),
                    None => break,
                }
            }
            if *order == Order::Newest {
                found.reverse();
            }
            assert_eq!(found, expected, "{since:?} {until:?} {order}");
        }
    }
}

const SKIPPED: riposte::domain::delivery::SkipReason =
    riposte::domain::delivery::SkipReason::EndpointDisabled;

pub async fn pages_stay_right_while_rows_come_in(world: World) {
    let endpoint = world.endpoint().await;
    for order in ORDERS {
        let mut there = BTreeSet::new();
        for _ in 0..5 {
            there.insert(world.pending(endpoint, false, NOW).await);
        }
        let filter = DeliveryFilter {
            endpoint: Some(endpoint),
            ..DeliveryFilter::default()
        };
        let mut window = Window::first(*order, 2);
        let mut found = Vec::new();
        loop {
            let page = page(&world, default_project(), &filter, window).await;
            found.extend(page.entries);
            // More than a page comes in between two pages.
            if found.len() < 6 {
                for _ in 0..3 {
                    world.pending(endpoint, false, NOW).await;
                }
            }
            match page.next {
                Some(next) => window.after = Some(next),
                None => break,
            }
        }
        no_duplicates(&found);
        let found: BTreeSet<_> = found.into_iter().collect();
        assert!(found.is_superset(&there), "{order}");
    }
}

fn no_duplicates<T: Ord + Debug>(found: &[T]) {
    let unique: BTreeSet<_> = found.iter().collect();
    assert_eq!(unique.len(), found.len(), "{found:?}");
}

pub async fn a_combination_looks_at_a_budget_of_rows_and_says_how_far_it_came(world: World) {
    let (busy, quiet) = (world.endpoint().await, world.endpoint().await);
    let rare = ended(&world, busy, "site.rare", 204, Verdict::Delivered).await;
    let mut made = 0;
    while made < SCAN_BUDGET + 500 {
        let mut unit = world.unit("{}");
        let listener = world.ids.next(NOW);
        for _ in 0..1_000 {
            let free = Fate::Pending {
                owned: false,
                due: NOW,
            };
            world.deliver(&mut unit, busy, free);
        }
        for delivery in &mut unit.deliveries {
            delivery.cause.as_mut().expect("a cause").listener = listener;
        }
        assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
        made += 1_000;
    }
    let to_quiet = ended(&world, quiet, "site.quiet", 204, Verdict::Delivered).await;

    // Both filters let many through, and nothing both: the budget ends the search.
    let many_by_many = DeliveryFilter {
        endpoint: Some(busy),
        event_type: Some(Subject::parse("*.*").expect("a subject")),
        unchanged_since: Some(NOW.minus(std::time::Duration::from_secs(1))),
        ..DeliveryFilter::default()
    };
    for order in ORDERS {
        let window = Window::first(*order, 10);
        let first = page(&world, default_project(), &many_by_many, window).await;
        assert_eq!(first.entries, []);
        assert!(first.scanned_until.is_some() && first.next.is_some());
        let rest = Window {
            after: first.next,
            ..window
        };
        let last = page(&world, default_project(), &many_by_many, rest).await;
        assert_eq!((last.next, last.scanned_until), (None, None));
    }

    // Where one of them lets few through, that one leads, and the answer is whole at once.
    for (filter, expected) in [
        (
            DeliveryFilter {
                endpoint: Some(busy),
                status: Some("2xx".parse().expect("a class")),
                ..DeliveryFilter::default()
            },
            rare,
        ),
        (
            DeliveryFilter {
                endpoint: Some(busy),
                event_type: Some(Subject::parse("site.rare").expect("a subject")),
                state: Some(DeliveryState::Delivered),
                ..DeliveryFilter::default()
            },
            rare,
        ),
        (
            DeliveryFilter {
                endpoint: Some(quiet),
                event_type: Some(Subject::parse("site.>").expect("a subject")),
                ..DeliveryFilter::default()
            },
            to_quiet,
        ),
    ] {
        lets_through(&world, filter, &[expected]).await;
    }
}
