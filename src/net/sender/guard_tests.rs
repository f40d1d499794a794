//! Where webhooks do not go, tried over real connections.

use std::{net::IpAddr, sync::Mutex};

use super::{
    tests::{open_policy, request},
    *,
};
use crate::{
    domain::ids::platform_project,
    net::{policy::Policy, receiver::Receiver, resolver::ResolveError, testing::ScriptedResolver},
};

const OK: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const NAME: &str = "hooks.example.com";

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    let parse = |text: &&str| text.parse().expect("an address");
    texts.iter().map(parse).collect()
}

fn sender(resolver: impl Resolve + 'static, policies: impl PolicySource + 'static) -> HttpSender {
    sender_with(Timeouts::default(), resolver, policies)
}

fn sender_with(
    timeouts: Timeouts,
    resolver: impl Resolve + 'static,
    policies: impl PolicySource + 'static,
) -> HttpSender {
    let (resolver, policies) = (Arc::new(resolver), Arc::new(policies));
    HttpSender::new(resolver, policies, Clock::system(), timeouts).expect("a sender")
}

fn always(policy: Policy) -> impl PolicySource {
    let policy = Arc::new(policy);
    move |_| Arc::clone(&policy)
}

/// Public addresses alone, over http.
fn closed_policy() -> Policy {
    Policy {
        allow_http: true,
        ..Policy::default()
    }
}

fn kind(exchange: &Exchange) -> Option<ErrorKind> {
    exchange.failure().map(|failure| failure.kind)
}

#[tokio::test]
async fn an_address_in_the_url_is_judged_before_anything_is_sent() {
    let receiver = Receiver::answering(OK).await;
    let sender = sender(ScriptedResolver::new(), always(closed_policy()));
    let port = receiver.address.port();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "0x7f.1", "localhost"] {
        let exchange = sender
            .send(request(&format!("http://{host}:{port}/")))
            .await;
        assert_eq!(kind(&exchange), Some(ErrorKind::AddressRefused), "{host}");
        assert_eq!(exchange.address, None);
    }
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn a_name_that_resolves_inward_is_refused_without_a_word_of_where() {
    let receiver = Receiver::answering(OK).await;
    for answers in [&["127.0.0.1"][..], &["8.8.8.8", "127.0.0.1"], &["::1"]] {
        let resolver = ScriptedResolver::new().resolves(NAME, &ips(answers));
        let exchange = sender(resolver, always(closed_policy()))
            .send(request(&receiver.url_at(NAME)))
            .await;
        let failure = exchange.failure().expect("a failure");
        assert_eq!(failure.kind, ErrorKind::AddressRefused, "{answers:?}");
        assert!(failure.message.contains(NAME), "{failure}");
        assert!(!failure.message.contains("127."), "{failure}");
    }
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn a_name_that_is_bound_anew_is_judged_anew() {
    let receiver = Receiver::answering(OK).await;
    let resolver = ScriptedResolver::new()
        .resolves(NAME, &ips(&["127.0.0.1"]))
        .resolves(NAME, &ips(&["127.0.0.2"]));
    let mut policy = open_policy();
    policy.deny_networks = vec!["127.0.0.2/32".parse().expect("a network")];
    let sender = sender(resolver, always(policy));
    let first = sender.send(request(&receiver.url_at(NAME))).await;
    assert!(first.is_success(), "{first:?}");
    assert_eq!(first.address, Some(receiver.address));
    let second = sender.send(request(&receiver.url_at(NAME))).await;
    assert_eq!(kind(&second), Some(ErrorKind::AddressRefused));
    assert_eq!(receiver.heard().len(), 1);
}

/// Answers once, and counts how often it was asked.
struct Counting(Arc<Mutex<u32>>);

impl Resolve for Counting {
    fn lookup<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async move {
            let mut asked = self.0.lock().expect("no panic");
            *asked += 1;
            Ok(ips(if *asked == 1 {
                &["127.0.0.1"]
            } else {
                &["10.0.0.1"]
            }))
        })
    }
}

