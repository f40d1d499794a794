//! Partitions of the logs: made ahead, and dropped with what is past its time and nothing else.

use std::time::Duration;

use riposte::{
    domain::{
        delivery::{DeadReason, DeliveryState, SkipReason},
        happening::Place,
        ids::{DeliveryId, EventId, default_project},
        retention::{Kept, Retention},
        retry::Verdict,
        time::Timestamp,
    },
    store::{
        counters::{Counter, Counts},
        journal::Standing,
        partitions::{Ages, Cause, Log, Round, Rows},
        queue::Wish,
        unit::{Acceptance, Cursor, Fanout, Fate},
    },
};
use sqlx::{AssertSqlSafe, PgConnection};

use super::{
    journal::head,
    retention::carried,
    world::{NOW, World, after},
};

const DAY: u64 = 86_400;

/// Everything is kept for a week, and dead letters for longer.
fn retention() -> Retention {
    Retention {
        dead_letters: Duration::from_secs(90 * DAY),
        ..Retention::all(Duration::from_secs(7 * DAY))
    }
}

fn ages(now: Timestamp) -> Ages {
    Ages {
        retention: retention(),
        now,
        look_again: now.plus(Duration::from_secs(DAY)),
    }
}

async fn drop_partitions(world: &World, now: Timestamp) -> Round {
    world
        .store
        .drop_partitions(&ages(now))
        .await
        .expect("dropped")
}

/// A store with partitions of the time of [`NOW`], which is a Tuesday.
async fn made(world: &World) {
    let made = world.store.make_partitions(NOW).await.expect("made");
    for name in [
        "events_20231113",
        "deliveries_20231113",
        "attempts_20231113",
        "journal_20231114",
    ] {
        assert!(made.contains(&name.to_owned()), "{made:?}");
    }
    let again = world.store.make_partitions(NOW).await.expect("made");
    assert_eq!(again, Vec::<String>::new());
}

async fn owned(world: &World) -> (EventId, DeliveryId) {
    let fate = Fate::Pending {
        owned: true,
        due: NOW,
    };
    carried(world, fate).await
}

/// Has attempt `number` of a delivery end at `at`.
async fn attempt(
    world: &World,
    delivery: DeliveryId,
    number: u32,
    verdict: Verdict,
    at: Timestamp,
) {
    let found = world.store.delivery(default_project(), delivery).await;
    let endpoint = found.expect("a delivery").target.endpoint();
    let endpoint = endpoint.expect("an endpoint");
    let mut outcome = world.outcome(delivery, endpoint, number, 200, verdict);
    outcome.attempt.id = world.ids.next(at);
    let recorded = world.store.record(world.lease, &[outcome], at).await;
    recorded.expect("recorded");
}

/// The counters, which say what a count over the rows says.
async fn counted(world: &World) -> Counts {
    let counts = world.store.counts(default_project()).await.expect("counts");
    let recounted = world.store.recount(default_project()).await;
    assert_eq!(counts, recounted.expect("recounted"));
    counts
}

async fn has_event(world: &World, id: EventId) -> bool {
    world.store.any_event(id).await.is_ok()
}

async fn has_delivery(world: &World, id: DeliveryId) -> bool {
    world.store.delivery(default_project(), id).await.is_ok()
}

async fn has_partition(world: &World, name: &str) -> bool {
    let partitions = world.store.partitions().await.expect("partitions");
    partitions.iter().any(|partition| partition.name == name)
}

