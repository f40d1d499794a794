//! The API page: what a browser makes of it, and what it lets it do.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Gateway, within};

/// What a reader sees who opens the page, asks for the figures of the project, gives a key and asks
/// again.
async fn read(url: String, key: String) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let browser = root.join("target/clients/browser/chromium");
    assert!(browser.exists(), "there is no browser: run `make clients`");
    let mut command = Command::new("node");
    command
        .arg(root.join("tests/clients/js/reference.mjs"))
        .arg(url)
        .env("CHROMIUM", browser)
        .env("RIPOSTE_KEY", key)
        .stdin(Stdio::null());
    let reading = tokio::task::spawn_blocking(move || command.output());
    let output = within("the page to be read", reading).await;
    let output = output.expect("no panic").expect("node runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn a_reader_finds_every_operation_and_can_try_it() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    api.sends(json!({"type": "a.b"})).await;
    let document = api.get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().expect("paths");
    let operations: usize = paths
        .values()
        .map(|methods| methods.as_object().expect("methods").len())
        .sum();
    let seen = read(api.url("/docs"), gateway.operator_key()).await;
    assert_eq!(seen["operations"], operations);
    assert_eq!(seen["without_key"], 401);
    assert_eq!(seen["with_key"], 200);
    assert_eq!(seen["body"]["events"], 1, "{seen}");
    assert_eq!(seen["elsewhere"], json!([]), "no other host is asked");
    assert_eq!(seen["complaints"], json!([]), "the policy stops nothing");
    let kept = seen["kept"].as_str().expect("a text");
    assert!(!kept.contains("rp_"), "the key outlives the page: {kept}");
}

#[tokio::test]
async fn a_page_may_do_nothing_but_ask_its_own_gateway() {
    let gateway = Gateway::start().await;
    let anybody = gateway.api().without_key();
    for path in ["/docs/", "/docs/page.js", "/docs/swagger-ui-bundle.js"] {
        let answer = anybody.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.headers["content-security-policy"].to_str();
        let policy = policy.expect("text");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        for loophole in ["unsafe", "http:", "https:", "*"] {
            assert!(!policy.contains(loophole), "{policy}");
        }
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    anybody
        .get("/docs/index.html")
        .await
        .refused(404, "not_found");
}
