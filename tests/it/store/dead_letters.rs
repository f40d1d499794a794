//! Dead letters: what is done to many of them at once.

use std::time::Duration;

use riposte::{
    domain::{
        attempt::ErrorKind,
        dead_letter::{Filter, Selection},
        delivery::{DeadReason, DeliveryState},
        endpoint::{EndpointConfig, EndpointState},
        event::EventType,
        ids::{DeliveryId, EndpointId, ProjectId, default_project, platform_project},
        job::{Job, JobState, Outcome, Tally, Task},
        retry::Verdict,
    },
    store::{
        StoreError,
        change::unanswered,
        dead_letters::{Discard, Found, From, Redrive},
        jobs::Step,
        queue::Wish,
        unit::{Acceptance, Fate},
    },
};

use super::world::{NOW, World, after, change_at};

async fn dead(world: &World, endpoint: EndpointId) -> DeliveryId {
    let id = world.pending(endpoint, true, NOW).await;
    let verdict = Verdict::Dead(DeadReason::AttemptsExhausted);
    world.attempted(id, endpoint, 1, 500, verdict).await;
    id
}

async fn dead_emission(world: &World) -> DeliveryId {
    let mut unit = world.unit("{}");
    let fate = Fate::Dead(DeadReason::EmitFailed, "data.site is absent".to_owned());
    let id = world.deliver(&mut unit, world.ids.next(NOW), fate);
    unit.deliveries[0].endpoint = None;
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    id
}

pub async fn disable(world: &World, id: EndpointId) {
    let disable = |config: &mut EndpointConfig| config.state = EndpointState::Disabled;
    world.changes(id, disable).await;
}

/// A job of `project` that has begun.
pub async fn job(world: &World, project: ProjectId, total: u64) -> Job {
    let job = Job {
        id: world.ids.next(NOW),
        project,
        state: JobState::Queued,
        task: Task::Discard {
            selection: Selection::Filter(Filter::default()),
        },
        requested_by: "operator".to_owned(),
        position: String::new(),
        total: None,
        tally: Tally::default(),
        error: None,
        created_at: NOW,
        started_at: None,
        finished_at: None,
    };
    let change = change_at(NOW);
    let made = world.store.insert_job(&job, &change, unanswered);
    made.await.expect("a job");
    let begun = world.store.begin_job(job.id, total, NOW).await;
    begun.expect("begun");
    world.store.job(project, job.id).await.expect("a job")
}

/// A step of `job` up to `position`.
pub fn step<'a>(job: &'a Job, position: &str, is_last: bool) -> Step<'a> {
    Step {
        job,
        position: position.to_owned(),
        tally: Tally::default(),
        is_last,
    }
}

async fn redrive(world: &World, ids: &[DeliveryId]) -> Vec<Redrive> {
    let job = job(world, default_project(), ids.len() as u64).await;
    let step = step(&job, "1", true);
    let redriven = world.store.redrive(&step, ids, NOW).await;
    let redriven = redriven.expect("redriven").expect("the job stands there");
    assert!(redriven.iter().map(|(id, _)| id).eq(ids), "in their order");
    redriven.into_iter().map(|(_, how)| how).collect()
}

async fn discard(world: &World, project: ProjectId, ids: &[DeliveryId]) -> Vec<Discard> {
    let job = job(world, project, ids.len() as u64).await;
    let step = step(&job, "1", true);
    let discarded = world.store.discard(&step, ids, NOW).await;
    let discarded = discarded.expect("discarded").expect("the job stands there");
    discarded.into_iter().map(|(_, how)| how).collect()
}

async fn state(world: &World, id: DeliveryId) -> (DeliveryState, Option<String>) {
    let found = world.store.delivery(default_project(), id).await;
    let found = found.expect("a delivery");
    (found.state, found.reason)
}

