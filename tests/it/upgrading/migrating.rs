//! `riposte migrate`: what it shows and does, alone and with others.

use serde_json::Value;

use super::{printed, riposte};
use crate::support::Gateway;

#[tokio::test]
async fn a_file_is_migrated_by_whoever_has_it() {
    let gateway = Gateway::start().await;
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
