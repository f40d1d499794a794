//! From one release to the next: the versions of the schema, `riposte migrate`, and what a migration
//! must not do to nodes of the release before.

mod additive;
mod keys;
mod migrating;

use std::process::{Command, Output};

/// Runs `riposte` with `arguments` about the database at `url`.
async fn riposte(arguments: &[&str], url: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_riposte"));
    command
        .args(arguments)
        .env_clear()
        .env("RIPOSTE_DATABASE", url);
    let run = tokio::task::spawn_blocking(move || command.output());
    let ended = crate::support::within("the command to end", run).await;
    ended.expect("no panic").expect("the program runs")
}

/// What it printed, if it ended with `code`.
#[track_caller]
fn printed(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}