pub async fn a_page_of_dead_letters_is_redriven_as_far_as_it_can_be(world: World) {
    let (open, disabled, deleted) = (
        world.endpoint().await,
        world.endpoint().await,
        world.endpoint().await,
    );
    let ids = [
        dead(&world, open).await,
        dead(&world, disabled).await,
        dead(&world, deleted).await,
        dead_emission(&world).await,
        world.pending(open, true, NOW).await,
        world.ids.next(NOW),
    ];
    disable(&world, disabled).await;
    let change = change_at(NOW);
    let delete = world
        .store
        .delete_endpoint(default_project(), deleted, &change, unanswered);
    delete.await.expect("deleted");

    let expected = [
        Redrive::Due(open),
        Redrive::EndpointDisabled,
        Redrive::EndpointDeleted,
        Redrive::Emission,
        Redrive::NotDead(DeliveryState::Pending),
        Redrive::NotFound,
    ];
    assert_eq!(redrive(&world, &ids).await, expected);
    assert_eq!(state(&world, ids[0]).await, (DeliveryState::Pending, None));
    for id in &ids[1..4] {
        assert_eq!(state(&world, *id).await.0, DeliveryState::Dead);
    }
    let wishes = [Wish {
        endpoint: open,
        limit: 10,
        bytes: usize::MAX,
    }];
    let claims = world.store.claim_due(world.lease, &wishes, NOW).await;
    let jobs = &claims.expect("a claim")[0].jobs;
    let claimed: Vec<_> = jobs.iter().map(|job| job.delivery).collect();
    assert_eq!(claimed, [ids[0]]);
    let again = redrive(&world, &ids[..1]).await;
    assert_eq!(again, [Redrive::NotDead(DeliveryState::Pending)]);
}

pub async fn a_discarded_dead_letter_is_cancelled_and_keeps_its_last_error(world: World) {
    let endpoint = world.endpoint().await;
    let (webhook, emission) = (dead(&world, endpoint).await, dead_emission(&world).await);
    let pending = world.pending(endpoint, true, NOW).await;
    let ids = [webhook, emission, pending, world.ids.next(NOW)];
    let expected = [
        Discard::Discarded,
        Discard::Discarded,
        Discard::NotDead(DeliveryState::Pending),
        Discard::NotFound,
    ];
    assert_eq!(discard(&world, default_project(), &ids).await, expected);
    let cancelled = (DeliveryState::Cancelled, Some("discarded".to_owned()));
    assert_eq!(state(&world, webhook).await, cancelled);
    assert_eq!(state(&world, emission).await, cancelled);
    let kept = world.store.delivery(default_project(), webhook).await;
    assert_eq!(
        kept.expect("a delivery").detail.as_deref(),
        Some("status_5xx: answered 500")
    );
}

pub async fn dead_letters_are_found_by_what_they_have_in_common(world: World) {
    let (one, other) = (world.endpoint().await, world.endpoint().await);
    let mut ids = Vec::new();
    for endpoint in [one, other, one] {
        ids.push(dead(&world, endpoint).await);
    }
    let emission = dead_emission(&world).await;
    world.pending(one, false, after(5)).await;
    let listener = world.store.delivery(default_project(), ids[1]).await;
    let listener = listener
        .expect("a delivery")
        .cause
        .expect("a cause")
        .listener;
    let all = Filter::default();
    let to = |endpoint| Filter {
        endpoint: Some(endpoint),
        ..Filter::default()
    };
    let because = |reason| Filter {
        reason: Some(reason),
        ..Filter::default()
    };
    let of = Filter {
        listener: Some(listener),
        ..Filter::default()
    };
    let typed = |event_type: &str| Filter {
        event_type: EventType::parse(event_type).ok(),
        ..Filter::default()
    };
    let failed = |kind| Filter {
        error_kind: Some(kind),
        ..Filter::default()
    };
    let made = |since, until| Filter {
        since,
        until,
        ..Filter::default()
    };
    let four = [ids[0], ids[1], ids[2], emission];
    for (filter, expected) in [
        (&all, &four[..]),
        (&to(one), &[ids[0], ids[2]]),
        (&because(DeadReason::AttemptsExhausted), &ids[..]),
        (&because(DeadReason::Gone), &[]),
        (&of, &ids[1..2]),
        (&typed("site.deployed"), &four[..]),
        (&typed("site.gone"), &[]),
        (&failed(ErrorKind::Status5xx), &ids[..]),
        (&failed(ErrorKind::Redirect), &[]),
        (&made(Some(NOW), Some(after(1))), &four[..]),
        (&made(Some(after(1)), None), &[]),
        (&made(None, Some(NOW)), &[]),
    ] {
        let found = find(&world, filter, None, 10).await;
        assert_eq!(
            (&found.ids[..], found.is_last),
            (expected, true),
            "{filter:?}"
        );
        let count = world
            .store
            .count_dead_letters(default_project(), filter, FROM);
        assert_eq!(count.await.expect("a count").count, expected.len() as u64);
    }
    let of_another = world
        .store
        .count_dead_letters(platform_project(), &all, FROM);
    assert_eq!(of_another.await.expect("a count").count, 0);
}

