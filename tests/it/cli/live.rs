//! `riposte tail` and `riposte listen`: what comes while they run.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::TcpListener,
    process::{Child, Command},
    thread,
};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Shell;
use crate::support::{Gateway, Receiver, Setup, a_webhook, id_of, text, until, within};

/// A command that goes on until it is ended.
struct Running {
    child: Child,
    out: mpsc::UnboundedReceiver<String>,
    errors: mpsc::UnboundedReceiver<String>,
}

impl Running {
    fn begins(shell: &Shell, arguments: &[&str]) -> Self {
        let mut child = shell.begins(arguments);
        let out = lines(child.stdout.take().expect("its output"));
        let errors = lines(child.stderr.take().expect("its errors"));
        Self { child, out, errors }
    }

    /// The next line that it prints.
    async fn says(&mut self) -> String {
        let line = within("a line", self.out.recv()).await;
        line.unwrap_or_else(|| panic!("it ended: {:?}", self.errors.try_recv()))
    }

    /// The next line that it prints beside that.
    async fn remarks(&mut self) -> String {
        within("a remark", self.errors.recv())
            .await
            .expect("a line")
    }

    /// Ends it with Ctrl-C; gives its exit code and what else it remarked.
    async fn interrupted(mut self) -> (Option<i32>, Vec<String>) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-INT", &pid]).status();
        assert!(asked.expect("kill runs").success());
        let code = until("it to end", async || {
            match self.child.try_wait().expect("its state") {
                Some(status) => Ok(status.code()),
                None => Err("it still runs".to_owned()),
            }
        });
        let code = code.await;
        let mut rest = Vec::new();
        while let Some(line) = within("the end of its errors", self.errors.recv()).await {
            rest.push(line);
        }
        (code, rest)
    }
}

/// The lines of `source`, read on a thread of its own.
fn lines(source: impl Read + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[tokio::test]
async fn tail_tells_in_lines_and_in_json_what_happened() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let event = api.sends(json!({"type": "a.b", "subject": "site/7"})).await;
    let delivery = api.delivery_of(&event).await;
    api.delivery_becomes(&delivery, "delivered").await;
    let told = shell.runs(&["tail", "--since", "1h", "--no-follow"]).await;
    told.shows(&[
        "✓ event.accepted     a.b site/7  ",
        &event,
        "• delivery.pending   a.b site/7 → http://127.0.0.1:",
        &delivery,
        "✓ attempt.made       a.b site/7 → http://127.0.0.1:",
        ": 200, ",
        " ms",
        "✓ delivery.delivered a.b site/7 → ",
        &delivery,
    ]);
    assert!(
        !told.out.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    let all = ["tail", "--after", "0-0", "--no-follow", "--json"];
    assert_eq!(shell.runs(&all).await.lines().len(), 4);
    let attempts = ["--kinds", "attempt.made", "--endpoint", &hook.endpoint];
    let attempts = shell
        .runs(&[&all[..], &attempts[..]].concat())
        .await
        .lines();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0]["attempt"]["status"], 200);
    let none = shell
        .runs(&["tail", "--endpoint", "end_7", "--no-follow"])
        .await;
    none.refused(2, "bad_parameter");
}

