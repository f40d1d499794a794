//! The public clients: CloudEvents SDKs send to the gateway, Standard Webhooks libraries verify
//! what it sends. They run unchanged, as their documentation has it.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Gateway, Receiver, Webhook, id_of, text};

/// A language in which there are public clients.
#[derive(Debug, Clone, Copy)]
enum Language {
    Python,
    JavaScript,
}

impl Language {
    const ALL: [Self; 2] = [Self::Python, Self::JavaScript];

    /// What producers of this language call themselves in the scripts.
    fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }

    /// The command that runs the script called `name`.
    fn script(self, name: &str) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (program, installed, script) = match self {
            Self::Python => {
                let python = root.join("target/clients/py/bin/python");
                let script = format!("tests/clients/py/{name}.py");
                (python.clone(), python, script)
            }
            Self::JavaScript => {
                let installed = root.join("tests/clients/js/node_modules/cloudevents");
                let script = format!("tests/clients/js/{name}.mjs");
                (PathBuf::from("node"), installed, script)
            }
        };
        assert!(
            installed.exists(),
            "the {} clients are not installed: run `make clients`",
            self.name()
        );
        let mut command = Command::new(program);
        command.arg(root.join(script));
        command
    }
}

/// Runs a command with `input`, beside everything else that goes on.
async fn run(mut command: Command, input: String) -> Output {
    let running = tokio::task::spawn_blocking(move || {
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the client starts");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    });
    crate::support::within("the client to end", running)
        .await
        .expect("no panic")
}

/// Whether the library of `language` takes `webhook` as signed with `secret`, and for this body.
async fn verifies(language: Language, webhook: &Webhook, secret: &str, body: &str) -> bool {
    let headers: BTreeMap<_, _> = webhook
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
        .collect();
    let received = json!({"secret": secret, "headers": headers, "body": body});
    let output = run(language.script("verify"), received.to_string()).await;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {
            let payload: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!(payload, webhook.json());
            true
        }
        Some(1) if said.contains("signature") => false,
        other => panic!("{language:?} ended with {other:?}: {said}"),
    }
}

#[tokio::test]
async fn the_public_cloudevents_sdks_send_in_every_mode() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    for (language, requests) in [(Language::Python, 6), (Language::JavaScript, 4)] {
        let mut command = language.script("send");
        command.arg(api.url("/v1/events"));
        command.env("RIPOSTE_KEY", gateway.operator_key());
        let output = run(command, String::new()).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{language:?}: {said}");
        let lines = String::from_utf8(output.stdout).expect("text");
        let answers: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(answers.len(), requests, "{lines}");
        for answer in &answers {
            let mode = text(&answer["mode"]);
            let results = answer["answer"]["data"].as_array().expect("results");
            assert_eq!(results.len(), if mode == "batch" { 3 } else { 1 });
            for (number, result) in results.iter().enumerate() {
                assert_eq!(result["status"], "accepted", "{answer}");
                let stored = api.get(&format!("/v1/events/{}", id_of(result))).await;
                let expected = match mode.as_str() {
                    "batch" => format!("{}-batch-{number}", language.name()),
                    mode => format!("{}-{mode}", language.name()),
                };
                is_as_it_was_sent(&stored.expect(200)["event"], &expected);
            }
        }
    }
}

/// That the event called `id` has arrived as the scripts send it.
fn is_as_it_was_sent(event: &Value, id: &str) {
    assert_eq!(event["id"], id);
    assert_eq!(event["type"], "client.sent");
    assert_eq!(event["subject"], "über 100%");
    assert_eq!(event["team"], "web");
    let data = json!({"site": "café 7", "price": 1.5, "tags": ["a", null, true]});
    let (kind, data) = match id.ends_with("-text") {
        true => ("text/plain", json!("a\nb")),
        false => ("application/json", data),
    };
    assert_eq!(event["datacontenttype"], kind, "{event}");
    assert_eq!(event["data"], data, "{event}");
}

#[tokio::test]
async fn the_public_standard_webhooks_libraries_verify_also_during_a_rotation() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let hook = api.registers("a.b", &receiver.url()).await;
    let event = json!({"type": "a.b", "data": {"site": "café", "n": 1.5}});
    api.sends(event.clone()).await;
    receiver.expect_requests(1).await;
    let rotate = format!("/v1/endpoints/{}/rotate-secret", hook.endpoint);
    let new = text(&api.post_nothing(&rotate).await.expect(200)["secret"]);
    api.sends(event.clone()).await;
    receiver.expect_requests(2).await;
    let at_once = json!({"grace": "0s"});
    let newest = text(&api.post(&rotate, at_once).await.expect(200)["secret"]);
    api.sends(event).await;
    let webhooks = receiver.expect_requests(3).await;
    let secrets = [&hook.secret, &new, &newest];
    let signs = [
        [true, false, false],
        [true, true, false],
        [false, false, true],
    ];
    for (webhook, signs) in webhooks.iter().zip(signs) {
        for (secret, expected) in secrets.iter().zip(signs) {
            assert_eq!(webhook.is_signed_with(secret), expected);
            for language in Language::ALL {
                let verified = verifies(language, webhook, secret, webhook.text()).await;
                assert_eq!(verified, expected, "{language:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_public_libraries_refuse_what_was_changed_on_the_way() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let hook = gateway.api().registers("a.b", &receiver.url()).await;
    gateway.api().sends(json!({"type": "a.b", "data": 1})).await;
    let webhook = receiver.expect_one().await;
    for language in Language::ALL {
        let other = webhook.text().replace("\"data\":1", "\"data\":2");
        assert_ne!(other, webhook.text());
        assert!(verifies(language, &webhook, &hook.secret, webhook.text()).await);
        assert!(!verifies(language, &webhook, &hook.secret, &other).await);
    }
}
