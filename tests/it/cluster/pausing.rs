//! A node stops for longer than its lease, and goes on as if nothing had been.

use std::{env, time::Duration};

use riposte::clock::Clock;

use super::{
    RESUMED,
    nodes::{IN_FLIGHT, Nodes},
    say,
};
use crate::{
    load::{Load, drained},
    support::{Cluster, Setup},
};

/// How many seconds a node stops where nobody says: longer than its lease.
const PAUSE: u64 = 15;

/// How long producers wait for the node that is stopped.
const PATIENCE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_stopped_sends_nothing_that_is_no_longer_its_own() {
    let pause = env::var("PAUSE").map_or(PAUSE, |text| text.parse().expect("seconds"));
    // A node that is stopped within a transaction holds back what others may read: it has a cluster
    // of its own, so that no other test waits for it.
    let cluster = Cluster::start().await;
    let nodes = Nodes::start(&Setup::at(cluster.url())).await;
    let nodes = nodes.with_patience(PATIENCE);
    let mut load = Load::begin(&nodes.api(0), IN_FLIGHT).await;
    let clock = Clock::system();
    let (streamed, paused) = nodes
        .stream_while(async |mut progress| {
            progress.of(500).await;
            nodes.pause(2);
            let paused = clock.elapsed();
            progress.of(200).await;
            paused
        })
        .await;
    drained(&nodes.api(0)).await;
    let resumed = clock.elapsed() - paused;
    let repeats = load.reconcile(&nodes.api(1), &streamed, IN_FLIGHT).await;
    assert!(resumed < RESUMED, "{resumed:?}");
    say(format_args!(
        "a node is stopped for {pause} s: the others had nothing left to do after {resumed:?}, {repeats} repeats, {streamed:?}"
    ));
    let rest = Duration::from_secs(pause).saturating_sub(resumed);
    clock.sleep(rest).await;
    let settled = load.receiver.settled();
    nodes.resume(2);
    let streaming = nodes.stream_while(async |mut progress| progress.of(500).await);
    let (streamed, ()) = streaming.await;
    load.reconcile(&nodes.api(2), &streamed, 0).await;
    assert_eq!(load.receiver.came_again(&settled), [""; 0]);
}
