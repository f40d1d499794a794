//! Lists and single things.

use serde_json::json;

use super::{Shell, ended};
use crate::support::{Gateway, Receiver, a_webhook, id_of, until};

#[tokio::test]
async fn events_are_listed_filtered_and_shown_to_the_letter() {
    let gateway = Gateway::start().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    shell.runs(&["events"]).await.refused(1, "no events");
    let data = r#"{"price":1.50,"big":123456789012345678901234567890}"#;
    let sent = shell
        .runs(&["send", "a.b", "--subject", "site/7", "--data", data])
        .await;
    let id = sent
        .ended(0)
        .trim()
        .trim_start_matches("accepted")
        .trim()
        .to_owned();
    api.sends(json!({"type": "c.d"})).await;
    let listed = shell.runs(&["events"]).await;
    listed.shows(&[
        "ID", "RECEIVED", "TYPE", "SUBJECT", "SOURCE\n", "c.d", &id, "a.b", "site/7",
    ]);
    assert!(
        !listed.out.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    let of_type = shell
        .runs(&["events", "--type", "a.b", "--json"])
        .await
        .lines();
    assert_eq!(of_type.len(), 1);
    assert_eq!(id_of(&of_type[0]), id);
    let shown = shell.runs(&["events", "get", &id]).await;
    shown.shows(&[
        "a.b",
        &id,
        "site/7",
        "\"price\": 1.50,",
        "123456789012345678901234567890",
    ]);
    let whole = shell.runs(&["events", "get", &id, "--json"]).await;
    assert_eq!(
        whole.out.trim_end(),
        api.get(&format!("/v1/events/{id}")).await.text()
    );
    shell
        .runs(&["events", "get", "evt_1"])
        .await
        .refused(1, "not_found");
}

#[tokio::test]
async fn filters_narrow_lists_down_alone_and_together() {
    let (gateway, receiver, hook) = a_webhook().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    receiver.answers(503);
    let wanted = json!({"type": "a.b", "subject": "site/7", "data": {"price": 1.5}});
    let wanted = api.sends(wanted).await;
    api.sends(json!({"type": "c.d", "data": {"price": 3}}))
        .await;
    api.drained().await;
    let pattern = r#"{"data": {"price": [{"numeric": ["<", 2]}]}}"#;
    for filter in [
        &["--type", "a.*"][..],
        &["--subject", "site/7"],
        &["--oldest", "--limit", "1", "--since", "1h"],
        &["--when", pattern],
        &["--when", pattern, "--type", "a.b", "--state", "accepted"],
    ] {
        let found = shell.runs(&[&["events", "--json"], filter].concat()).await;
        let ids: Vec<_> = found.lines().iter().map(id_of).collect();
        assert_eq!(ids, [wanted.as_str()], "{filter:?}");
    }
    let (endpoint, listener) = (hook.endpoint.as_str(), hook.listener.as_str());
    for (filter, found) in [
        (&["events", "--until", "1h"][..], 1),
        (&["events", "--source", "/nowhere"], 1),
        (
            &[
                "deliveries",
                "--error",
                "status_5xx",
                "--status",
                "503",
                "--type",
                "a.b",
            ],
            0,
        ),
        (
            &[
                "deliveries",
                "--reason",
                "attempts_exhausted",
                "--event",
                &wanted,
            ],
            0,
        ),
        (&["deliveries", "--status", "4xx"], 1),
        (&["endpoints", "--state", "enabled", "--to", "127.0.0.1"], 0),
        (&["endpoints", "--state", "disabled"], 1),
        (&["listeners", "--hears", "a.b", "--endpoint", endpoint], 0),
        (&["listeners", "--hears", "c.d"], 1),
        (&["attempts", "--outcome", "failed", "--status", "5xx"], 0),
        (&["attempts", "--error", "connect_refused"], 1),
    ] {
        shell.runs(filter).await.ended(found);
    }
    shell.runs(&["listeners"]).await.shows(&[listener]);
    let refused = shell.runs(&["events", "--when", r#"{"data": 1}"#]).await;
    assert_eq!(refused.ended(2), "");
    let refused = shell.runs(&["events", "--when", "@nowhere"]).await;
    refused.refused(2, "invalid value '@nowhere' for '--when");
}

#[tokio::test]
async fn a_list_goes_on_where_it_ended_and_all_of_it_is_asked_for_page_by_page() {
    let gateway = Gateway::start().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let many: Vec<_> = (0..300).map(|_| json!({"type": "a.b"})).collect();
    api.post("/v1/events", many.into()).await.expect(202);
    let all = shell.runs(&["events", "--all", "--json"]).await;
    let expected = api.list("/v1/events").await;
    assert_eq!(all.lines(), expected);
    assert_eq!(all.errors, "");
    let first = shell.runs(&["events", "--limit", "2"]).await;
    assert_eq!(first.ended(0).lines().count(), 3);
    let (_, cursor) = first
        .errors
        .trim()
        .split_once("more: --cursor ")
        .expect("a hint");
    let next = shell
        .runs(&["events", "--limit", "260", "--cursor", cursor, "--json"])
        .await;
    assert_eq!(next.lines(), expected[2..262]);
}

#[tokio::test]
async fn whoever_has_seen_enough_of_a_list_closes_it_and_that_is_no_failure() {
    let gateway = Gateway::start().await;
    let many: Vec<_> = (0..1000).map(|_| json!({"type": "a.b"})).collect();
    gateway
        .api()
        .post("/v1/events", many.into())
        .await
        .expect(202);
    let mut listing = Shell::at(&gateway).begins(&["events", "--all"]);
    drop(listing.stdout.take());
    let ran = ended("riposte events --all".to_owned(), listing).await;
    ran.refused(0, "");
    assert_eq!(ran.errors, "");
}

#[tokio::test]
async fn deliveries_say_where_they_stand_and_what_to_do() {
    let (gateway, receiver, hook) = a_webhook().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    receiver.answers_with(503, &[], "the database is down \u{1b}[31m");
    let delivery = api.delivery_of_new().await;
    api.delivery_becomes(&delivery, "dead").await;
    let listed = shell.runs(&["deliveries", "--state", "dead"]).await;
    listed.shows(&[&delivery, "a.b", "✗ dead: 1 attempt, last error status_5xx"]);
    let none = shell
        .runs(&[
            "deliveries",
            "--endpoint",
            &hook.endpoint,
            "--state",
            "pending",
        ])
        .await;
    none.refused(1, "no deliveries");
    let shown = shell.runs(&["deliveries", "get", &delivery]).await;
    shown.shows(&[
        "✗ dead",
        &delivery,
        &hook.endpoint,
        &hook.listener,
        "the event was received",
        "✗ 1st attempt: 503 after",
        "✗ dead: attempts_exhausted",
        "answer    the database is down \u{fffd}[31m",
        "to do     Look into the receiver's log",
        "to do     Put the receiver right, then redrive.",
        &format!("riposte redrive {delivery}"),
    ]);
    let refused = shell.runs(&["deliveries", "--state", "lost"]).await;
    refused.refused(2, "is not one of pending, delivered, dead");
}

#[tokio::test]
async fn attempts_are_listed_with_what_came_of_each() {
    let (gateway, receiver, hook) = a_webhook().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    receiver.answers(503).then_answers(200);
    let failed = api.delivery_of_new().await;
    api.delivery_becomes(&failed, "dead").await;
    let delivered = api.delivery_of_new().await;
    api.delivery_becomes(&delivered, "delivered").await;
    let listed = shell
        .runs(&["attempts", "--oldest", "--endpoint", &hook.endpoint])
        .await;
    listed.shows(&[
        "att_",
        "✗ 503 status_5xx",
        &format!("{failed} (1)"),
        "✓ 200",
        &delivered,
    ]);
    let failures = [
        "attempts",
        "--outcome",
        "failed",
        "--status",
        "5xx",
        "--json",
    ];
    let failures = shell.runs(&failures).await.lines();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0]["delivery"], failed);
    let none = shell
        .runs(&["attempts", "--error", "connect_refused"])
        .await;
    none.refused(1, "no attempts");
}

#[tokio::test]
async fn what_did_not_become_an_event_is_listed_and_told_of_beside_the_event_that_did() {
    let gateway = Gateway::start().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let send = [
        "send", "a.b", "--id", "deploy-7", "--source", "/ci", "--data",
    ];
    for (data, code) in [("1", 0), ("1", 0), ("2", 1)] {
        let sent = shell.runs(&[&send[..], &[data]].concat()).await;
        sent.ended(code);
    }
    // The log is written beside the way of events.
    let look = async || match api.list("/v1/refusals").await {
        all if all.len() == 2 => Ok(()),
        all => Err(format!("{all:?}")),
    };
    until("two refusals to be written down", look).await;
    let listed = shell.runs(&["refusals", "--id", "deploy-7"]).await;
    listed.shows(&["ref_", "deploy-7", "✗ conflict", "ref_", "○ duplicate"]);
    let duplicates = shell
        .runs(&["refusals", "--outcome", "duplicate", "--json"])
        .await;
    assert_eq!(duplicates.lines().len(), 1);
    let told = shell.runs(&["why", "deploy-7"]).await;
    told.shows(&[
        "a.b",
        "evt_",
        "✗ sent again at",
        "conflict",
        "○ sent again at",
        "duplicate",
    ]);
}

#[tokio::test]
async fn endpoints_and_listeners_are_listed_and_shown() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let endpoint = json!({"name": "CI", "url": receiver.url(), "state": "paused"});
    let endpoint = api.endpoint(endpoint).await;
    let reaction = json!({"webhook": {"endpoint": endpoint}});
    let listener = api
        .listens(&["a.*"], json!({"subject": ["x"]}), reaction)
        .await;
    let listener = id_of(&listener);
    shell
        .runs(&["endpoints"])
        .await
        .shows(&[&endpoint, "• paused", "CI", &receiver.url()]);
    let shown = shell.runs(&["endpoints", "get", &endpoint]).await;
    shown.shows(&["CI", &endpoint, "url", &receiver.url(), "paused since"]);
    let webhook = format!("a.* → webhook to {endpoint}");
    shell
        .runs(&["listeners"])
        .await
        .shows(&[&listener, "✓ enabled", &webhook]);
    let shown = shell.runs(&["listeners", "get", &listener]).await;
    shown.shows(&[&listener, "a.*", "when", "\"subject\": [", "\"x\""]);
    let heard = ["listeners", "--hears", "a.b", "--endpoint", &endpoint];
    shell.runs(&heard).await.shows(&[&listener]);
    let none = shell.runs(&["endpoints", "--state", "disabled"]).await;
    none.refused(1, "no endpoints");
    let paused = [
        "endpoints",
        "--state",
        "paused",
        "--name",
        "c",
        "--to",
        "127.0.0.1",
    ];
    shell.runs(&paused).await.shows(&[&endpoint]);
    let lines = shell.runs(&["listeners", "--json"]).await.lines();
    assert_eq!(lines, api.list("/v1/listeners").await);
}

#[tokio::test]
async fn what_cannot_be_asked_is_an_error_that_says_what_to_do() {
    let gateway = Gateway::start().await;
    let stranger = Shell::at(&gateway).with_key("rp_nobody");
    let refused = stranger.runs(&["events"]).await;
    refused.refused(2, "does not accept the key from --key or RIPOSTE_KEY");
    let shell = Shell::at(&gateway);
    let refused = shell.runs(&["events", "--cursor", "nonsense"]).await;
    refused.refused(2, "(bad_parameter)");
    let refused = shell.runs(&["events", "--type", "a", "get", "evt_1"]).await;
    refused.refused(2, "cannot be used with");
}
