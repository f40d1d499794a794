//! The way between nodes and their database breaks, stalls, and breaks just when something is
//! committed.

use std::time::Duration;

use riposte::clock::Clock;
use serde_json::json;

use super::{
    nodes::{IN_FLIGHT, Nodes},
    say,
};
use crate::{
    load::Load,
    support::{Breaks, Cluster, Proxy, Setup, Way},
};

/// How long something is held.
const HELD: Duration = Duration::from_secs(3);

/// How many commits meet a broken connection.
const COMMITS: usize = 12;

/// Within what a producer is told to come back: less than clients usually wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// Three nodes on a cluster of their own, of which the last one goes through a proxy.
async fn nodes_with_a_proxy() -> (Cluster, Proxy, Nodes, Load) {
    let cluster = Cluster::start().await;
    let proxy = Proxy::before(cluster.url()).await;
    let direct = Setup::at(cluster.url());
    let detour = direct
        .clone()
        .with("RIPOSTE_DATABASE", &proxy.url(cluster.url()));
    let nodes = Nodes::start_each([&direct, &direct, &detour]).await;
    let load = Load::begin(&nodes.api(0), IN_FLIGHT).await;
    (cluster, proxy, nodes, load)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_or_stall_lose_nothing() {
    let (_cluster, proxy, nodes, mut load) = nodes_with_a_proxy().await;
    let clock = Clock::system();
    let (streamed, ()) = nodes
        .stream_while(async |mut progress| {
            progress.of(200).await;
            proxy.cuts();
            progress.of(200).await;
            proxy.resets();
            progress.of(200).await;
            for way in [Way::There, Way::Back] {
                proxy.holds(way);
                clock.sleep(HELD).await;
                proxy.flows();
                progress.of(200).await;
            }
            proxy.is_down();
            clock.sleep(HELD).await;
            proxy.flows();
            progress.of(200).await;
        })
        .await;
    let repeats = load.reconcile(&nodes.api(2), &streamed, IN_FLIGHT).await;
    say(format_args!(
        "connections are cut, reset, held and refused: {repeats} repeats, {streamed:?}"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_end_is_unknown_is_neither_a_false_202_nor_a_lost_event() {
    let (_cluster, proxy, nodes, mut load) = nodes_with_a_proxy().await;
    for breaks in [Breaks::BeforeCommit, Breaks::AfterCommit] {
        let before = proxy.broken();
        let (streamed, ()) = nodes
            .stream_while(async |mut progress| {
                progress.of(100).await;
                proxy.breaks(breaks, COMMITS);
                proxy.has_broken(before + COMMITS).await;
                progress.of(100).await;
            })
            .await;
        let repeats = load.reconcile(&nodes.api(2), &streamed, IN_FLIGHT).await;
        say(format_args!(
            "{COMMITS} connections break {breaks:?}: {repeats} repeats, {streamed:?}"
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_end_is_unknown_is_made_once_when_it_is_asked_for_again() {
    let (_cluster, proxy, nodes, _load) = nodes_with_a_proxy().await;
    let api = nodes.api(2);
    for breaks in [Breaks::BeforeCommit, Breaks::AfterCommit] {
        let names = (0..).map(|number| format!("{breaks:?}-{number}"));
        for name in names {
            let endpoint = json!({"name": name, "url": "https://example.com/"});
            let asking = api.with_header("idempotency-key", &name);
            proxy.breaks(breaks, 1);
            let first = asking.post("/v1/endpoints", endpoint.clone()).await;
            // Something else may have met the break.
            if first.status == 201 {
                continue;
            }
            first.refused(503, "unavailable");
            let made = asking.post("/v1/endpoints", endpoint).await.expect(201);
            let all = api.list("/v1/endpoints").await;
            let same = all
                .iter()
                .filter(|endpoint| endpoint["name"] == made["name"]);
            assert_eq!(same.count(), 1, "{breaks:?}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_is_told_to_come_back_while_its_key_cannot_be_looked_up() {
    let cluster = Cluster::start().await;
    let proxy = Proxy::before(cluster.url()).await;
    let direct = Setup::at(cluster.url());
    let detour = direct.with("RIPOSTE_DATABASE", &proxy.url(cluster.url()));
    let nodes = Nodes::start_each([&detour]).await;
    let operator = nodes.api(0);
    let key = operator
        .post("/v1/keys", json!({"name": "producer"}))
        .await
        .expect(201);
    let producer = operator.with_key(key["key"].as_str().expect("a key"));
    proxy.holds(Way::Back);
    let sending = producer.post("/v1/events", json!({"type": "a.b"}));
    let answer = Clock::system().timeout(PATIENCE, sending).await;
    answer
        .expect("an answer in time")
        .refused(503, "unavailable");
    proxy.flows();
}
