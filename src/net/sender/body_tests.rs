//! What is recorded of an answer: its status, its headers, and its body up to the cap.

use tokio::io::AsyncWriteExt as _;

use super::{
    tests::{answer_to, exchange_with, request, sender},
    *,
};
use crate::{domain::attempt::MAX_CAPTURED_BODY, net::receiver::Receiver};

#[tokio::test]
async fn status_headers_and_body_are_recorded_as_they_came() {
    let answer =
        b"HTTP/1.1 500 Oops\r\nX-One: a\r\nx-raw: \xff\xfe\r\ncontent-length: 5\r\n\r\n\0\xff\r\n!";
    let response = answer_to(answer.to_vec()).await;
    assert_eq!(response.status, 500);
    assert_eq!(response.header("x-one"), Some("a"));
    assert_eq!(response.header("x-raw"), Some("\u{fffd}\u{fffd}"));
    assert_eq!(&response.body[..], b"\0\xff\r\n!");
    assert!(!response.truncated && response.broke_off.is_none());
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_status_standing() {
    let response = answer_to("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert_eq!((response.status, &response.body[..]), (200, &b"half"[..]));
    assert_eq!(
        response.broke_off.map(|f| f.kind),
        Some(ErrorKind::SendReset)
    );
}

#[tokio::test]
async fn a_body_that_is_reset_leaves_the_status_standing() {
    let receiver = Receiver::acting(|mut stream, _| async move {
        let part = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
        let _ = stream.write_all(part).await;
        let _ = stream.set_zero_linger();
    })
    .await;
    let exchange = exchange_with(&receiver).await;
    if let Ok(response) = &exchange.result {
        assert!(exchange.is_success());
        assert_eq!(
            response.broke_off.as_ref().map(|f| f.kind),
            Some(ErrorKind::SendReset)
        );
    } else {
        // The reset may overtake what was said before it.
        assert_eq!(
            exchange.failure().map(|f| f.kind),
            Some(ErrorKind::SendReset)
        );
    }
}

#[tokio::test]
async fn a_body_that_is_late_leaves_the_status_standing_and_what_came_of_it() {
    let receiver = Receiver::holding("HTTP/1.1 202 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let mut request = request(&receiver.url());
    request.timeout = Duration::from_millis(500);
    let exchange = sender().send(request).await;
    let response = exchange.result.expect("an answer");
    assert_eq!((response.status, &response.body[..]), (202, &b"half"[..]));
    assert_eq!(
        response.broke_off.map(|f| f.kind),
        Some(ErrorKind::BodyTimeout)
    );
}

#[tokio::test]
async fn chunks_that_are_none_break_the_body_off() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nnonsense";
    let response = answer_to(answer).await;
    assert_eq!((response.status, &response.body[..]), (200, &b"ok"[..]));
    assert!(response.broke_off.is_some());
}

#[tokio::test]
async fn an_endless_body_is_read_to_its_cap_and_hung_up_on() {
    let (hung_up, mut hears) = tokio::sync::mpsc::channel(1);
    let receiver = Receiver::acting(move |mut stream, _| {
        let hung_up = hung_up.clone();
        async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            let _ = hung_up.send(()).await;
        }
    })
    .await;
    let response = exchange_with(&receiver).await.result.expect("an answer");
    assert_eq!(response.body.len(), MAX_CAPTURED_BODY);
    assert!(response.truncated && response.broke_off.is_none());
    let heard = Clock::system()
        .timeout(Duration::from_secs(5), hears.recv())
        .await;
    assert_eq!(heard, Some(Some(())), "the connection is dropped");
}

#[tokio::test]
async fn a_compressed_body_stays_compressed() {
    let bomb = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x0b\x08";
    let response = answer_to(bomb).await;
    assert_eq!(&response.body[..], b"\x1f\x0b\x08");
}

#[tokio::test]
async fn answers_that_bend_the_protocol_break_nothing() {
    let response =
        answer_to("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nzz").await;
    assert_eq!((response.status, response.body.len()), (101, 0));
    let response = answer_to("HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\nbody").await;
    assert_eq!((response.status, response.body.len()), (204, 0));
    let both = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let response = answer_to(both).await;
    assert_eq!(&response.body[..], b"ok");
}
