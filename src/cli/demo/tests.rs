//! The whole demo, played in this process.

use std::future::pending;

use serde_json::Value;

use super::*;

async fn played(args: &DemoArgs, interrupted: impl Future<Output = ()>) -> (Exit, String) {
    let host = Host::start().await.expect("a gateway");
    let directory = host.key_file();
    let directory = directory.parent().expect("a directory").to_owned();
    let mut out = Vec::new();
    let exit = args.perform(host, interrupted, &mut out).await;
    assert!(!directory.exists(), "the store is removed");
    let text = String::from_utf8(out).expect("UTF-8");
    let text = anstream::adapter::strip_str(&text).to_string();
    (exit.expect("played"), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_account_for_every_event_and_every_webhook() {
    let args = DemoArgs {
        keep: false,
        json: true,
    };
    let (exit, text) = played(&args, pending()).await;
    assert_eq!(exit, Exit::Success, "{text}");
    let figures: Value = serde_json::from_str(&text).expect("JSON alone");
    let check = &figures["check"];
    assert_eq!(check["holds"], true, "{check}");
    // Two deploys, then 20 of each customer: 5 events and 5 webhooks each; and 3 events of a loop.
    assert_eq!(check["accepted"], 42 * 5 + 3);
    assert_eq!(check["promised"], 42 * 5);
    assert_eq!(check["received"], 42 * 5);
    assert_eq!(check["deliveries"]["delivered"], 42 * 5);
    for state in ["pending", "dead", "cancelled", "skipped"] {
        assert_eq!(check["deliveries"][state], 0, "{state}");
    }
    let heard = |index: usize| {
        let receiver = &figures["receivers"][index];
        let [acme, globex] = ["acme", "globex"].map(|name| receiver["heard"][name].as_u64());
        (receiver["receiver"].as_str(), acme, globex)
    };
    assert_eq!(heard(0), (Some("sites"), Some(42), Some(42)));
    assert_eq!(heard(1), (Some("domains"), Some(21), Some(21)));
    assert_eq!(heard(2), (Some("billing"), Some(21), Some(21)));
    assert_eq!(heard(3), (Some("acme server"), Some(21), Some(0)));
    assert_eq!(heard(4), (Some("globex server"), Some(0), Some(21)));
    let calm = figures["latency"]["calm"]["webhooks"].as_u64();
    assert_eq!(
        calm,
        Some(8),
        "what needed one attempt before the busy moment"
    );
    assert_eq!(figures["latency"]["retried"]["webhooks"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_told_step_by_step() {
    let args = DemoArgs {
        keep: false,
        json: false,
    };
    let (exit, text) = played(&args, pending()).await;
    assert_eq!(exit, Exit::Success, "{text}");
    let mut rest = text.as_str();
    for step in [
        "Acme deploys its shop",
        "domains        ✗ site.version.uploaded  of acme: answers 503",
        "of acme: answers 503, just restarting (attempt 2)",
        "domains        ← site.version.uploaded  of acme: signature right",
        "acme server    ← site.deploy.succeeded  of acme: signature right",
        "Globex deploys its blog",
        "is a dead letter (attempts_exhausted)",
        "dead: 3 attempts, last error connect_refused",
        "redrives its dead letters",
        "globex server  ← site.deploy.succeeded  of globex: signature right",
        "loop_suppressed",
        "all 40 deploys are done",
        "✓ 213 events accepted, promising 210 webhooks = 210 delivered + 0 pending + 0 dead",
    ] {
        let place = rest.find(step);
        let place = place.unwrap_or_else(|| panic!("{step:?} is not told, or too early: {text}"));
        rest = &rest[place..];
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_demo_leaves_nothing_behind() {
    let args = DemoArgs {
        keep: true,
        json: false,
    };
    let (exit, text) = played(&args, async {}).await;
    assert_eq!(exit, Exit::No, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_happen_in_time_is_named() {
    let host = Host::start().await.expect("a gateway");
    let clock = Clock::system();
    let (narrator, _script) = narrator::begin(clock.clone());
    let stage = Stage::build(&host, clock, narrator).await.expect("a stage");
    let never = stage.until("a webhook that never comes", async || Ok(None::<()>));
    let late = stage.play(Duration::from_millis(50), never).await;
    let error = late.expect_err("late").to_string();
    assert!(
        error.contains("still waits for a webhook that never comes"),
        "{error}"
    );
    host.stop().await.expect("stopped");
}
