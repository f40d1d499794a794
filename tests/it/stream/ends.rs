//! How streams end, and how many there are.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::support::{Api, Gateway, Receiver, Setup, id_of, text, until, within};

#[tokio::test]
async fn a_stream_ends_with_the_gateway_and_with_the_key() {
    let gateway = Gateway::start().await;
    let stream = gateway.api().follows("").await;
    let operator = gateway.api().in_project("default");
    let key = operator
        .post("/v1/keys", json!({"name": "reader"}))
        .await
        .expect(201);
    let reader = gateway.api().without_key().with_key(&text(&key["key"]));
    let theirs = reader.follows("").await;
    let path = format!("/v1/keys/{}", id_of(&key));
    operator.delete(&path).await.expect(204);
    let end = theirs.rest().await;
    assert_eq!(end.len(), 1, "{end:?}");
    assert_eq!(
        (end[0].event.as_str(), &end[0].data["reason"]),
        ("end", &"key_ended".into())
    );
    let (_, end) = tokio::join!(gateway.stop(), stream.rest());
    assert_eq!(end.len(), 1, "{end:?}");
    assert_eq!(
        (end[0].event.as_str(), &end[0].data["reason"]),
        ("end", &"stopping".into())
    );
}

#[tokio::test]
async fn there_are_so_many_streams_of_a_project_and_so_many_over_all() {
    let gateway = Gateway::with("RIPOSTE_STREAM__MAX_PER_PROJECT", "2");
    let gateway = gateway.with("RIPOSTE_STREAM__MAX", "3").start().await;
    let api = gateway.api();
    let (first, _second) = (api.follows("").await, api.follows("").await);
    let full = api.get("/v1/stream").await;
    assert!(full.headers.contains_key("retry-after"));
    full.refused(429, "too_many_requests");
    let other = api.new_project("other").await;
    let _third = other.follows("").await;
    let full = other.get("/v1/stream").await;
    assert!(full.headers.contains_key("retry-after"));
    full.refused(503, "overloaded");
    drop(first);
    until("a place", async || try_to_follow(api).await).await;
}

/// Opens a stream and leaves it at once.
async fn try_to_follow(api: &Api) -> Result<(), String> {
    let answer = api.open("/v1/stream", &[]).await;
    match answer.status().as_u16() {
        200 => Ok(()),
        other => Err(format!("{other}")),
    }
}

/// A reader that takes what it is given only when it is told to.
async fn lazy_reader(setup_key: &str, api: &Api) -> TcpStream {
    let url: url::Url = api.url("/v1/stream").parse().expect("a URL");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let address = url.socket_addrs(|| None).expect("an address")[0];
    let mut stream = socket.connect(address).await.expect("a connection");
    let request = format!(
        "GET /v1/stream HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {setup_key}\r\n\
         connection: close\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    // The answer has begun: the stream is one.
    stream.readable().await.expect("an answer");
    stream
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_told_and_dropped_while_others_go_on() {
    let setup = Setup::new().with("RIPOSTE_STREAM__PATIENCE", "3s");
    let setup = setup.with("RIPOSTE_STREAM__MAX_PER_PROJECT", "2");
    let gateway = setup.start().await;
    let (api, receiver) = (gateway.api(), Receiver::start().await);
    api.registers("a.b", &receiver.url()).await;
    let mut lazy = lazy_reader(&gateway.operator_key(), api).await;
    let mut other = api.follows("").await;
    let long = "s".repeat(900);
    let batch: Vec<_> = (0..1_000)
        .map(|n| json!({"type": "a.b", "subject": long, "data": n}))
        .collect();
    let load = async {
        for _ in 0..3 {
            api.post("/v1/events", json!(batch)).await.expect(202);
        }
    };
    let (told, ()) = tokio::join!(other.take(12_000), load);
    until("the place of the lazy one", async || {
        try_to_follow(api).await
    })
    .await;
    let mut text = Vec::new();
    within("the end of the stream", lazy.read_to_end(&mut text))
        .await
        .expect("all of it");
    let text = String::from_utf8_lossy(&text);
    let (_, end) = text.rsplit_once("event: dropped").expect("it is told");
    let data = end.lines().find_map(|line| line.strip_prefix("data: "));
    let data: Value = serde_json::from_str(data.expect("data")).expect("JSON");
    assert_eq!(data["reason"], "too_slow");
    let place = data["after"].as_str().expect("a place");
    let missed = api.happened("", Some(place)).await;
    let heard = told.iter().position(|message| message.id == place);
    let heard = heard.expect("the other one heard it") + 1;
    assert!(heard < 12_000, "the lazy one heard all");
    assert_eq!(missed, told[heard..]);
    assert!(text.contains(&format!("id: {place}\n")));
}
