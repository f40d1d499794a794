//! `Idempotency-Key`: a request is carried out once, and each repeat is answered as it was.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Gateway, Receiver, Setup, a_webhook, id_of, text, until};

/// The same caller, marking each request with `key`.
pub fn marked(api: &Api, key: &str) -> Api {
    api.with_header("idempotency-key", key)
}

/// Whether an answer says that it is a repeat's.
pub fn is_replayed(answer: &Answer) -> bool {
    let replayed = answer.headers.get("idempotent-replayed");
    replayed.is_some_and(|value| value == "true")
}

/// Asserts that `repeat` is `first` once more.
#[track_caller]
pub fn assert_repeated(first: &Answer, repeat: &Answer) {
    assert_eq!(first.status, repeat.status);
    assert_eq!(first.body, repeat.body);
    for header in ["location", "etag", "content-type", "cache-control"] {
        let both = (first.headers.get(header), repeat.headers.get(header));
        assert_eq!(both.0, both.1, "{header}");
    }
    assert!(!is_replayed(first) && is_replayed(repeat));
}

#[tokio::test]
async fn a_repeat_makes_nothing_and_is_answered_the_same_also_after_a_restart() {
    let gateway = Gateway::start().await;
    let wanted = json!({"url": "https://1.1.1.1/"});
    let first = marked(gateway.api(), "make-1")
        .post("/v1/endpoints", wanted.clone())
        .await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert!(text(&first.json()["secret"]).starts_with("whsec_"));
    let repeat = marked(gateway.api(), "\"make-1\"")
        .post("/v1/endpoints", wanted.clone())
        .await;
    assert_repeated(&first, &repeat);
    let gateway = gateway.restart().await;
    let repeat = marked(gateway.api(), "make-1")
        .post("/v1/endpoints", wanted.clone())
        .await;
    assert_repeated(&first, &repeat);
    assert_eq!(gateway.api().list("/v1/endpoints").await.len(), 1);
    let other = marked(gateway.api(), "make-2")
        .post("/v1/endpoints", wanted)
        .await;
    assert_ne!(other.expect(201)["id"], first.json()["id"]);
}

#[tokio::test]
async fn of_requests_that_come_at_once_under_one_key_one_is_carried_out() {
    let gateway = Gateway::start().await;
    let api = marked(gateway.api(), "at once");
    let wanted = json!({"url": "https://1.1.1.1/"});
    let answers = join_all((0..8).map(|_| api.post("/v1/endpoints", wanted.clone()))).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    let first = answers.iter().filter(|answer| !is_replayed(answer));
    assert_eq!(first.count(), 1);
    assert_eq!(gateway.api().list("/v1/endpoints").await.len(), 1);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = marked(gateway.api(), "k");
    let path = format!("/v1/endpoints/{}", hook.endpoint);
    api.patch(&path, json!({"name": "a"})).await.expect(200);
    let others = [
        api.patch(&path, json!({"name": "b"})).await,
        api.patch(
            &format!("/v1/listeners/{}", hook.listener),
            json!({"name": "a"}),
        )
        .await,
        api.delete(&path).await,
    ];
    for other in others {
        other.refused(422, "idempotency_key_reused");
    }
    let unchanged = api.get(&path).await.expect(200);
    assert_eq!(unchanged["name"], "a");
}

#[tokio::test]
async fn a_key_belongs_to_whoever_uses_it_in_one_project() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    let other = gateway.api().in_project("customer");
    let wanted = json!({"url": "https://1.1.1.1/"});
    let mut made = Vec::new();
    for api in [&customer, &other, gateway.api()] {
        let answer = marked(api, "same")
            .post("/v1/endpoints", wanted.clone())
            .await;
        assert!(!is_replayed(&answer));
        made.push(id_of(&answer.expect(201)));
    }
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 3);
}

#[tokio::test]
async fn a_delivery_is_retried_and_called_off_once() {
    let gateway = Setup::new().retrying("0s,1h,1h").start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    api.registers("a.b", &receiver.url()).await;
    receiver.answers(500);
    let delivery = api.delivery_of_new().await;
    api.attempted(&delivery, 1).await;
    let retry = format!("/v1/deliveries/{delivery}/retry");
    let first = marked(api, "r").post_nothing(&retry).await;
    assert_eq!(first.status, 202, "{}", first.text());
    api.attempted(&delivery, 2).await;
    assert_repeated(&first, &marked(api, "r").post_nothing(&retry).await);
    let waiting = async || match api.delivery(&delivery).await {
        found if found["next_attempt_at"].is_string() => Ok(()),
        found => Err(found.to_string()),
    };
    until("the delivery to wait", waiting).await;
    let cancel = format!("/v1/deliveries/{delivery}/cancel");
    let first = marked(api, "c").post_nothing(&cancel).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_repeated(&first, &marked(api, "c").post_nothing(&cancel).await);
    assert_eq!(receiver.received().len(), 2);
    let told = api.list(&format!("/v1/audit?object={delivery}")).await;
    let actions: Vec<_> = told.iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["delivery.cancelled", "delivery.retried"]);
    assert_eq!(told[0]["after"]["state"], "cancelled");
}

