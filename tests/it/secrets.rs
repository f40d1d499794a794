//! Secrets: how they change, and that nobody finds them where they do not belong.

use std::fs;

use serde_json::json;

use crate::support::{Api, Gateway, Receiver, Setup, text, until};

/// Rotates the secret of an endpoint; gives the new one.
async fn rotate(api: &Api, endpoint: &str, grace: &str) -> String {
    let path = format!("/v1/endpoints/{endpoint}/rotate-secret");
    let answer = api.post(&path, json!({"grace": grace})).await;
    text(&answer.expect(200)["secret"])
}

#[tokio::test]
async fn after_a_rotation_the_old_and_the_new_secret_sign() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let hook = api.registers("a.b", &receiver.url()).await;
    let path = format!("/v1/endpoints/{}/rotate-secret", hook.endpoint);
    let rotated = api.post_nothing(&path).await.expect(200);
    let new = text(&rotated["secret"]);
    assert_ne!(new, hook.secret);
    assert_eq!(api.secret_of(&hook.endpoint).await, new);
    let live = rotated["secrets"].as_array().expect("secrets");
    assert_eq!(live.len(), 2, "{rotated}");
    assert!(live[1]["expires_at"].is_string(), "{rotated}");
    api.sends(json!({"type": "a.b"})).await;
    let webhook = receiver.expect_one().await;
    assert_eq!(webhook.signatures(), 2);
    assert!(webhook.is_signed_with(&hook.secret));
    assert!(webhook.is_signed_with(&new));
}

#[tokio::test]
async fn after_the_grace_only_the_new_secret_signs() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let hook = api.registers("a.b", &receiver.url()).await;
    let new = rotate(api, &hook.endpoint, "300ms").await;
    let signed_alone = async || {
        let count = receiver.received().len();
        api.sends(json!({"type": "a.b"})).await;
        let webhook = receiver.expect_requests(count + 1).await.remove(count);
        assert!(webhook.is_signed_with(&new));
        match webhook.is_signed_with(&hook.secret) {
            true => Err("the old secret still signs".to_owned()),
            false => Ok(webhook.signatures()),
        }
    };
    assert_eq!(until("the grace to end", signed_alone).await, 1);
    let newest = rotate(api, &hook.endpoint, "0s").await;
    let count = receiver.received().len();
    api.sends(json!({"type": "a.b"})).await;
    let webhook = receiver.expect_requests(count + 1).await.remove(count);
    assert!(webhook.is_signed_with(&newest) && !webhook.is_signed_with(&new));
}

#[tokio::test]
async fn a_secret_of_ones_own_signs_and_a_bad_one_is_refused() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let api = gateway.api();
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let endpoint = json!({"url": receiver.url(), "secret": own});
    let id = api.endpoint(endpoint).await;
    assert_eq!(api.secret_of(&id).await, own);
    let reaction = json!({"webhook": {"endpoint": id}});
    api.listens(&["a.b"], json!(null), reaction).await;
    api.sends(json!({"type": "a.b"})).await;
    assert!(receiver.expect_one().await.is_signed_with(own));
    for bad in ["hush", "whsec_", "whsec_c2hvcnQ=", "whsec_!"] {
        let endpoint = json!({"url": receiver.url(), "secret": bad});
        let problem = api.post("/v1/endpoints", endpoint).await;
        let problem = problem.refused(422, "invalid");
        assert_eq!(problem.pointer(), Some("/secret"));
        assert!(!problem.detail().contains("hush"), "{}", problem.detail());
    }
}

#[tokio::test]
async fn what_waits_is_signed_with_the_secret_of_its_attempt() {
    let gateway = Setup::new().retrying("0s,1h").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    receiver.answers(500).then_answers(200);
    let hook = api.registers("a.b", &receiver.url()).await;
    let event = api.sends(json!({"type": "a.b"})).await;
    let id = api.delivery_of(&event).await;
    api.attempted(&id, 1).await;
    let new = rotate(api, &hook.endpoint, "0s").await;
    let retry = format!("/v1/deliveries/{id}/retry");
    api.post_nothing(&retry).await.expect(202);
    let webhooks = receiver.expect_requests(2).await;
    assert!(webhooks[0].is_signed_with(&hook.secret));
    assert!(webhooks[1].is_signed_with(&new) && !webhooks[1].is_signed_with(&hook.secret));
}

#[tokio::test]
async fn no_secret_is_in_the_logs_or_in_clear_in_any_file() {
    // With a file of SQLite, whose every byte can be looked at, and the keys beside it.
    let setup = Setup::on_sqlite().without("RIPOSTE_OPERATOR_KEY");
    let setup = setup
        .retrying("0s,10ms")
        .with("RIPOSTE_LOG__LEVEL", "trace,sqlx=trace");
    let directory = setup.directory().to_owned();
    let program = setup.clone().run().await;
    let operator = fs::read_to_string(directory.join("operator.key")).expect("kept");
    let sealing = fs::read_to_string(directory.join("secrets.key")).expect("kept");
    let api = program.api().with_key(operator.trim());
    let mut secrets = whole_story(&api).await;
    secrets.extend([operator.trim().to_owned(), sealing.trim().to_owned()]);
    let (code, output) = program.terminate().await;
    assert_eq!(code, Some(0));
    assert!(output.lines().count() > 100, "it logs at trace: {output}");
    let database = fs::read(directory.join("riposte.db")).expect("it is there");
    let database = String::from_utf8_lossy(&database).into_owned();
    assert!(
        database.contains("story.told"),
        "the database can be read like this"
    );
    for secret in &secrets {
        let hidden = secret.rsplit('_').next().expect("the part that opens");
        assert!(hidden.len() >= 16, "{secret}");
        assert!(!output.contains(hidden), "{secret} is in the logs");
        assert!(!database.contains(hidden), "{secret} is in the database");
    }
}

/// Does what users do; gives every secret that came along.
async fn whole_story(api: &Api) -> Vec<String> {
    let receiver = Receiver::start().await;
    receiver.answers(500).then_answers(200);
    let hook = api.registers("story.told", &receiver.url()).await;
    let mut secrets = vec![hook.secret.clone()];
    secrets.push(rotate(api, &hook.endpoint, "1h").await);
    let header = "header-of-the-receiver-0123456789";
    let headers = json!({"authorization": format!("Bearer {header}")});
    let endpoint = format!("/v1/endpoints/{}", hook.endpoint);
    api.patch(&endpoint, json!({"headers": headers}))
        .await
        .expect(200);
    let event = api.sends(json!({"type": "story.told"})).await;
    let id = api.delivery_of(&event).await;
    api.delivery_becomes(&id, "delivered").await;
    let webhooks = receiver.expect_requests(2).await;
    assert!(webhooks[1].is_signed_with(&secrets[1]));
    api.post_nothing(&format!("{endpoint}/test"))
        .await
        .expect(202);
    receiver.expect_requests(3).await;
    api.post("/v1/projects", json!({"name": "customer"}))
        .await
        .expect(201);
    let customer = api.in_project("customer");
    let key = customer
        .post("/v1/keys", json!({"name": "CI"}))
        .await
        .expect(201);
    let key = text(&key["key"]);
    let with_key = api.without_key().with_key(&key);
    with_key.sends(json!({"type": "story.told"})).await;
    api.with_key(&format!("{key}x"))
        .get("/v1/events")
        .await
        .refused(401, "unauthorized");
    secrets.extend([key, header.to_owned()]);
    secrets
}
