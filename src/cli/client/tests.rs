//! The client against a gateway that answers as it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, http::HeaderMap, response::IntoResponse, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::config::SecretText;

/// What a gateway of the tests answers: a status, headers and a body.
type Scripted = (u16, [(&'static str, &'static str); 1], &'static str);

/// A gateway that gives `answers` one after the other, the last one again and again. It
/// accepts only what carries the key and the project.
async fn gateway(answers: &'static [Scripted]) -> (Gateway, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move |headers: HeaderMap| async move {
        assert_eq!(headers["authorization"], "Bearer rp_test");
        assert_eq!(headers[PROJECT_HEADER], "mine");
        let turn = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let (status, headers, body) = answers[turn];
        (
            StatusCode::from_u16(status).expect("a status"),
            headers,
            body,
        )
            .into_response()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let app = Router::new().route("/v1/events", post(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (client(&url), asked)
}

fn client(url: &str) -> Gateway {
    let key = Key::find(Some(SecretText::new("rp_test"))).expect("a key");
    Gateway::new(url, key, Some("mine".to_owned()), Clock::system()).expect("a client")
}

async fn ask(gateway: &Gateway) -> Result<Answer, ClientError> {
    gateway
        .post("/v1/events", "application/json", b"{}".to_vec())
        .await
}

const PLAIN: [(&str, &str); 1] = [("content-type", "application/json")];
const AT_ONCE: [(&str, &str); 1] = [("retry-after", "0")];

#[tokio::test]
async fn what_the_gateway_answers_is_passed_on_whatever_its_status() {
    let (taken, _) = gateway(&[(202, PLAIN, r#"{"data": []}"#)]).await;
    let answer = ask(&taken).await.expect("an answer");
    assert_eq!(
        (answer.status, answer.body),
        (StatusCode::ACCEPTED, json!({"data": []}))
    );
    let (refused, _) = gateway(&[(422, PLAIN, r#"{"title": "Bad", "code": "bad"}"#)]).await;
    assert_eq!(
        ask(&refused).await.expect("an answer").problem(),
        "Bad (bad)"
    );
}

#[tokio::test]
async fn a_refusal_is_told_with_its_places_and_what_is_unfamiliar_as_such() {
    let (refused, _) = gateway(&[(
        400,
        PLAIN,
        r#"{"title": "Bad", "code": "bad", "errors": [{"pointer": "/a", "detail": "is none"}]}"#,
    )])
    .await;
    let error = ask(&refused).await.expect("an answer").read::<Value>();
    let error = error.expect_err("refused");
    assert_eq!(error.to_string(), "Bad (bad)\n  /a: is none");
    assert!(!error.is_not_found());
    let (absent, _) = gateway(&[(404, PLAIN, r#"{"title": "No"}"#)]).await;
    let error = ask(&absent).await.expect("an answer").granted();
    assert!(error.expect_err("absent").is_not_found());
    let (strange, _) = gateway(&[(200, PLAIN, "{}")]).await;
    let error = ask(&strange).await.expect("an answer").read::<Vec<u8>>();
    let error = error.expect_err("strange").to_string();
    assert!(error.contains("is it of another version?"), "{error}");
}

#[tokio::test]
async fn a_busy_gateway_is_asked_again_but_not_for_ever() {
    let (busy, asked) = gateway(&[
        (429, AT_ONCE, "{}"),
        (503, AT_ONCE, "{}"),
        (202, PLAIN, "{}"),
    ])
    .await;
    assert_eq!(
        ask(&busy).await.expect("an answer").status,
        StatusCode::ACCEPTED
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let (full, asked) = gateway(&[(503, AT_ONCE, r#"{"detail": "full"}"#)]).await;
    let error = ask(&full).await.expect_err("busy").to_string();
    assert!(
        error.contains("cannot take more now, try again later: full"),
        "{error}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), MAX_TRIES as usize);
}

#[tokio::test]
async fn what_cannot_be_used_says_what_to_do() {
    let (closed, _) = gateway(&[(401, PLAIN, r#"{"detail": "no such key"}"#)]).await;
    let error = ask(&closed).await.expect_err("refused").to_string();
    assert!(
        error.contains("the key from --key or RIPOSTE_KEY: no such key"),
        "{error}"
    );
    assert!(!error.contains("rp_test"), "{error}");
    let (foreign, _) = gateway(&[(200, PLAIN, "<html>")]).await;
    let error = ask(&foreign).await.expect_err("foreign").to_string();
    assert!(error.contains("is no Riposte gateway"), "{error}");
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", free.local_addr().expect("its address"));
    drop(free);
    let error = ask(&client(&url)).await.expect_err("nobody").to_string();
    assert!(
        error.contains("start one with `riposte serve --dev`"),
        "{error}"
    );
}

#[test]
fn a_url_that_is_none_is_refused() {
    let key = Key::find(Some(SecretText::new("rp_test"))).expect("a key");
    for url in ["localhost:8080", "ftp://a", "", "/v1"] {
        let made = Gateway::new(url, key.clone(), None, Clock::system());
        assert!(matches!(made, Err(ClientError::Url(_))), "{url}");
    }
}
