//! How webhooks leave, and what comes of them until the head of the answer is there.
//!
//! Time limits that a test waits for are short; all others are far longer than anything takes.

use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::{
    domain::ids::default_project,
    net::{
        policy::Policy,
        receiver::{Receiver, listen, read_request},
        testing::ScriptedResolver,
    },
};

/// Loopback and plain http are open; no name exists.
pub(in crate::net) fn open_policy() -> Policy {
    toml::from_str("allow_http = true\nallow_networks = ['127.0.0.0/8']").expect("a policy")
}

/// Gives a connection all the time that a request has.
pub(super) fn sender() -> HttpSender {
    sender_with(Timeouts::default())
}

/// Gives a connection little time.
fn hasty_sender() -> HttpSender {
    sender_with(Timeouts {
        connect: Duration::from_millis(200),
    })
}

fn sender_with(timeouts: Timeouts) -> HttpSender {
    let policy = Arc::new(open_policy());
    HttpSender::new(
        Arc::new(ScriptedResolver::new()),
        Arc::new(move |_| Arc::clone(&policy)),
        Clock::system(),
        timeouts,
    )
    .expect("a sender")
}

pub(in crate::net) fn request(url: &str) -> Request {
    Request {
        project: default_project(),
        url: url.parse().expect("a URL"),
        headers: vec![("webhook-id".to_owned(), "dlv_1".to_owned())],
        body: "{}".into(),
        timeout: Duration::from_secs(10),
        connect_timeout: None,
    }
}

impl HttpSender {
    /// Sends a request that may leave at any time.
    pub(in crate::net) async fn send(&self, request: Request) -> Exchange {
        let sent = self.exchange(request, MayLeave::always()).await;
        sent.expect("nobody takes it back")
    }
}

fn impatient(url: &str) -> Request {
    Request {
        timeout: Duration::from_millis(150),
        ..request(url)
    }
}

pub(super) async fn exchange_with(receiver: &Receiver) -> Exchange {
    sender().send(request(&receiver.url())).await
}

pub(super) async fn answer_to(answer: impl Into<Vec<u8>>) -> Response {
    let receiver = Receiver::answering(answer).await;
    exchange_with(&receiver).await.result.expect("an answer")
}

async fn failure_on(answer: impl Into<Vec<u8>>) -> Failure {
    let receiver = Receiver::answering(answer).await;
    exchange_with(&receiver)
        .await
        .result
        .expect_err("a failure")
}

#[tokio::test]
async fn a_webhook_leaves_with_its_headers_in_order_and_nothing_else_but_framing() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut request = request(&receiver.url());
    request.headers = [
        ("webhook-id", "dlv_1"),
        ("user-agent", "Riposte/1"),
        ("accept", "*/*"),
        ("x-b", "2"),
        ("x-a", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let exchange = sender().send(request).await;
    assert!(exchange.is_success(), "{exchange:?}");
    assert_eq!(exchange.address, Some(receiver.address));
    let expected = format!(
        "POST /hook HTTP/1.1\r\nwebhook-id: dlv_1\r\nuser-agent: Riposte/1\r\naccept: */*\r\n\
         x-b: 2\r\nx-a: 1\r\ncontent-length: 2\r\nhost: {}\r\n\r\n{{}}",
        receiver.address
    );
    assert_eq!(receiver.heard(), [expected]);
}

#[tokio::test]
async fn an_empty_webhook_says_how_long_it_is() {
    let receiver = Receiver::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let mut request = request(&receiver.url());
    request.body = "".into();
    assert!(sender().send(request).await.is_success());
    assert!(receiver.heard()[0].contains("content-length: 0\r\n"));
}

/// Runs the test above again in a process whose environment names proxies that nobody runs.
#[test]
fn proxies_of_the_environment_are_ignored() {
    const TEST: &str = concat!(
        "net::sender::tests::",
        "a_webhook_leaves_with_its_headers_in_order_and_nothing_else_but_framing"
    );
    let mut again = std::process::Command::new(std::env::current_exe().expect("this program"));
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        again.env(name, "http://127.0.0.1:1");
    }
    let output = again
        .env_remove("NO_PROXY")
        .args(["--exact", TEST])
        .output()
        .expect("a run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let target = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
        let answer = format!("HTTP/1.1 {status} Go\r\nlocation: {}\r\n\r\n", target.url());
        let exchange = exchange_with(&Receiver::answering(answer).await).await;
        let failure = exchange.failure().expect("a failure");
        assert_eq!(failure.kind, ErrorKind::Redirect);
        assert!(failure.message.contains(&target.url()));
        assert!(target.heard().is_empty());
    }
}