/// From the first on, as all are dead now.
const FROM: From = From {
    after: None,
    dead_by: NOW,
};

async fn find(world: &World, filter: &Filter, after: Option<DeliveryId>, limit: u32) -> Found {
    let from = From { after, ..FROM };
    let found = world
        .store
        .find_dead_letters(default_project(), filter, from, limit);
    found.await.expect("found")
}

pub async fn dead_letters_are_paged_through_from_the_oldest_on(world: World) {
    let endpoint = world.endpoint().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(dead(&world, endpoint).await);
    }
    let all = Filter::default();
    let first = find(&world, &all, None, 2).await;
    assert_eq!((&first.ids[..], first.is_last), (&ids[..2], false));
    let rest = find(&world, &all, first.position, 2).await;
    assert_eq!((&rest.ids[..], rest.is_last), (&ids[2..], true));
    let behind = find(&world, &all, rest.position, 2).await;
    assert_eq!((behind.ids.len(), behind.is_last), (0, true));
}

pub async fn what_dies_after_a_job_was_made_is_not_meant_by_it(world: World) {
    let endpoint = world.endpoint().await;
    let id = dead(&world, endpoint).await;
    let before = From {
        after: None,
        dead_by: NOW.minus(Duration::from_millis(1)),
    };
    let all = Filter::default();
    let found = world
        .store
        .find_dead_letters(default_project(), &all, before, 9);
    assert_eq!(found.await.expect("found").ids, []);
    assert_eq!(find(&world, &all, None, 9).await.ids, [id]);
}

pub async fn a_step_of_a_job_is_done_once_and_only_where_the_job_stands(world: World) {
    let endpoint = world.endpoint().await;
    let ids = [dead(&world, endpoint).await, dead(&world, endpoint).await];
    let (project, store) = (default_project(), &world.store);
    let begun = job(&world, project, 3).await;
    let first = step(&begun, "1", false);
    assert!(
        store
            .discard(&first, &ids[..1], NOW)
            .await
            .expect("a step")
            .is_some()
    );
    let again = store
        .discard(&step(&begun, "2", false), &ids[1..], NOW)
        .await;
    assert!(again.expect("a step").is_none(), "the job has moved");
    assert_eq!(state(&world, ids[1]).await.0, DeliveryState::Dead);

    let moved = store.job(project, begun.id).await.expect("a job");
    assert_eq!((&*moved.position, moved.tally.done()), ("1", 1));
    let last = store
        .discard(&step(&moved, "2", true), &ids[1..], NOW)
        .await;
    assert!(last.expect("a step").is_some());
    let done = store.job(project, begun.id).await.expect("a job");
    assert_eq!((done.state, done.finished_at), (JobState::Done, Some(NOW)));
    let outcomes = [(Outcome::Discarded, 2), (Outcome::Changed, 1)];
    assert_eq!(done.tally.outcomes, outcomes.into());
    assert_eq!(store.open_jobs(9).await.expect("jobs"), []);
}

