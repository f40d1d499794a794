//! What was sent and did not become an event.

use std::collections::HashMap;

use riposte::{
    domain::{
        ids::default_project,
        list::{Order, Window},
        refusal::{MAX_KEPT, Refusal, RefusalOutcome, SentName},
    },
    store::refusals::{RefusalBatch, RefusalFilter},
};

use super::world::{NOW, World, after};

pub async fn the_last_refusals_are_kept_and_all_are_counted(world: World) {
    let refusal = |number: u32| Refusal {
        outcome: RefusalOutcome::Refused,
        code: Some("bad_event"),
        pointer: None,
        detail: "wrong".to_owned(),
        event: None,
        sent: SentName {
            id: Some(format!("order-{number}")),
            ..SentName::default()
        },
    };
    for round in 0..3 {
        let numbers = (0..400).map(|number| round * 400 + number);
        let batch = RefusalBatch {
            kept: numbers.map(|number| (NOW, refusal(number))).collect(),
            counts: [((RefusalOutcome::Refused, Some("bad_event")), 500)].into(),
        };
        let batches = HashMap::from([(default_project(), batch)]);
        let name = |at| world.ids.next(at);
        let written = world.store.write_refusals(batches, name);
        written.await.expect("written");
    }
    let filter = RefusalFilter::default();
    let window = Window::first(Order::Newest, 2_000);
    let all = world.store.refusals(default_project(), filter, &window);
    let all = all.await.expect("refusals").entries;
    assert_eq!(all.len(), MAX_KEPT as usize);
    let id = |place: usize| all[place].sent.id.as_deref();
    assert_eq!((id(0), id(999)), (Some("order-1199"), Some("order-200")));

    let totals = world
        .store
        .refusal_totals(default_project())
        .await
        .expect("totals");
    let counts: Vec<_> = totals
        .iter()
        .map(|total| (total.count, total.last_at))
        .collect();
    assert_eq!(counts, [(1_500, NOW)]);

    let narrowed = RefusalFilter {
        producer_id: Some("order-900".to_owned()),
        ..RefusalFilter::default()
    };
    let one = world.store.refusals(default_project(), narrowed, &window);
    assert_eq!(one.await.expect("refusals").entries.len(), 1);
    assert!(all[0].at < after(1));
}
