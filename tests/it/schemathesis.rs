//! Schemathesis: thousands of requests that it makes of the OpenAPI document, good ones and bad
//! ones, in sequences too. None may find a failure of the gateway, or an answer that the document
//! does not have.
//!
//! `SCHEMATHESIS_EXAMPLES` says how many requests it makes of each operation in each phase.

use std::{
    env,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::json;

use crate::support::{Gateway, Receiver, Setup, text};

/// How many requests are made of each operation where nobody says.
const EXAMPLES: &str = "25";

/// All networks but this machine's own: requests that are made up name hosts that are not ours.
const ELSEWHERE: &str = "0.0.0.0/2,64.0.0.0/3,96.0.0.0/4,112.0.0.0/5,120.0.0.0/6,124.0.0.0/7,\
                         126.0.0.0/8,128.0.0.0/1,::/0";

/// A gateway from which nothing leaves this machine, and a delivery that it has given up.
struct Subject {
    gateway: Gateway,
    delivery: String,
    _receiver: Receiver,
}

impl Subject {
    async fn start() -> Self {
        let closed = Setup::new().with("RIPOSTE_DELIVERY__DENY_NETWORKS", ELSEWHERE);
        let (gateway, receiver) = (closed.retrying("0s").start().await, Receiver::start().await);
        receiver.answers(500);
        let api = gateway.api();
        api.registers("a.b", &receiver.url()).await;
        let delivery = api.delivery_of_new().await;
        api.delivery_becomes(&delivery, "dead").await;
        Self {
            gateway,
            delivery,
            _receiver: receiver,
        }
    }
}

/// Lets Schemathesis try the gateway as whoever has `key`; gives what it says.
async fn tries(subject: &Subject, key: &str) -> String {
    let gateway = &subject.gateway;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("target/clients/py/bin/schemathesis");
    assert!(
        program.exists(),
        "Schemathesis is not installed: run `make clients`"
    );
    let examples = env::var("SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(root.join("tests/clients/schemathesis.toml"))
        .args(["--no-color", "run", &gateway.api().url("/openapi.json")])
        .args(["--max-examples", &examples])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        // Names that are made up would name no project, and no request would come further.
        .args(["--header", "Riposte-Project: default"])
        .env("RIPOSTE_DELIVERY", &subject.delivery)
        .current_dir(gateway.directory())
        .stdin(Stdio::null());
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = running.await.expect("no panic").expect("it starts");
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    say(&said);
    said
}

#[expect(clippy::print_stdout, reason = "whoever runs it wants to see it")]
fn say(text: &str) {
    println!("{text}");
}

fn said(output: &Output) -> String {
    let [said, complained] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{said}{complained}")
}

/// How many operations the document of `gateway` has.
async fn operations(gateway: &Gateway) -> usize {
    let document = gateway.api().get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().expect("paths");
    let methods = paths.values().map(|methods| methods.as_object());
    methods.map(|methods| methods.expect("methods").len()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_of_an_operator_finds_what_the_document_does_not_have() {
    let subject = Subject::start().await;
    let gateway = &subject.gateway;
    let said = tries(&subject, &gateway.operator_key()).await;
    let tested = format!("Tested: {}\n", operations(gateway).await);
    assert!(said.contains(&tested), "{said}");
    let ready = gateway.api().get("/readyz").await;
    assert_eq!(ready.status, 200, "it goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_of_a_project_finds_what_the_document_does_not_have() {
    let subject = Subject::start().await;
    let api = subject.gateway.api();
    let key = api.post("/v1/keys", json!({"name": "its own"}));
    tries(&subject, &text(&key.await.expect(201)["key"])).await;
}