#[tokio::test]
async fn what_could_not_be_emitted_is_emitted_once() {
    let gateway = Gateway::start().await;
    let api = gateway.api();
    let emit =
        |type_: &str| json!({"emit": {"type": type_, "data": {"site": "{{ event.data.site }}"}}});
    let listener = api
        .listens(&["a.b"], Value::Null, emit("{{ event.data.type }}"))
        .await;
    let event = api.sends(json!({"type": "a.b", "data": {"site": 7}})).await;
    let dead = api.delivery_of(&event).await;
    let retry = format!("/v1/deliveries/{dead}/retry");
    let refused = marked(api, "r").post_nothing(&retry).await;
    refused.refused(409, "wrong_state");
    let path = format!("/v1/listeners/{}", id_of(&listener));
    let corrected = json!({"reactions": [emit("c.d")]});
    api.patch(&path, corrected).await.expect(200);
    let by_key = marked(api, "r");
    let answers = join_all((0..4).map(|_| by_key.post_nothing(&retry))).await;
    for answer in &answers {
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    assert_eq!(answers.iter().filter(|one| !is_replayed(one)).count(), 1);
    assert_eq!(api.list("/v1/events?type=c.d").await.len(), 1);
    let told = api.list(&format!("/v1/audit?object={dead}")).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["action"], "delivery.retried");
}

#[tokio::test]
async fn a_test_is_sent_once() {
    let (gateway, receiver, hook) = a_webhook().await;
    let api = marked(gateway.api(), "t");
    let path = format!("/v1/endpoints/{}/test", hook.endpoint);
    let first = api.post_nothing(&format!("{path}?wait=10s")).await;
    let first = first.expect(200);
    let repeat = api.post_nothing(&format!("{path}?wait=10s")).await;
    assert!(is_replayed(&repeat));
    let repeat = repeat.expect(202);
    assert_eq!(first["delivery"], repeat["delivery"]);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn what_was_refused_may_be_sent_again_under_its_key() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = marked(gateway.api(), "k");
    let path = format!("/v1/endpoints/{}", hook.endpoint);
    api.patch(&path, json!({"timeout": "1ms"}))
        .await
        .refused(422, "invalid");
    let stale = api.with_header("if-match", "\"999\"");
    let name = json!({"name": "a"});
    let refused = stale.patch(&path, name.clone()).await;
    refused.refused(412, "precondition_failed");
    let done = api.patch(&path, name.clone()).await;
    assert!(!is_replayed(&done));
    done.expect(200);
    // What was done is told again, whatever the condition is by now.
    assert!(is_replayed(&stale.patch(&path, name).await));
}

#[tokio::test]
async fn a_repeat_is_answered_as_it_was_whatever_has_happened_since() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let path = format!("/v1/endpoints/{}", hook.endpoint);
    let change = json!({"name": "first"});
    let first = marked(api, "k").patch(&path, change.clone()).await;
    api.patch(&path, json!({"name": "second"}))
        .await
        .expect(200);
    let deleted = marked(api, "gone").delete(&path).await;
    assert_eq!(deleted.status, 204);
    assert_repeated(&first, &marked(api, "k").patch(&path, change).await);
    assert_repeated(&deleted, &marked(api, "gone").delete(&path).await);
    api.get(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_header_that_holds_no_key_is_refused() {
    let gateway = Gateway::start().await;
    let long = "a".repeat(256);
    for bad in ["", "\"", "\"\"", &long] {
        let api = marked(gateway.api(), bad);
        let answer = api
            .post("/v1/endpoints", json!({"url": "https://1.1.1.1/"}))
            .await;
        let problem = answer.refused(400, "bad_parameter");
        assert!(problem.detail().starts_with("Idempotency-Key: "), "{bad:?}");
    }
    assert_eq!(gateway.api().list("/v1/endpoints").await.len(), 0);
}

#[tokio::test]
async fn answers_are_kept_sealed() {
    let setup = Setup::new();
    let directory = setup.directory().to_owned();
    let gateway = setup.start().await;
    let receiver = Receiver::start().await;
    let api = gateway.api();
    let endpoint = marked(api, "a")
        .post("/v1/endpoints", json!({"url": receiver.url()}))
        .await;
    let key = marked(api, "b")
        .post("/v1/keys", json!({"name": "CI"}))
        .await;
    let mut secrets = vec![text(&endpoint.expect(201)["secret"])];
    let key: Value = key.expect(201);
    secrets.push(
        text(&key["key"])
            .rsplit('_')
            .next()
            .expect("a part")
            .to_owned(),
    );
    let _setup = gateway.stop().await;
    for file in std::fs::read_dir(directory).expect("a directory") {
        let file = file.expect("a file").path();
        let Ok(bytes) = std::fs::read(&file) else {
            continue;
        };
        for secret in &secrets {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{} holds {secret}", file.display());
        }
    }
}
