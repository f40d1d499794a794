//! A PostgreSQL of a test's own, which can be killed.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{
    postgres::{execute, url_of},
    within,
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres");

/// A cluster of a test's own, with one database in it, as durable as a real one. It goes when this
/// is dropped, or when the tests end in whatever way.
pub struct Cluster {
    directory: TempDir,
    url: String,
    /// Removes the cluster when its standard input ends.
    holder: Child,
}

impl Cluster {
    /// A cluster that runs, and an empty database.
    pub async fn start() -> Self {
        let directory = TempDir::new().expect("a directory");
        let mut holder = Command::new(SCRIPT)
            .arg("hold")
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script runs");
        let printed = BufReader::new(holder.stdout.take().expect("its output"));
        let cluster = first_line(printed).await;
        let name = "riposte";
        let made = execute(&cluster, vec![format!("CREATE DATABASE {name}")]).await;
        made.expect("a database");
        Self {
            directory,
            url: url_of(&cluster, name),
            holder,
        }
    }

    /// The URL of its database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(&self) {
        self.script("kill").await;
    }

    /// Starts it again where it was.
    pub async fn comes_back(&self) {
        self.script("start").await;
    }

    async fn script(&self, verb: &'static str) {
        let mut command = Command::new(SCRIPT);
        command
            .arg(verb)
            .arg(self.directory.path())
            .stdout(Stdio::null());
        let run = tokio::task::spawn_blocking(move || command.status());
        let ended = within(format!("scripts/postgres {verb}"), run).await;
        let status = ended.expect("no panic").expect("the script runs");
        assert!(status.success(), "scripts/postgres {verb}: {status}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        // It may have failed already.
        let _ = self.holder.wait();
    }
}

async fn first_line(mut printed: impl BufRead + Send + 'static) -> String {
    let read = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        printed.read_line(&mut line).expect("its output");
        line.trim().to_owned()
    });
    let line = within("PostgreSQL to start", read).await;
    line.expect("no panic")
}
