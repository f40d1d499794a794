//! `riposte migrate`: what it shows and does, alone and with others.

use serde_json::{Value, json};

use super::{printed, riposte};
use crate::support::{
    Receiver, Setup,
    postgres::{Database, tamper},
};

#[tokio::test]
async fn a_file_is_migrated_by_whoever_has_it() {
    let gateway = Setup::on_sqlite().start().await;
    let url = format!("sqlite://{}/riposte.db", gateway.directory().display());
    let status = riposte(&["migrate", "status"], &url).await;
    let shown = printed(&status, 0);
    assert!(shown.contains("✓ carried out"), "{shown}");
    assert!(shown.ends_with("The schema is up to date.\n"), "{shown}");
    let up = riposte(&["migrate", "up"], &url).await;
    assert_eq!(printed(&up, 2), "");
    let errors = String::from_utf8_lossy(&up.stderr);
    assert!(errors.contains("is in use by another process"), "{errors}");
    let setup = gateway.stop().await;
    let up = riposte(&["migrate", "up", "--json"], &url).await;
    let up: Value = serde_json::from_str(&printed(&up, 0)).expect("JSON");
    assert_eq!(up["up_to_date"], true, "{up}");
    let other = setup.directory().join("other.db");
    let other = format!("sqlite://{}", other.display());
    let status = riposte(&["migrate", "status"], &other).await;
    assert!(printed(&status, 1).contains("• waits"), "{status:?}");
    printed(&riposte(&["migrate", "up"], &other).await, 0);
    printed(&riposte(&["migrate", "status"], &other).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_that_migrate_at_once_each_finds_it_done() {
    let database = Database::empty();
    let status = riposte(&["migrate", "status"], database.url()).await;
    assert!(
        printed(&status, 1).contains("run `riposte migrate up`"),
        "{status:?}"
    );
    let up = || riposte(&["migrate", "up"], database.url());
    let all = tokio::join!(up(), up(), up(), up());
    for one in [all.0, all.1, all.2, all.3] {
        assert!(
            printed(&one, 0).ends_with("The schema is up to date.\n"),
            "{one:?}"
        );
    }
    printed(&riposte(&["migrate", "status"], database.url()).await, 0);
}

#[tokio::test]
async fn a_node_that_is_not_to_migrate_refuses_to_start_before_somebody_has() {
    let database = Database::empty();
    let setup = Setup::at(database.url()).with("RIPOSTE_POSTGRES__MIGRATE", "manual");
    let refused = setup.refused().await.to_string();
    assert!(
        refused.contains("are not carried out yet: run `riposte migrate up`"),
        "{refused}"
    );
    printed(&riposte(&["migrate", "up"], database.url()).await, 0);
    setup.start().await.stop().await;
}

/// What the next release might add.
const LATER: &str = "
    CREATE TABLE lanes (id text NOT NULL PRIMARY KEY);
    ALTER TABLE events ADD COLUMN region text;
    ALTER TABLE events ADD COLUMN weight bigint NOT NULL DEFAULT 1;
    ALTER TABLE deliveries ADD COLUMN region text;
    ALTER TABLE attempts ADD COLUMN region text;
    ALTER TABLE queue ADD COLUMN lane text;
    ALTER TABLE endpoints ADD COLUMN region text NOT NULL DEFAULT 'here';
    ALTER TABLE listener_revisions ADD COLUMN region text;
    ALTER TABLE projects ADD COLUMN region text;
    ALTER TABLE nodes ADD COLUMN region text;
    ALTER TABLE journal ADD COLUMN region text;
    ALTER TABLE audit ADD COLUMN region text;
    CREATE INDEX queue_by_lane ON queue (lane);
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES (9999, 'later', true, '\\x00', 1);";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_goes_on_and_starts_while_the_next_release_adds_to_the_schema() {
    let gateway = Setup::on_postgres().retrying("0s").start().await;
    let receiver = Receiver::start().await;
    gateway.api().registers("a.b", &receiver.url()).await;
    gateway.api().sends(json!({"type": "a.b"})).await;
    receiver.expect_requests(1).await;
    let url = gateway.database();
    // All that is added at once could meet a recorder that has some of these tables and wants others.
    gateway.api().drained().await;
    tamper(&url, LATER).await;
    gateway.api().sends(json!({"type": "a.b"})).await;
    receiver.expect_requests(2).await;
    let setup = gateway.stop().await;
    let gateway = setup.start().await;
    gateway.api().registers("c.d", &receiver.url()).await;
    gateway.api().sends(json!({"type": "a.b"})).await;
    gateway.api().sends(json!({"type": "c.d"})).await;
    receiver.expect_requests(4).await;
    let stats = gateway.api().drained().await;
    assert_eq!(stats["deliveries"]["delivered"], 4, "{stats}");
    let status = riposte(&["migrate", "status"], &url).await;
    let shown = printed(&status, 0);
    assert!(shown.contains("by a later release"), "{shown}");
    assert!(
        shown.contains("which works with it all the same"),
        "{shown}"
    );
    // Until the next release takes something away.
    let contract = "INSERT INTO settings (name, value) VALUES ('understood_from', '9999')";
    tamper(&url, contract).await;
    let status = riposte(&["migrate", "status"], &url).await;
    assert!(
        printed(&status, 1).contains("understood from migration 9999 on"),
        "{status:?}"
    );
    let refused = gateway.stop().await.refused().await.to_string();
    assert!(refused.contains("start a later one"), "{refused}");
}