#[tokio::test]
async fn a_connection_goes_to_the_address_that_was_judged_and_asks_once() {
    let receiver = Receiver::answering(OK).await;
    let asked = Arc::new(Mutex::new(0));
    let sender = sender(Counting(Arc::clone(&asked)), always(open_policy()));
    let exchange = sender.send(request(&receiver.url_at(NAME))).await;
    assert!(exchange.is_success(), "{exchange:?}");
    assert_eq!(*asked.lock().expect("no panic"), 1);
}

#[tokio::test]
async fn what_is_open_for_one_project_is_open_for_no_other_even_on_an_idle_connection() {
    let receiver = Receiver::holding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let resolver = ScriptedResolver::new().resolves(NAME, &ips(&["127.0.0.1"]));
    let (open, closed) = (Arc::new(open_policy()), Arc::new(closed_policy()));
    let sender = sender(resolver, move |project| {
        Arc::clone(if project == platform_project() {
            &open
        } else {
            &closed
        })
    });
    let mut platforms = request(&receiver.url_at(NAME));
    platforms.project = platform_project();
    assert!(sender.send(platforms).await.is_success());
    let customers = sender.send(request(&receiver.url_at(NAME))).await;
    assert_eq!(kind(&customers), Some(ErrorKind::AddressRefused));
}

#[tokio::test]
async fn the_gateway_does_not_call_itself_by_address_or_by_name() {
    let receiver = Receiver::answering(OK).await;
    let mut policy = open_policy();
    policy.own_sockets = vec![receiver.address];
    let resolver = ScriptedResolver::new().resolves(NAME, &ips(&["127.0.0.1"]));
    let sender = sender(resolver, always(policy));
    for url in [
        receiver.url(),
        receiver.url_at(NAME),
        receiver.url_at("localhost"),
    ] {
        let exchange = sender.send(request(&url)).await;
        assert_eq!(kind(&exchange), Some(ErrorKind::AddressRefused), "{url}");
    }
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn localhost_works_where_it_is_open() {
    let receiver = Receiver::answering(OK).await;
    let mut named = closed_policy();
    named.allow_hosts = vec!["localhost".parse().expect("a name")];
    for policy in [open_policy(), named] {
        let sender = sender(ScriptedResolver::new(), always(policy));
        let exchange = sender.send(request(&receiver.url_at("localhost"))).await;
        assert!(exchange.is_success(), "{exchange:?}");
    }
}

#[tokio::test]
async fn a_name_without_an_answer_says_whether_it_is_absent_or_nobody_could_tell() {
    let failed = ResolveError::Failed("SERVFAIL".to_owned());
    let resolver = ScriptedResolver::new()
        .answers("failed.example.com", Err(failed))
        .resolves("empty.example.com", &[]);
    let sender = sender(resolver, always(closed_policy()));
    for (host, expected) in [
        ("absent.example.com", ErrorKind::DnsNotFound),
        ("empty.example.com", ErrorKind::DnsNotFound),
        ("failed.example.com", ErrorKind::DnsFailed),
    ] {
        let exchange = sender.send(request(&format!("https://{host}/"))).await;
        assert_eq!(kind(&exchange), Some(expected), "{host}");
    }
}

#[tokio::test]
async fn name_servers_that_do_not_answer_are_not_taken_for_the_receiver() {
    struct Silent;
    impl Resolve for Silent {
        fn lookup<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
            Box::pin(std::future::pending())
        }
    }
    let connect = Duration::from_millis(200);
    let sender = sender_with(Timeouts { connect }, Silent, always(closed_policy()));
    let mut request = request("https://hooks.example.com/");
    assert_eq!(
        kind(&sender.send(request.clone()).await),
        Some(ErrorKind::DnsFailed)
    );
    request.timeout = Duration::from_millis(50);
    assert_eq!(
        kind(&sender.send(request).await),
        Some(ErrorKind::DnsFailed)
    );
}