pub async fn what_is_past_goes_with_its_partition_and_what_is_needed_is_moved(world: World) {
    made(&world).await;
    let (past, delivered) = owned(&world).await;
    attempt(&world, delivered, 1, Verdict::Delivered, after(10)).await;
    let (waited, late) = owned(&world).await;
    attempt(&world, late, 1, Verdict::Retry(after(8 * DAY)), after(10)).await;
    let (failed, dead) = owned(&world).await;
    let exhausted = Verdict::Dead(DeadReason::AttemptsExhausted);
    attempt(&world, dead, 1, exhausted, after(20)).await;
    let (_, skipped) = carried(&world, Fate::Skipped(SkipReason::EndpointDisabled)).await;
    let mut cut = world.unit(r#"{"cut":true}"#);
    cut.fanouts.push(Fanout {
        event: cut.events[0].event.id,
        project: default_project(),
        rules_version: 0,
        next: Cursor::default(),
    });
    assert_eq!(world.accept(&[&cut]).await, [Acceptance::Stored]);
    let before = counted(&world).await;
    let head = head(&world).await;

    let round = drop_partitions(&world, after(12 * DAY)).await;
    let dropped = round.dropped.iter();
    let dropped: Vec<_> = dropped.map(|one| (&*one.name, one.moved)).collect();
    assert_eq!(dropped[0].0, "journal_20231114");
    assert!(
        dropped
            .iter()
            .all(|(name, moved)| name.starts_with("journal_") && *moved == 0)
    );
    // Who has read it to its end has missed nothing, anybody else has.
    let standing = async |place| {
        let standing = world.store.journal_standing(default_project(), place).await;
        standing.expect("a standing")
    };
    let (_, gone) = standing(Place::default()).await;
    assert_eq!(standing(Place::default()).await.0, Standing::Expired);
    assert_eq!(standing(gone).await.0, Standing::Kept);
    assert_eq!(gone, head);
    let round = drop_partitions(&world, after(13 * DAY)).await;
    let dropped: Vec<_> = round
        .dropped
        .iter()
        .map(|one| (&*one.name, one.moved))
        .collect();
    // Two deliveries with an attempt each; the events of these, and the one that is still fanned out.
    assert_eq!(
        dropped,
        [("deliveries_20231113", 4), ("events_20231113", 3)]
    );
    assert_eq!(
        round.dropped[0].removed,
        [(Kept::Deliveries, 2), (Kept::DeadLetters, 0)]
    );
    assert_eq!(round.dropped[1].removed, [(Kept::Events, 2)]);
    for name in [
        "events_20231113",
        "deliveries_20231113",
        "attempts_20231113",
    ] {
        assert!(!has_partition(&world, name).await, "{name}");
    }

    let counts = counted(&world).await;
    assert_eq!(counts.get(Counter::Events), before.get(Counter::Events) - 2);
    assert_eq!(counts.get(Counter::Delivered), 0);
    assert_eq!(counts.get(Counter::Skipped), 0);
    assert_eq!(counts.get(Counter::Dead), 1);
    assert_eq!(counts.get(Counter::Pending), 1);
    assert!(!has_event(&world, past).await);
    assert!(!has_delivery(&world, delivered).await);
    assert!(!has_delivery(&world, skipped).await);
    for (event, delivery) in [(waited, late), (failed, dead)] {
        assert!(has_event(&world, event).await);
        let attempts = world.store.attempts(default_project(), delivery).await;
        assert_eq!(attempts.expect("attempts").len(), 1);
    }
    assert!(has_event(&world, cut.events[0].event.id).await);
    assert_eq!(world.store.count_kept_events(10).await.expect("counted"), 3);

    // It is pending as before, and once it is delivered it goes row by row.
    let endpoint = world.store.delivery(default_project(), late).await;
    let wish = Wish {
        endpoint: endpoint
            .expect("a delivery")
            .target
            .endpoint()
            .expect("one"),
        limit: 1,
        bytes: 1 << 20,
    };
    let claims = world
        .store
        .claim_due(world.lease, &[wish], after(13 * DAY))
        .await;
    assert_eq!(claims.expect("claimed")[0].jobs[0].delivery, late);
    attempt(&world, late, 2, Verdict::Delivered, after(13 * DAY)).await;
    sweep(&world, after(30 * DAY)).await;
    assert!(!has_delivery(&world, late).await);
    assert!(!has_event(&world, waited).await);
    assert!(has_delivery(&world, dead).await && has_event(&world, failed).await);
    counted(&world).await;
}

/// Sweeps what goes row by row.
async fn sweep(world: &World, now: Timestamp) {
    let (store, week) = (&world.store, retention().deliveries);
    let before = now.minus(week);
    for rows in store
        .loose_rows(Log::Deliveries, week, before)
        .await
        .expect("rows")
    {
        let swept = store.sweep_deliveries(&rows, DeliveryState::Delivered, before, 10);
        swept.await.expect("swept");
    }
    for rows in store
        .loose_rows(Log::Events, week, before)
        .await
        .expect("rows")
    {
        let swept = store.sweep_events(&rows, "", before, now, 10).await;
        swept.expect("swept");
    }
    let swept = store.sweep_kept_events(before, now, now, 10).await;
    swept.expect("swept");
}

pub async fn attempts_that_were_made_later_go_with_their_deliveries(world: World) {
    made(&world).await;
    let (_, delivery) = owned(&world).await;
    attempt(
        &world,
        delivery,
        1,
        Verdict::Retry(after(8 * DAY)),
        after(10),
    )
    .await;
    let claimed = world.store.delivery(default_project(), delivery).await;
    let wish = Wish {
        endpoint: claimed.expect("a delivery").target.endpoint().expect("one"),
        limit: 1,
        bytes: 1 << 20,
    };
    let claims = world
        .store
        .claim_due(world.lease, &[wish], after(8 * DAY))
        .await;
    assert_eq!(claims.expect("claimed")[0].jobs.len(), 1);
    attempt(&world, delivery, 2, Verdict::Delivered, after(8 * DAY)).await;
    let round = drop_partitions(&world, after(16 * DAY)).await;
    let of_deliveries = &round.dropped[0];
    assert_eq!(
        (&*of_deliveries.name, of_deliveries.moved),
        ("deliveries_20231113", 0)
    );
    let counts = counted(&world).await;
    for counter in [Counter::Events, Counter::Delivered, Counter::StoredBytes] {
        assert_eq!(counts.get(counter), 0, "{counter}");
    }
}

pub async fn a_partition_that_is_read_meanwhile_stays(world: World) {
    made(&world).await;
    let (event, delivery) = owned(&world).await;
    attempt(&world, delivery, 1, Verdict::Delivered, after(10)).await;
    let mut reader = world.connect().await;
    execute(&mut reader, "BEGIN; SELECT 1 FROM events LIMIT 1").await;
    let round = drop_partitions(&world, after(16 * DAY)).await;
    assert_eq!(
        round.overdue,
        [("events_20231113".to_owned(), Cause::InUse)]
    );
    assert!(has_event(&world, event).await);
    execute(&mut reader, "COMMIT").await;
    let round = drop_partitions(&world, after(16 * DAY)).await;
    assert_eq!(round.dropped.len(), 1);
    assert!(!has_event(&world, event).await);
    counted(&world).await;
}

pub async fn a_partition_that_is_written_meanwhile_stays(world: World) {
    made(&world).await;
    let (event, delivery) = owned(&world).await;
    attempt(&world, delivery, 1, Verdict::Delivered, after(10)).await;
    let mut writer = world.connect().await;
    execute(&mut writer, "BEGIN; SELECT 1 FROM events LIMIT 1").await;
    // It is counted by the time at which it waits for the log; then somebody writes and is done.
    let write = async {
        until_somebody_waits(&world).await;
        let erase = format!("UPDATE events SET data = '' WHERE id = '{event}'; COMMIT");
        execute(&mut writer, &erase).await;
    };
    let (round, ()) = tokio::join!(drop_partitions(&world, after(16 * DAY)), write);
    assert_eq!(
        round.overdue,
        [("events_20231113".to_owned(), Cause::InUse)]
    );
    assert!(has_event(&world, event).await);
}

pub async fn what_is_revived_while_a_partition_is_counted_keeps_its_event(world: World) {
    made(&world).await;
    let (event, delivery) = owned(&world).await;
    attempt(&world, delivery, 1, Verdict::Delivered, after(10)).await;
    // The delivery itself has gone on into another time than its event.
    world
        .tamper(
            "ALTER TABLE deliveries DETACH PARTITION deliveries_20231113;
                 INSERT INTO deliveries SELECT * FROM deliveries_20231113",
        )
        .await;
    let mut reader = world.connect().await;
    execute(&mut reader, "BEGIN; SELECT 1 FROM events LIMIT 1").await;
    let revive = async {
        until_somebody_waits(&world).await;
        execute(
            &mut reader,
            &format!(
                "UPDATE deliveries SET state = 'pending' WHERE id = '{delivery}';
                 INSERT INTO kept_events SELECT id, project_id, 0 FROM events WHERE id = '{event}';
                 COMMIT"
            ),
        )
        .await;
    };
    let (mut round, ()) = tokio::join!(drop_partitions(&world, after(16 * DAY)), revive);
    // On a machine that is busy it may have given up before.
    if round.dropped.is_empty() {
        round = drop_partitions(&world, after(16 * DAY)).await;
    }
    assert_eq!(round.dropped[0].moved, 1);
    assert!(has_event(&world, event).await);
}

pub async fn what_is_too_much_to_be_moved_is_swept_row_by_row(world: World) {
    made(&world).await;
    let (_, delivery) = carried(
        &world,
        Fate::Dead(DeadReason::AttemptsExhausted, String::new()),
    )
    .await;
    let (_, skipped) = carried(&world, Fate::Skipped(SkipReason::EndpointDisabled)).await;
    let copies = format!(
        "INSERT INTO deliveries (id, project_id, event_id, state, created_at, since, updated_at)
         SELECT left(id, -5) || lpad(n::text, 5, '0'), project_id, event_id, state, created_at, since,
                updated_at
         FROM deliveries, generate_series(1, 10000) AS n WHERE id = '{delivery}'"
    );
    world.tamper(&copies).await;
    let at = after(14 * DAY);
    let round = drop_partitions(&world, at).await;
    assert_eq!(
        round.overdue,
        [("deliveries_20231113".to_owned(), Cause::TooFull)]
    );
    let week = retention().deliveries;
    let rows = async |now: Timestamp| {
        let rows = world
            .store
            .loose_rows(Log::Deliveries, week, now.minus(week));
        rows.await.expect("rows")
    };
    let rest = Rows::Of("deliveries_default".to_owned());
    assert_eq!(rows(at).await, std::slice::from_ref(&rest));
    let later = after(21 * DAY);
    let partition = Rows::Of("deliveries_20231113".to_owned());
    assert_eq!(rows(later).await, [partition.clone(), rest]);
    let before = later.minus(week);
    let swept = world
        .store
        .sweep_deliveries(&partition, DeliveryState::Skipped, before, 10);
    assert_eq!(swept.await.expect("swept").removed, 1);
    assert!(!has_delivery(&world, skipped).await);
    assert!(has_delivery(&world, delivery).await);
}

async fn execute(connection: &mut PgConnection, statements: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
    done.execute(connection).await.expect("done");
}

/// Waits until another session stands in the queue for the log of events.
async fn until_somebody_waits(world: &World) {
    let mut connection = world.connect().await;
    let waits = "SELECT EXISTS (
         SELECT 1 FROM pg_locks
         WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND relation = to_regclass('events') AND NOT granted)";
    loop {
        let found = sqlx::query_scalar(waits).fetch_one(&mut connection).await;
        if found.expect("an answer") {
            return;
        }
    }
}
