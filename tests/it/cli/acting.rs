//! Redriving, discarding, jobs and keys.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Command,
};

use serde_json::json;

use super::{Shell, ended};
use crate::support::{Gateway, Receiver, Setup, id_of, within};

/// A gateway with `count` dead letters, whose receiver is up again.
async fn with_dead_letters(count: usize) -> (Gateway, Receiver, String) {
    let (gateway, receiver) = (
        Setup::new().retrying("0s").start().await,
        Receiver::start().await,
    );
    let api = gateway.api();
    receiver.answers(503);
    let endpoint = api.hears_all(json!({"url": receiver.url()})).await;
    let events: Vec<_> = (0..count).map(|_| json!({"type": "a.b"})).collect();
    api.post("/v1/events", events.into()).await.expect(202);
    assert_eq!(api.drained().await["deliveries"]["dead"], count);
    receiver.answers(200);
    (gateway, receiver, endpoint)
}

#[tokio::test]
async fn redrive_counts_first_wants_a_yes_and_follows_the_job() {
    let (gateway, receiver, endpoint) = with_dead_letters(3).await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let counted = shell.runs(&["redrive", "--all", "--dry-run"]).await;
    counted.shows(&["3 dead letters\n", "dlv_", "status_5xx: answered 503"]);
    let unasked = shell.runs(&["redrive", "--all"]).await;
    unasked.refused(2, "pass --yes");
    assert_eq!(api.list("/v1/jobs").await.len(), 0);
    let letters = api.deliveries("state=dead").await;
    let one = shell.runs(&["redrive", &id_of(&letters[0]), "--yes"]).await;
    assert_eq!(one.ended(0), "✓ done 1 of 1: 1 redriven\n");
    let rest = shell
        .runs(&["redrive", "--endpoint", &endpoint, "--yes", "--json"])
        .await;
    assert_eq!(rest.json()["outcomes"], json!({"redriven": 2}));
    receiver.expect_requests(6).await;
    let none = shell.runs(&["redrive", "--all", "--yes"]).await;
    none.refused(1, "no such dead letters");
}

#[tokio::test]
async fn what_cannot_be_redriven_is_named_and_the_exit_code_says_so() {
    let (gateway, _receiver, endpoint) = with_dead_letters(2).await;
    gateway.api().sets(&endpoint, "disabled").await;
    let ran = Shell::at(&gateway)
        .runs(&["redrive", "--all", "--yes"])
        .await;
    let out = ran.ended(1);
    assert!(
        out.starts_with("✓ done 2 of 2: 2 endpoint_disabled\n  dlv_"),
        "{out}"
    );
    assert!(out.contains("enable the endpoint, then redrive"), "{out}");
}

#[tokio::test]
async fn discard_makes_a_job_that_can_be_found_again() {
    let (gateway, _receiver, _endpoint) = with_dead_letters(2).await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    shell.runs(&["jobs"]).await.refused(1, "no jobs");
    let started = shell
        .runs(&["discard", "--type", "a.b", "--yes", "--detach"])
        .await;
    let job = started.ended(0).trim().to_owned();
    let followed = shell.runs(&["jobs", "follow", &job]).await;
    assert_eq!(followed.ended(0), "✓ done 2 of 2: 2 discarded\n");
    shell
        .runs(&["jobs"])
        .await
        .shows(&[&job, "discard", "✓ done", "2 of 2: 2 discarded"]);
    shell
        .runs(&["jobs", "get", &job])
        .await
        .shows(&["discard", &job, "type a.b", "operator"]);
    let document = shell.runs(&["jobs", "get", &job, "--json"]).await.json();
    assert_eq!(document, api.job(&job).await);
    let late = shell.runs(&["jobs", "cancel", &job]).await;
    late.refused(2, "(wrong_state)");
    shell
        .runs(&["jobs", "get", "job_1"])
        .await
        .refused(1, "not_found");
}

#[tokio::test]
async fn a_job_is_cancelled_while_it_runs() {
    let (gateway, _receiver, _endpoint) = with_dead_letters(40).await;
    let shell = Shell::at(&gateway);
    let slowly = ["redrive", "--all", "--yes", "--detach", "--rate", "1"];
    let started = shell.runs(&slowly).await;
    let job = started.ended(0).trim().to_owned();
    shell.runs(&["jobs", "cancel", &job]).await.shows(&[
        "redrive",
        "at most 1 a second",
        "cancelled",
    ]);
    let followed = shell.runs(&["jobs", "follow", &job]).await;
    assert!(
        followed.ended(1).starts_with("○ cancelled"),
        "{followed:#?}"
    );
}

#[tokio::test]
async fn ctrl_c_stops_following_and_the_job_goes_on() {
    let (gateway, _receiver, _endpoint) = with_dead_letters(40).await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let mut following = shell.begins(&["redrive", "--all", "--yes", "--rate", "1"]);
    let errors = following.stderr.take().expect("what it says");
    let said = tokio::task::spawn_blocking(move || {
        let (mut errors, mut first) = (BufReader::new(errors), String::new());
        errors.read_line(&mut first).expect("a line");
        (errors, first)
    });
    let (mut errors, first) = within("a line about the job", said)
        .await
        .expect("no panic");
    let (job, _) = first.split_once(' ').expect("a job and its state");
    let pid = following.id().to_string();
    let asked = Command::new("kill").args(["-INT", &pid]).status();
    assert!(asked.expect("kill runs").success());
    let left = ended("riposte redrive".to_owned(), following).await;
    assert_eq!(left.ended(1), "");
    let mut rest = String::new();
    errors.read_to_string(&mut rest).expect("the rest");
    assert!(
        rest.contains(&format!("riposte jobs follow {job}")),
        "{rest}"
    );
    assert!(api.job(job).await["finished_at"].is_null());
    shell.runs(&["jobs", "cancel", job]).await.ended(0);
}

#[tokio::test]
async fn a_key_is_made_shown_alone_used_and_revoked() {
    let gateway = Gateway::start().await;
    let shell = Shell::at(&gateway);
    let made = shell
        .runs(&["keys", "create", "CI", "--expires", "90d"])
        .await;
    let key = made.ended(0).trim().to_owned();
    assert_eq!(made.out, format!("{key}\n"));
    assert!(
        made.errors.contains("it expires") && !made.errors.contains(&key),
        "{made:#?}"
    );
    let theirs = Shell::at(&gateway).with_key(&key);
    let listed = theirs.runs(&["keys"]).await;
    listed.shows(&["key_", "CI", "✓ expires in"]);
    assert!(!listed.out.contains(&key));
    let id = id_of(&theirs.runs(&["keys", "--json"]).await.lines()[0]);
    let revoked = shell.runs(&["keys", "revoke", &id]).await;
    revoked.refused(0, "it opens nothing from now on");
    shell.runs(&["keys"]).await.shows(&[&id, "○ revoked"]);
    theirs
        .runs(&["keys"])
        .await
        .refused(2, "does not accept the key");
    shell
        .runs(&["keys", "revoke", "key_1"])
        .await
        .refused(1, "not_found");
    let scoped = ["keys", "create", "CI", "--scope", "events:write", "--json"];
    let document = shell.runs(&scoped).await.json();
    assert_eq!(document["scopes"], json!(["events:write"]));
    assert!(
        document["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("rp_"))
    );
}
