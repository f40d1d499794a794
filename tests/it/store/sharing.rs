//! What nodes that share a database hear of each other, whatever the order in which they commit.

use riposte::{
    domain::{
        endpoint::{EndpointConfig, EndpointState},
        happening::Place,
        ids::{EndpointId, ProjectId, default_project, platform_project},
    },
    store::{Store, StoreResult, change::unanswered, notices::News, unit::Unit},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::world::{NOW, World, change_at};
use crate::support::{until, within};

/// Somebody who does with the database what no node does.
struct Stranger(PgConnection);

impl Stranger {
    async fn of(world: &World) -> Self {
        let connection = PgConnection::connect(world.url()).await;
        Self(connection.expect("a connection"))
    }

    /// Waits until somebody waits for what the stranger has.
    async fn is_waited_for(&mut self) {
        until("somebody to wait", async || {
            let waiting = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM pg_locks
                                WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))",
            );
            match waiting.fetch_one(&mut self.0).await {
                Ok(true) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    async fn does(&mut self, statement: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        done.execute(&mut self.0).await.expect("done");
    }
}

/// Reads the journal as a stream does, until `count` things are told; gives their events.
async fn follow(store: &Store, mut place: Place, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    let read = async {
        while told.len() < count {
            let page = store.journal_after(default_project(), place).await;
            let page = page.expect("a page");
            assert_eq!(page.gap, None);
            place = page.reach;
            let events = page.happenings.into_iter().filter_map(|one| one.event);
            told.extend(events.map(|event| event.id.to_string()));
        }
    };
    within("the journal to tell it", read).await;
    told
}

fn event_of(unit: &Unit) -> String {
    unit.events[0].event.id.to_string()
}

pub async fn nothing_is_missed_whoever_commits_first(world: World) {
    let (one, other) = (&world.store, world.joined().await);
    other.take_shard(1);
    let before = world.unit("{}");
    world.accept(&[&before]).await;
    follow(&other, Place::default(), 1).await;
    let units: Vec<_> = (0..6).map(|_| world.unit("{}")).collect();
    let mut stranger = Stranger::of(&world).await;
    // The first node writes its event and then waits for what the stranger has.
    stranger
        .does("BEGIN; SELECT * FROM counters WHERE shard = 1 FOR UPDATE")
        .await;
    let late = [&units[0]];
    let overtaken = async {
        stranger.is_waited_for().await;
        for unit in &units[1..] {
            let accepted = other.accept(&[unit], world.context()).await;
            accepted.expect("accepted");
        }
        let page = other.journal_after(default_project(), Place::default());
        let told = page.await.expect("a page").happenings.len();
        assert_eq!(told, 1, "what comes later is not told before it");
        let began = other.journal_moment().await.expect("a moment");
        assert!(!other.journal_tells(began).await.expect("an answer"));
        stranger.does("ROLLBACK").await;
    };
    let accepted = one.accept(&late, world.context());
    let (accepted, ()) = within("both nodes", async { tokio::join!(accepted, overtaken) }).await;
    accepted.expect("accepted");
    let told = follow(&other, Place::default(), 7).await;
    let all: Vec<_> = [&before].into_iter().chain(&units).map(event_of).collect();
    assert_eq!(told, all);
}

pub async fn many_who_write_at_once_are_told_of_once_each(world: World) {
    let nodes = [world.store.clone(), world.joined().await];
    nodes[1].take_shard(1);
    let units: Vec<_> = (0..40).map(|_| world.unit("{}")).collect();
    let accepts = units.iter().zip(nodes.iter().cycle()).map(|(unit, node)| {
        let context = world.context();
        async move { node.accept(&[unit], context).await.expect("accepted") }
    });
    let all = futures_util::future::join_all(accepts);
    let (_, told) = tokio::join!(all, follow(&nodes[0], Place::default(), units.len()));
    let mut sorted = told.clone();
    sorted.sort_unstable();
    let mut sent: Vec<_> = units.iter().map(event_of).collect();
    sent.sort_unstable();
    assert_eq!(sorted, sent);
    assert_eq!(follow(&nodes[1], Place::default(), units.len()).await, told);
}

pub async fn a_bell_rings_for_what_another_node_has_committed(world: World) {
    let other = world.joined().await;
    let mut bell = other.bell(default_project());
    other.ring_for_others().await.expect("a look");
    bell.mark_unchanged();
    world.accept(&[&world.unit("{}")]).await;
    assert!(!bell.has_changed().expect("it is there"));
    until("the bell", async || {
        other.ring_for_others().await.expect("a look");
        match bell.has_changed() {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    bell.mark_unchanged();
    other.ring_for_others().await.expect("a look");
    assert!(!bell.has_changed().expect("it is there"));
}

async fn pauses(store: &Store, project: ProjectId, endpoint: EndpointId) -> StoreResult<()> {
    let pause = |config: &mut EndpointConfig| {
        config.state = EndpointState::Paused;
        Ok(())
    };
    let change = change_at(NOW);
    let changed = store.change_endpoint(project, endpoint, &change, pause, unanswered);
    changed.await.map(|_| ())
}

pub async fn nodes_tell_each_other_what_they_change(world: World) {
    let (one, other) = (&world.store, world.joined().await);
    let (first, second) = (
        world.endpoint().await,
        world.endpoint_of(platform_project()).await,
    );
    let mut heard = other.begin_to_hear().await.expect("a place");
    assert_eq!(other.hear(&mut heard).await.expect("news"), []);
    let mut stranger = Stranger::of(&world).await;
    let lock = format!("BEGIN; SELECT * FROM endpoints WHERE id = '{first}' FOR UPDATE");
    stranger.does(&lock).await;
    let overtaken = async {
        stranger.is_waited_for().await;
        let paused = pauses(one, platform_project(), second).await;
        paused.expect("changed");
        // Whoever has begun before holds up nobody's news.
        let news = other.hear(&mut heard).await.expect("news");
        assert_eq!(news, [News::Endpoint(second)]);
        assert_eq!(other.hear(&mut heard).await.expect("news"), []);
        stranger.does("ROLLBACK").await;
    };
    let late = pauses(one, default_project(), first);
    let (late, ()) = within("both changes", async { tokio::join!(late, overtaken) }).await;
    late.expect("changed");
    let news = other.hear(&mut heard).await.expect("news");
    assert_eq!(news, [News::Endpoint(first)]);
    assert_eq!(other.hear(&mut heard).await.expect("news"), []);
}

pub async fn who_has_not_heard_for_long_may_have_missed_anything(world: World) {
    let (one, other) = (&world.store, world.joined().await);
    let endpoint = world.endpoint().await;
    let mut heard = other.begin_to_hear().await.expect("a place");
    heard.as_of_long_ago();
    pauses(one, default_project(), endpoint)
        .await
        .expect("changed");
    world.tamper("UPDATE notices SET at = at - 700000").await;
    one.sweep_notices().await.expect("swept");
    assert_eq!(
        other.hear(&mut heard).await.expect("news"),
        [News::Anything]
    );
    assert_eq!(other.hear(&mut heard).await.expect("news"), []);
}

pub async fn what_was_written_in_another_cluster_is_forgotten(world: World) {
    world.accept(&[&world.unit("{}")]).await;
    let far = "INSERT INTO journal SELECT project_id, position + (1::bigint << 50), written_at, entries, \
               entries_json FROM journal";
    world.tamper(far).await;
    let reopened = world.joined().await;
    let told = follow(&reopened, Place::default(), 1).await;
    assert_eq!(told.len(), 1);
    let second = world.unit("{}");
    world.accept(&[&second]).await;
    let told = follow(&reopened, Place::default(), 2).await;
    assert_eq!(told[1], event_of(&second));
}
