//! From one release to the next: the versions of the schema, `riposte migrate`, and what a migration
//! must not do to nodes of the release before.

mod additive;
mod checking;
mod copying;
mod keys;
mod migrating;

use std::process::{Command, Output};

/// Runs `riposte` with `arguments` about the database at `url`.
async fn riposte(arguments: &[&str], url: &str) -> Output {
    riposte_with(arguments, &[("RIPOSTE_DATABASE", url)]).await
}

/// Runs `riposte` with `arguments` and nothing but `variables` in its environment.
async fn riposte_with(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_riposte"));
    command
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied());
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
