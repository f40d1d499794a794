//! Requests that are taken back at the last moment.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    tests::{request, sender},
    *,
};
use crate::net::receiver::Receiver;

const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Lets a request pass the first `times` questions.
pub(super) fn allowed(times: usize) -> MayLeave {
    let asked = AtomicUsize::new(0);
    MayLeave::as_long_as(move || asked.fetch_add(1, Ordering::Relaxed) < times)
}

#[tokio::test]
async fn what_may_not_leave_any_more_does_not() {
    let receiver = Receiver::answering(TAKEN).await;
    let sender = sender();
    for times in [0, 1] {
        let sent = sender.exchange(request(&receiver.url()), allowed(times));
        assert_eq!(sent.await, Err(Withheld), "{times}");
    }
    let heard = receiver.heard();
    assert!(
        heard.iter().all(|heard| !heard.ends_with("{}")),
        "{heard:?}"
    );
    let sent = sender.exchange(request(&receiver.url()), allowed(2)).await;
    assert!(sent.expect("sent").is_success());
    assert!(receiver.heard().last().expect("a request").ends_with("{}"));
}

#[tokio::test]
async fn a_webhook_without_a_body_is_asked_about_before_it_is_begun() {
    let receiver = Receiver::answering(TAKEN).await;
    let empty = || Request {
        body: "".into(),
        ..request(&receiver.url())
    };
    assert_eq!(sender().exchange(empty(), allowed(0)).await, Err(Withheld));
    assert_eq!(receiver.heard(), [""; 0]);
    let sent = sender().exchange(empty(), allowed(1)).await;
    assert!(sent.expect("sent").is_success());
}
