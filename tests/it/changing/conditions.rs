//! `If-Match`: a change is made to the version that it is meant for, or not at all.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Gateway, a_webhook, id_of, text};

fn tag(answer: &Answer) -> String {
    let tag = answer.headers.get("etag").expect("an ETag");
    tag.to_str().expect("a text").to_owned()
}

async fn tag_of(api: &Api, path: &str) -> String {
    tag(&api.get(path).await)
}

#[tokio::test]
async fn a_change_is_refused_where_another_was_made_since_its_version_was_read() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = gateway.api();
    api.post("/v1/projects", json!({"name": "acme"}))
        .await
        .expect(201);
    for (path, first, second) in [
        (
            format!("/v1/endpoints/{}", hook.endpoint),
            json!({"name": "a"}),
            json!({"name": "b"}),
        ),
        (
            format!("/v1/listeners/{}", hook.listener),
            json!({"name": "a"}),
            json!({"name": "b"}),
        ),
        (
            "/v1/projects/acme".to_owned(),
            json!({"openings": {"allow_http": true}}),
            json!({"openings": {"allow_http": false}}),
        ),
    ] {
        let read = tag_of(api, &path).await;
        let mine = api.with_header("if-match", &read);
        let changed = mine.patch(&path, first.clone()).await;
        assert_ne!(tag(&changed), read, "{path}");
        assert_eq!(tag(&changed), tag_of(api, &path).await);
        changed.expect(200);
        let before = api.get(&path).await.expect(200);
        let late = mine.patch(&path, second.clone()).await;
        late.refused(412, "precondition_failed");
        assert_eq!(api.get(&path).await.expect(200), before);
        let anew = api.with_header("if-match", &tag_of(api, &path).await);
        anew.patch(&path, second).await.expect(200);
    }
}

#[tokio::test]
async fn of_writers_who_read_the_same_version_one_wins() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = gateway.api();
    for path in [
        format!("/v1/endpoints/{}", hook.endpoint),
        format!("/v1/listeners/{}", hook.listener),
    ] {
        let writer = api.with_header("if-match", &tag_of(api, &path).await);
        let changes = (0..8).map(|number| {
            let name = json!({"name": format!("writer {number}")});
            writer.patch(&path, name)
        });
        let answers = join_all(changes).await;
        let statuses = |status| {
            answers
                .iter()
                .filter(move |one| one.status == status)
                .count()
        };
        assert_eq!((statuses(200), statuses(412)), (1, 7), "{path}");
        let winner = answers.iter().find(|one| one.status == 200).expect("one");
        let now = api.get(&path).await.expect(200);
        assert_eq!(now["name"], winner.json()["name"]);
    }
}

#[tokio::test]
async fn a_condition_is_a_list_of_strong_tags_or_a_star() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let path = format!("/v1/endpoints/{}", hook.endpoint);
    let current = tag_of(api, &path).await;
    for (condition, status) in [
        ("*".to_owned(), 200),
        (format!("\"other\", {current}"), 200),
        (format!("W/{current}"), 412),
        ("\"other\"".to_owned(), 412),
        (current.trim_matches('"').to_owned(), 400),
    ] {
        let answer = api.with_header("if-match", &condition);
        // A change that leaves all as it is makes no version.
        let answer = answer.patch(&path, json!({"state": "enabled"})).await;
        assert_eq!(answer.status, status, "{condition}: {}", answer.text());
    }
    assert_eq!(tag_of(api, &path).await, current);
}

#[tokio::test]
async fn deleting_and_revoking_and_rotating_keep_to_the_condition() {
    let (gateway, _receiver, hook) = a_webhook().await;
    let api = gateway.api();
    let endpoint = format!("/v1/endpoints/{}", hook.endpoint);
    let rotate = format!("{endpoint}/rotate-secret");
    let read = api.with_header("if-match", &tag_of(api, &endpoint).await);
    let rotated = read.post_nothing(&rotate).await;
    assert_eq!(tag(&rotated), tag_of(api, &endpoint).await);
    rotated.expect(200);
    let again = read.post_nothing(&rotate).await;
    again.refused(412, "precondition_failed");
    let secrets = api.get(&format!("{endpoint}/secret")).await.expect(200);
    assert_eq!(secrets["secrets"].as_array().map(Vec::len), Some(2));

    let key = api.post("/v1/keys", json!({"name": "CI"})).await;
    let (key_tag, key) = (tag(&key), id_of(&key.expect(201)));
    let listener = format!("/v1/listeners/{}", hook.listener);
    for (path, current) in [
        (endpoint.clone(), tag_of(api, &endpoint).await),
        (listener.clone(), tag_of(api, &listener).await),
        (format!("/v1/keys/{key}"), key_tag),
    ] {
        let stale = api.with_header("if-match", "\"999\"");
        let refused = stale.delete(&path).await;
        refused.refused(412, "precondition_failed");
        let fresh = api.with_header("if-match", &current);
        fresh.delete(&path).await.expect(204);
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_as_such_whatever_the_condition() {
    let gateway = Gateway::start().await;
    let path = "/v1/endpoints/end_01h455vb4pex5vsknk084sn02q";
    for condition in ["*", "\"1\""] {
        let api = gateway.api().with_header("if-match", condition);
        let patched = api.patch(path, json!({"name": Value::Null})).await;
        patched.refused(404, "not_found");
        api.delete(path).await.refused(404, "not_found");
    }
    let made = gateway
        .api()
        .post("/v1/endpoints", json!({"url": "https://1.1.1.1/"}))
        .await;
    let (made_tag, made) = (tag(&made), made.expect(201));
    let path = format!("/v1/endpoints/{}", text(&made["id"]));
    assert_eq!(tag_of(gateway.api(), &path).await, made_tag);
}
