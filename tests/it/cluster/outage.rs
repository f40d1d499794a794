//! The database dies and comes back.

use std::time::Duration;

use riposte::clock::Clock;

use super::{
    nodes::{IN_FLIGHT, Nodes},
    say,
};
use crate::{
    load::Load,
    support::{Cluster, Setup},
};

/// How long the database is away: as long as a restart takes, and longer than leases last.
const OUTAGES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(12)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producers_are_told_the_truth_while_the_database_is_away() {
    let cluster = Cluster::start().await;
    let nodes = Nodes::start(&Setup::at(cluster.url())).await;
    let mut load = Load::begin(&nodes.api(0), IN_FLIGHT).await;
    let clock = Clock::system();
    for outage in OUTAGES {
        let (streamed, back) = nodes
            .stream_while(async |mut progress| {
                progress.of(500).await;
                cluster.kill().await;
                clock.sleep(outage).await;
                cluster.comes_back().await;
                let back = clock.elapsed();
                progress.of(500).await;
                clock.elapsed() - back
            })
            .await;
        let in_flight = 3 * IN_FLIGHT;
        let repeats = load.reconcile(&nodes.api(0), &streamed, in_flight).await;
        say(format_args!(
            "PostgreSQL is killed, and back after {outage:?}: 500 events more after {back:?}, {repeats} repeats, {streamed:?}"
        ));
        assert!(streamed.refused > 0, "nobody was told: {streamed:?}");
        assert_eq!(streamed.broken, 0, "nodes answer without their database");
    }
}
