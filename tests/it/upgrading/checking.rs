//! `riposte check --connect`: what the database says when it is asked.

use serde_json::Value;

use super::{printed, riposte};
use crate::support::postgres::{Database, tamper};

#[tokio::test]
async fn a_database_that_may_lose_what_it_acknowledges_is_told_of() {
    let database = Database::new();
    let url = database.url();
    let good = riposte(&["check", "--connect"], url).await;
    let shown = printed(&good, 0);
    assert!(shown.contains("works with the schema"), "{shown}");
    assert!(shown.contains("keeps what it acknowledges"), "{shown}");
    let name = url.rsplit('/').next().expect("a name");
    let name = name.split('?').next().expect("a name");
    let off = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    tamper(url, &off).await;
    let weak = riposte(&["check", "--connect", "--json"], url).await;
    let weak: Value = serde_json::from_str(&printed(&weak, 1)).expect("JSON");
    let weakness = &weak["database"]["weaknesses"][0];
    assert_eq!(weakness["setting"], "synchronous_commit", "{weak}");
    assert_eq!(weakness["value"], "off", "{weak}");
    let empty = Database::empty();
    let unfit = riposte(&["check", "--connect"], empty.url()).await;
    assert!(printed(&unfit, 1).contains("does not fit"), "{unfit:?}");
    let nowhere = riposte(
        &["check", "--connect"],
        "postgres://u:hush@127.0.0.1:1/none",
    )
    .await;
    assert_eq!(printed(&nowhere, 2), "");
    let errors = String::from_utf8_lossy(&nowhere.stderr);
    assert!(
        errors.contains("postgres://u:***@127.0.0.1:1/none"),
        "{errors}"
    );
}
