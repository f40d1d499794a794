//! A node is lost.

use riposte::clock::Clock;

use super::{
    RESUMED,
    nodes::{IN_FLIGHT, Nodes},
    say,
};
use crate::{
    load::{Load, drained},
    support::Setup,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_go_on_with_what_a_killed_node_had() {
    let nodes = Nodes::start(&Setup::on_postgres()).await;
    let mut load = Load::begin(&nodes.api(0), IN_FLIGHT).await;
    let clock = Clock::system();
    let (streamed, killed) = nodes
        .stream_while(async |mut progress| {
            progress.of(800).await;
            nodes.kill(2);
            let killed = clock.elapsed();
            progress.of(800).await;
            killed
        })
        .await;
    drained(&nodes.api(0)).await;
    let took = clock.elapsed() - killed;
    let repeats = load.reconcile(&nodes.api(1), &streamed, IN_FLIGHT).await;
    say(format_args!(
        "kill -9 of one of three nodes: nothing was left to do after {took:?}, {repeats} repeats, {streamed:?}"
    ));
    assert!(took < RESUMED, "{took:?}");
    nodes.restart(2).await;
    let streaming = nodes.stream_while(async |mut progress| progress.of(200).await);
    let (streamed, ()) = streaming.await;
    load.reconcile(&nodes.api(2), &streamed, 0).await;
}
