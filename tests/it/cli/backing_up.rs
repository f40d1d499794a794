//! `riposte backup`: a copy that is taken while events stream in is whole, and a gateway goes on from it.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;

use super::Shell;
use crate::support::{Receiver, Setup};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_goes_on_from_a_copy_that_was_taken_while_events_streamed_in() {
    let setup = Setup::on_sqlite().retrying("0s");
    let gateway = setup.clone().start().await;
    let receiver = Receiver::start().await;
    let hook = gateway.api().registers("a.b", &receiver.url()).await;
    let before = vec![json!({"type": "a.b", "data": {"text": "x".repeat(2_000)}}); 200];
    gateway
        .api()
        .post("/v1/events", json!(before))
        .await
        .expect(202);
    let api = gateway.api().clone();
    let streaming = tokio::spawn(async move {
        for _ in 0..50 {
            api.sends(json!({"type": "a.b"})).await;
        }
    });
    let other = Setup::on_sqlite().retrying("0s");
    let file = other.directory().join("riposte.db");
    let path = file.to_str().expect("a path");
    let ran = Shell::at(&gateway).runs(&["backup", "--check", path]).await;
    assert_eq!(ran.ended(0), "", "{ran:?}");
    assert!(ran.errors.contains("secrets.key"), "{ran:?}");
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    streaming.await.expect("all are sent");
    let secrets = setup.directory().join("secrets.key");
    fs::copy(secrets, other.directory().join("secrets.key")).expect("the key");
    let restored = other.start().await;
    let stats = restored.api().drained().await;
    let events = stats["events"].as_u64().expect("a count");
    assert!((200..=250).contains(&events), "{stats}");
    assert_eq!(stats["deliveries"]["delivered"], events, "{stats}");
    assert_eq!(restored.api().secret_of(&hook.endpoint).await, hook.secret);
    // The first one has kept nothing of it, and goes on.
    let leftover = setup.directory().join("riposte.db.copy");
    assert!(!leftover.exists());
    assert_eq!(gateway.api().drained().await["events"], 250);
}

#[tokio::test]
async fn a_copy_goes_to_standard_output_or_nowhere() {
    let setup = Setup::on_sqlite();
    let leftover = setup.directory().join("riposte.db.copy");
    fs::write(&leftover, "what a process left behind").expect("written");
    let gateway = setup.clone().start().await;
    assert!(!leftover.exists());
    let copy = gateway.api().get("/v1/backup").await;
    assert_eq!(copy.status, 200);
    assert!(copy.body.starts_with(b"SQLite format 3\0"));
    assert_eq!(copy.headers["content-length"], copy.body.len().to_string());
    let customer = gateway.api().new_project("acme").await;
    customer.get("/v1/backup").await.refused(403, "forbidden");
    let shell = Shell::at(&gateway);
    let nowhere = setup.directory().join("no/such/folder.db");
    let nowhere = nowhere.to_str().expect("a path");
    shell.runs(&["backup", nowhere]).await.refused(2, nowhere);
    shell
        .runs(&["backup", "--check", "-"])
        .await
        .refused(2, "--check needs a file");
    let unknown = shell.with_key("rp_nothing");
    unknown
        .runs(&["backup", "-"])
        .await
        .refused(2, "does not accept the key");
}

#[tokio::test]
async fn on_postgresql_it_says_what_to_use_and_where_the_key_is() {
    let gateway = Setup::on_postgres().start().await;
    let ran = Shell::at(&gateway).runs(&["backup", "riposte.db"]).await;
    ran.refused(2, "pg_dump");
    assert!(ran.errors.contains("secrets_key"), "{ran:?}");
}