#[tokio::test]
async fn a_port_where_nothing_listens_refuses_the_connection() {
    let (listener, address) = listen().await;
    drop(listener);
    let exchange = sender().send(request(&format!("http://{address}/"))).await;
    assert_eq!(
        exchange.failure().map(|f| f.kind),
        Some(ErrorKind::ConnectRefused)
    );
    assert_eq!(exchange.address, None);
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_given_up_at_the_deadline() {
    let receiver = Receiver::holding("").await;
    let exchange = sender().send(impatient(&receiver.url())).await;
    assert_eq!(
        exchange.failure().map(|f| f.kind),
        Some(ErrorKind::HeadersTimeout)
    );
    assert_eq!(exchange.address, Some(receiver.address));
    assert!(
        exchange.duration >= Duration::from_millis(150),
        "{:?}",
        exchange.duration
    );
    assert!(
        exchange.duration < Duration::from_secs(5),
        "{:?}",
        exchange.duration
    );
}

#[tokio::test]
async fn a_head_that_trickles_or_is_never_final_is_given_up_at_the_deadline() {
    for head in ["HTTP/1.1 200 OK\r\nx: ", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let failure = sender()
            .send(impatient(&Receiver::holding(head).await.url()))
            .await;
        assert_eq!(
            failure.failure().map(|f| f.kind),
            Some(ErrorKind::HeadersTimeout)
        );
    }
    let endless = Receiver::repeating(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await;
    let exchange = sender().send(impatient(&endless.url())).await;
    assert_eq!(
        exchange.failure().map(|f| f.kind),
        Some(ErrorKind::HeadersTimeout)
    );
    assert!(
        exchange.duration < Duration::from_secs(5),
        "{:?}",
        exchange.duration
    );
}

#[tokio::test]
async fn a_receiver_that_stalls_in_tls_has_the_time_of_a_connection() {
    let (listener, address) = listen().await;
    let exchange = hasty_sender()
        .send(request(&format!("https://{address}/")))
        .await;
    drop(listener);
    assert_eq!(
        exchange.failure().map(|f| f.kind),
        Some(ErrorKind::ConnectTimeout)
    );
    assert!(
        exchange.duration < Duration::from_secs(5),
        "{:?}",
        exchange.duration
    );
}

#[tokio::test]
async fn a_deadline_shorter_than_a_connection_takes_says_that_it_was_not_made() {
    let (listener, address) = listen().await;
    let exchange = sender()
        .send(impatient(&format!("https://{address}/")))
        .await;
    drop(listener);
    assert_eq!(
        exchange.failure().map(|f| f.kind),
        Some(ErrorKind::ConnectTimeout)
    );
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_too_large() {
    let lines = "x-line: 1\r\n".repeat(101);
    let long = |bytes: usize| format!("x-long: {}\r\n", "v".repeat(bytes));
    for headers in [lines, long(70 * 1024), long(1024 * 1024)] {
        let failure = failure_on(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).await;
        assert_eq!(failure.kind, ErrorKind::HeadersTooLarge, "{failure}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "220 mail.example.com ESMTP\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let failure = failure_on(garbage).await;
        assert_eq!(failure.kind, ErrorKind::Protocol, "{garbage:?}: {failure}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_a_reset() {
    let failure = failure_on("").await;
    assert_eq!(failure.kind, ErrorKind::SendReset, "{failure}");
    let failure = failure_on("HTTP/1.1 200 OK\r\nx-ha").await;
    assert_eq!(failure.kind, ErrorKind::SendReset, "{failure}");
    let resetting = Receiver::acting(|stream, _| async move {
        let _ = stream.set_zero_linger();
    });
    let exchange = exchange_with(&resetting.await).await;
    assert_eq!(
        exchange.failure().map(|f| f.kind),
        Some(ErrorKind::SendReset)
    );
}

#[tokio::test]
async fn a_webhook_that_cannot_be_made_is_not_sent() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let mut request = request(&receiver.url());
    request
        .headers
        .push(("transfer-encoding".to_owned(), "chunked".to_owned()));
    let exchange = sender().send(request).await;
    assert_eq!(
        exchange.failure().map(|f| f.kind),
        Some(ErrorKind::Unsendable)
    );
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn a_connection_is_used_again_and_its_address_is_known_even_when_it_fails() {
    let receiver = Receiver::acting(|mut stream, _| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await;
        read_request(&mut stream).await;
        let _ = stream.write_all(b"nonsense\r\n\r\n").await;
    })
    .await;
    let sender = sender();
    assert!(sender.send(request(&receiver.url())).await.is_success());
    let second = sender.send(request(&receiver.url())).await;
    assert_eq!(second.failure().map(|f| f.kind), Some(ErrorKind::Protocol));
    assert_eq!(second.address, Some(receiver.address));
    assert_eq!(receiver.heard().len(), 1);
}