#[tokio::test]
async fn tail_goes_on_where_it_was_when_the_gateway_comes_back() {
    let setup = Setup::new();
    let key = setup.operator_key().to_owned();
    let gateway = setup.run().await;
    let api = gateway.api();
    let shell = Shell {
        url: api.url(""),
        key,
        project: "default",
    };
    let mut tail = Running::begins(&shell, &["tail", "--after", "0-0", "--json"]);
    let told = |line: String| -> Value { serde_json::from_str(&line).expect("JSON") };
    let first = api.sends(json!({"type": "a.b"})).await;
    assert_eq!(told(tail.says().await)["event"]["id"], first);
    let address = api.url("").replace("http://", "");
    let setup = gateway.kill().with("RIPOSTE_LISTEN", &address);
    assert!(tail.remarks().await.contains("trying again"));
    let again = setup.run().await;
    let second = again.api().sends(json!({"type": "a.b"})).await;
    assert_eq!(told(tail.says().await)["event"]["id"], second);
    let (code, _) = tail.interrupted().await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn listen_hands_over_what_an_endpoint_gets_as_it_was_sent() {
    let (gateway, remote, hook) = a_webhook().await;
    let (api, shell, local) = (gateway.api(), Shell::at(&gateway), Receiver::start().await);
    local.answers(200).then_answers(500);
    let path = format!("/v1/endpoints/{}", hook.endpoint);
    let headers = json!({"headers": {"x-team": "web", "authorization": "Bearer secret"}});
    api.patch(&path, headers).await.expect(200);
    let arguments = [
        "listen",
        "--endpoint",
        &hook.endpoint,
        "--forward-to",
        &local.url(),
    ];
    let mut listen = Running::begins(&shell, &arguments);
    assert!(listen.remarks().await.contains("as the gateway sends them"));
    let event = json!({"type": "a.b", "subject": "site/7", "data": {"n": 1.50}});
    api.sends(event.clone()).await;
    let said = listen.says().await;
    assert!(said.contains("✓ a.b site/7: 200 in "), "{said}");
    api.sends(event).await;
    let said = listen.says().await;
    assert!(said.contains("✗ a.b site/7: 500 in "), "{said}");
    let (sent, came) = (
        remote.expect_requests(2).await,
        local.expect_requests(2).await,
    );
    for came in &came {
        assert!(came.is_signed_with(&hook.secret));
        let sent = sent.iter().find(|sent| sent.id() == came.id());
        let sent = sent.expect("the same webhook");
        assert_eq!(sent.body, came.body);
        assert_eq!(
            sent.headers["webhook-signature"],
            came.headers["webhook-signature"]
        );
        assert_eq!(came.headers["x-team"], "web");
        assert!(
            !came.headers.contains_key("authorization"),
            "its value is hidden"
        );
    }
    let (code, remarks) = listen.interrupted().await;
    assert_eq!(code, Some(0));
    let remarks = remarks.join("\n");
    assert!(remarks.contains("authorization"), "{remarks}");
    assert!(remarks.contains("2 came: 1 taken, 1 failed"), "{remarks}");
}

#[tokio::test]
async fn listen_makes_webhooks_of_events_and_signs_them_anew() {
    let (gateway, local) = (Gateway::start().await, Receiver::start().await);
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let when = r#"{"data": {"env": ["production"]}}"#;
    let url = local.url();
    let arguments = [
        "listen",
        "--json",
        "--on",
        "site.>",
        "--when",
        when,
        "--forward-to",
        &url,
    ];
    let mut listen = Running::begins(&shell, &arguments);
    let remark = listen.remarks().await;
    let secret = remark.rsplit_once(' ').expect("a secret").1.to_owned();
    api.sends(json!({"type": "site.deployed", "data": {"env": "staging"}}))
        .await;
    api.sends(json!({"type": "other", "data": {"env": "production"}}))
        .await;
    let event = json!({"type": "site.deployed", "data": {"env": "production", "n": 7}});
    let id = api.sends(event).await;
    let said: Value = serde_json::from_str(&listen.says().await).expect("JSON");
    assert_eq!(
        (&said["id"], &said["status"]),
        (&json!(id), &json!(200)),
        "{said}"
    );
    let came = local.expect_one().await;
    assert!(came.is_signed_with(&secret));
    assert_eq!(came.id(), id);
    assert_eq!(came.json()["data"], json!({"env": "production", "n": 7}));
    let (code, _) = listen.interrupted().await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn listen_says_what_is_wrong_and_shows_a_receiver_that_is_not_there() {
    let gateway = Gateway::start().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let refused = [
        "listen",
        "--on",
        "a..b",
        "--forward-to",
        "http://localhost:1/",
    ];
    shell
        .runs(&refused)
        .await
        .refused(2, "--on or --when is refused at /0");
    let refused = ["listen", "--on", "a.b", "--forward-to", "ftp://localhost/"];
    shell
        .runs(&refused)
        .await
        .refused(2, "write it like http://localhost:3000/hooks");
    // Nobody listens at a port that was given back.
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", nobody.local_addr().expect("its address"));
    drop(nobody);
    let arguments = ["listen", "--on", "a.b", "--forward-to", &url, "--json"];
    let mut listen = Running::begins(&shell, &arguments);
    listen.remarks().await;
    let event = api
        .post("/v1/events", json!({"type": "a.b"}))
        .await
        .expect(202);
    let said: Value = serde_json::from_str(&listen.says().await).expect("JSON");
    assert_eq!(said["id"], id_of(&event["data"][0]));
    assert_eq!(said["status"], Value::Null);
    assert!(text(&said["error"]).contains("refused"), "{said}");
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