pub async fn a_job_that_is_called_off_takes_no_further_step(world: World) {
    let endpoint = world.endpoint().await;
    let ids = [dead(&world, endpoint).await];
    let (project, store) = (default_project(), &world.store);
    let begun = job(&world, project, 2).await;
    let change = change_at(NOW);
    let cancel = async |project| {
        let cancelled = store.cancel_job(project, begun.id, &change, unanswered);
        Ok::<_, StoreError>(cancelled.await?.now)
    };
    let (cancelled, by_this) = cancel(project).await.expect("it is there");
    assert_eq!((cancelled.state, by_this), (JobState::Cancelled, true));
    let (_, by_this) = cancel(project).await.expect("it is there");
    assert!(!by_this);
    let mut late = step(&begun, "1", true);
    late.tally.count(Outcome::Redriven);
    assert!(
        store
            .discard(&late, &ids, NOW)
            .await
            .expect("a step")
            .is_none()
    );
    assert_eq!(state(&world, ids[0]).await.0, DeliveryState::Dead);
    let left = store.job(project, begun.id).await.expect("a job");
    assert_eq!(left.state, JobState::Cancelled);
    assert_eq!(
        left.tally.outcomes,
        [(Outcome::Redriven, 1)].into(),
        "what was done counts"
    );
    let foreign = cancel(platform_project()).await;
    assert!(matches!(foreign, Err(StoreError::NotFound(_))));
}

pub async fn dead_letters_of_another_project_are_not_there(world: World) {
    let endpoint = world.endpoint().await;
    let ids = [dead(&world, endpoint).await];
    let discarded = discard(&world, platform_project(), &ids).await;
    assert_eq!(discarded, [Discard::NotFound]);
    let theirs = job(&world, platform_project(), 1).await;
    let redriven = world
        .store
        .redrive(&step(&theirs, "1", true), &ids, NOW)
        .await;
    let redriven = redriven.expect("answered").expect("a step");
    assert_eq!(redriven, [(ids[0], Redrive::NotFound)]);
    let named = world.store.deliveries_named(platform_project(), &ids).await;
    assert_eq!(named.expect("answered"), []);
    assert_eq!(state(&world, ids[0]).await.0, DeliveryState::Dead);
}

pub async fn dead_letters_are_grouped_by_their_causes(world: World) {
    let (one, other) = (world.endpoint().await, world.endpoint().await);
    let first = dead(&world, one).await;
    let second = dead(&world, one).await;
    let elsewhere = dead(&world, other).await;
    let gone = world.pending(one, true, NOW).await;
    let verdict = Verdict::Dead(DeadReason::Gone);
    world.attempted(gone, one, 1, 410, verdict).await;
    let emission = dead_emission(&world).await;

    let groups = world.store.dead_letter_groups(default_project(), None);
    let groups = groups.await.expect("groups");
    assert!(groups.is_complete);
    let shown: Vec<_> = groups
        .groups
        .iter()
        .map(|it| {
            (
                it.endpoint,
                it.reason,
                it.error_kind,
                it.count,
                it.first,
                it.last.clone(),
            )
        })
        .collect();
    let failed = Some(ErrorKind::Status5xx);
    let exhausted = DeadReason::AttemptsExhausted;
    let expected = [
        (
            None,
            DeadReason::EmitFailed,
            None,
            1,
            emission,
            vec![emission],
        ),
        (Some(one), exhausted, failed, 2, first, vec![second, first]),
        (
            Some(one),
            DeadReason::Gone,
            Some(ErrorKind::Status4xx),
            1,
            gone,
            vec![gone],
        ),
        (
            Some(other),
            exhausted,
            failed,
            1,
            elsewhere,
            vec![elsewhere],
        ),
    ];
    assert_eq!(shown, expected);
    assert!(groups.groups.iter().all(|group| group.is_exact));

    let narrowed = world
        .store
        .dead_letter_groups(default_project(), Some(other));
    assert_eq!(narrowed.await.expect("groups").groups.len(), 1);
    let foreign = world.store.dead_letter_groups(platform_project(), None);
    assert_eq!(foreign.await.expect("groups").groups.len(), 0);
}
