//! Dead letters by endpoint and cause: what fails, does it elsewhere, and what is done about it.

use serde_json::json;

use super::{Ran, Shell};
use crate::support::{Gateway, Receiver, Setup};

/// A gateway with three dead letters to `CI`, and two to `Billing`, which is disabled by now; the
/// receiver is up again.
async fn five_dead_letters() -> (Gateway, Receiver, [String; 2]) {
    let gateway = Setup::new().retrying("0s").start().await;
    let receiver = Receiver::start().await;
    let api = gateway.api();
    receiver.answers(503);
    let ci = json!({"name": "CI", "url": receiver.url_of("/ci")});
    let billing = json!({"name": "Billing", "url": receiver.url_of("/billing")});
    let (ci, billing) = (api.hears_all(ci).await, api.hears_all(billing).await);
    let events = json!([{"type": "a.b"}, {"type": "a.b"}]);
    api.post("/v1/events", events).await.expect(202);
    api.drained().await;
    api.sets(&billing, "disabled").await;
    api.sends(json!({"type": "c.d"})).await;
    api.drained().await;
    receiver.answers(200);
    (gateway, receiver, [ci, billing])
}

impl Ran {
    /// The commands that it shows after `then`, as arguments for a shell at the same project.
    #[track_caller]
    fn commands(&self) -> Vec<Vec<&str>> {
        let lines = self.ended(0).lines();
        let commands = lines.filter_map(|line| line.trim().strip_prefix("then "));
        let arguments = commands.map(|command| {
            let command = command.trim().strip_prefix("riposte ");
            let command = command.and_then(|it| it.strip_suffix(" --project default"));
            command.expect("a command for the project").split(' ')
        });
        arguments.map(Iterator::collect).collect()
    }
}

#[tokio::test]
async fn dead_letters_are_shown_by_endpoint_and_cause_with_the_command_for_each_group() {
    let (gateway, receiver, [ci, billing]) = five_dead_letters().await;
    let shell = Shell::at(&gateway);
    let shown = shell.runs(&["dead-letters"]).await;
    let (to_ci, to_billing) = (
        format!("CI, {ci}, at 127.0.0.1\n"),
        format!("Billing, {billing}, at 127.0.0.1, disabled\n"),
    );
    shown.shows(&[
        "✗ 3 dead letters  attempts_exhausted, status_5xx\n",
        &to_ci,
        "The receiver failed (5xx).",
        "to do",
        "first",
        "last",
        "riposte why dlv_",
        "✗ 2 dead letters",
        &to_billing,
    ]);
    let commands = shown.commands();
    let [of_ci, _] = commands.as_slice() else {
        panic!("{shown:#?}")
    };
    let redriven = shell.runs(&[of_ci.as_slice(), &["--yes"]].concat()).await;
    let out = redriven.ended(0);
    assert!(out.ends_with("✓ done 3 of 3: 3 redriven\n"), "{out}");
    receiver.expect_requests(8).await;
    let left = shell.runs(&["dead-letters"]).await;
    left.shows(&["✗ 2 dead letters", &to_billing]);
    assert_eq!(left.commands().len(), 1);
}

#[tokio::test]
async fn by_cause_it_shows_whether_the_same_fails_elsewhere() {
    let (gateway, _receiver, [_, billing]) = five_dead_letters().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let shown = shell.runs(&["dead-letters", "--by", "cause"]).await;
    shown.shows(&["✗ 5 dead letters", "2 endpoints\n", "riposte redrive"]);
    let commands = shown.commands();
    let [command] = commands.as_slice() else {
        panic!("{shown:#?}")
    };
    let counted = shell
        .runs(&[command.as_slice(), &["--dry-run"]].concat())
        .await;
    counted.shows(&["5 dead letters\n"]);
    let one = ["dead-letters", "--by", "cause", "--endpoint", &billing];
    shell
        .runs(&one)
        .await
        .shows(&["✗ 2 dead letters", "1 endpoint\n", &billing]);
    let document = api.get("/v1/dead-letters/groups").await.expect(200);
    let lines = shell.runs(&["dead-letters", "--all", "--json"]).await;
    assert_eq!(json!(lines.lines()), document["data"]);
    let first = shell.runs(&["dead-letters", "--limit", "1"]).await;
    assert_eq!(first.commands().len(), 1);
    assert!(
        first.errors.contains("more groups: --all"),
        "{:?}",
        first.errors
    );
    let nonsense = ["dead-letters", "--endpoint", "nonsense"];
    shell.runs(&nonsense).await.refused(2, "(bad_parameter)");
}

#[tokio::test]
async fn dead_letters_are_listed_one_by_one() {
    let gateway = Gateway::start().await;
    let none = Shell::at(&gateway).runs(&["dead-letters"]).await;
    none.refused(1, "no dead letters");
    let (gateway, _receiver, [_, billing]) = five_dead_letters().await;
    let shell = Shell::at(&gateway);
    let listed = ["dead-letters", "list", "--endpoint", &billing, "--json"];
    assert_eq!(shell.runs(&listed).await.lines().len(), 2);
    shell.runs(&["dead-letters", "list"]).await.shows(&[
        "WHERE IT STANDS",
        "dlv_",
        "c.d",
        "✗ dead",
    ]);
    let none = ["dead-letters", "list", "--error", "connect_refused"];
    shell.runs(&none).await.refused(1, "no dead letters");
}
