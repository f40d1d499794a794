//! Whom webhooks trust, and what comes of them over TLS and HTTP/2.

use bytes::Bytes;
use h2::{Reason, server::SendResponse};
use http::HeaderMap;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    tests::{open_policy, request},
    *,
};
use crate::{
    domain::attempt::MAX_CAPTURED_BODY,
    net::{
        receiver::listen,
        testing::ScriptedResolver,
        tls::{system_trust, trust_only},
    },
};

const NAME: &str = "hooks.example.com";

/// An authority that the sender trusts, and nobody else does.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    fn trusted(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("an authority");
        trust_only(roots).expect("a configuration")
    }

    /// A server with a certificate for `name`, valid from one year's begin to the other's.
    fn server(&self, name: &str, years: [i32; 2], protocol: &str) -> TlsAcceptor {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        [params.not_before, params.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate with its key");
        config.alpn_protocols = vec![protocol.into()];
        TlsAcceptor::from(Arc::new(config))
    }
}

const VALID: [i32; 2] = [2000, 4000];

/// Accepts TLS connections and does `act` with each whose handshake succeeds.
async fn serve<F, Fut>(acceptor: TlsAcceptor, act: F) -> SocketAddr
where
    F: Fn(TlsStream<TcpStream>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(act(stream));
            }
        }
    });
    address
}

async fn send_trusting(tls: ClientConfig, receiver: SocketAddr) -> Exchange {
    trusting(tls, receiver).send(to(receiver)).await
}

fn to(receiver: SocketAddr) -> Request {
    request(&format!("https://{NAME}:{}/hook", receiver.port()))
}

fn trusting(tls: ClientConfig, receiver: SocketAddr) -> HttpSender {
    let policy = Arc::new(open_policy());
    let resolver = ScriptedResolver::new().resolves(NAME, &[receiver.ip()]);
    HttpSender::trusting(
        tls,
        Arc::new(resolver),
        Arc::new(move |_| Arc::clone(&policy)),
        Clock::system(),
        Timeouts::default(),
    )
}

fn kind(exchange: &Exchange) -> Option<ErrorKind> {
    exchange.failure().map(|failure| failure.kind)
}

#[tokio::test]
async fn certificates_that_do_not_hold_are_told_apart() {
    let authority = Authority::new();
    for (name, years, expected) in [
        (NAME, VALID, None),
        (NAME, [2000, 2001], Some(ErrorKind::TlsExpired)),
        (NAME, [4000, 4001], Some(ErrorKind::TlsExpired)),
        ("other.example.com", VALID, Some(ErrorKind::TlsName)),
    ] {
        let receiver = serve(
            authority.server(name, years, "http/1.1"),
            |mut stream| async move {
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    .await;
                let _ = stream.shutdown().await;
            },
        );
        let exchange = send_trusting(authority.trusted(), receiver.await).await;
        assert_eq!(kind(&exchange), expected, "{name} {years:?} {exchange:?}");
    }
}

#[tokio::test]
async fn an_authority_that_nobody_knows_is_not_trusted() {
    let unknown = Authority::new();
    let acceptor = unknown.server(NAME, VALID, "http/1.1");
    let receiver = serve(acceptor, |_| std::future::ready(())).await;
    for tls in [Authority::new().trusted(), system_trust().expect("trust")] {
        let exchange = send_trusting(tls, receiver).await;
        assert_eq!(
            kind(&exchange),
            Some(ErrorKind::TlsUntrusted),
            "{exchange:?}"
        );
    }
}

#[tokio::test]
async fn what_does_not_speak_tls_or_hangs_up_in_the_handshake_fails_it() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        let exchange = send_trusting(Authority::new().trusted(), address).await;
        assert_eq!(
            kind(&exchange),
            Some(ErrorKind::TlsFailed),
            "{answer:?} {exchange:?}"
        );
    }
}

/// What comes of a webhook to an HTTP/2 receiver that does `answer` with it.
async fn over_http2<F>(answer: F) -> Exchange
where
    F: Fn(SendResponse<Bytes>) + Copy + Send + Sync + 'static,
{
    let authority = Authority::new();
    let receiver = serve(
        authority.server(NAME, VALID, "h2"),
        move |stream| async move {
            let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
            while let Some(Ok((_, respond))) = connection.accept().await {
                answer(respond);
            }
        },
    );
    send_trusting(authority.trusted(), receiver.await).await
}

fn with_headers(headers: HeaderMap) -> http::Response<()> {
    let mut response = http::Response::new(());
    *response.headers_mut() = headers;
    response
}

#[tokio::test]
async fn http2_is_spoken_where_the_receiver_speaks_it() {
    let exchange = over_http2(|mut respond| {
        let mut body = respond
            .send_response(with_headers(HeaderMap::new()), false)
            .expect("sent");
        body.send_data("taken".into(), true).expect("sent");
    })
    .await;
    assert!(exchange.address.is_some());
    let response = exchange.result.expect("an answer");
    assert_eq!((response.status, &response.body[..]), (200, &b"taken"[..]));
}

#[tokio::test]
async fn a_stream_that_is_reset_counts_as_a_reset_before_and_after_the_head() {
    let before = over_http2(|mut respond| respond.send_reset(Reason::INTERNAL_ERROR)).await;
    assert_eq!(kind(&before), Some(ErrorKind::SendReset), "{before:?}");
    let after = over_http2(|mut respond| {
        let mut body = respond
            .send_response(with_headers(HeaderMap::new()), false)
            .expect("sent");
        body.send_data("ha".into(), false).expect("sent");
        body.send_reset(Reason::CANCEL);
    })
    .await;
    if let Ok(response) = &after.result {
        assert!(after.is_success());
        let broke_off = response.broke_off.as_ref().map(|failure| failure.kind);
        assert_eq!(broke_off, Some(ErrorKind::SendReset));
    } else {
        // The reset may overtake the head.
        assert_eq!(kind(&after), Some(ErrorKind::SendReset), "{after:?}");
    }
}

#[tokio::test]
async fn a_connection_that_goes_away_before_the_answer_is_a_reset() {
    let authority = Authority::new();
    let receiver = serve(authority.server(NAME, VALID, "h2"), |stream| async move {
        let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
        let _request = connection.accept().await;
        connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        let _ = connection.accept().await;
    });
    let exchange = send_trusting(authority.trusted(), receiver.await).await;
    assert_eq!(kind(&exchange), Some(ErrorKind::SendReset), "{exchange:?}");
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_refused_over_http2_as_well() {
    let huge = over_http2(|mut respond| {
        let mut headers = HeaderMap::new();
        let long = "v".repeat(1024 * 1024);
        headers.insert("x-long", long.parse().expect("a value"));
        let _ = respond.send_response(with_headers(headers), true);
    })
    .await;
    assert_eq!(kind(&huge), Some(ErrorKind::Protocol), "{huge:?}");
    let long = over_http2(|mut respond| {
        let mut headers = HeaderMap::new();
        headers.insert("x-long", "v".repeat(70 * 1024).parse().expect("a value"));
        let _ = respond.send_response(with_headers(headers), true);
    })
    .await;
    assert_eq!(kind(&long), Some(ErrorKind::HeadersTooLarge), "{long:?}");
    let many = over_http2(|mut respond| {
        let mut headers = HeaderMap::new();
        for _ in 0..101 {
            headers.append("x", "v".parse().expect("a value"));
        }
        let _ = respond.send_response(with_headers(headers), true);
    })
    .await;
    assert_eq!(kind(&many), Some(ErrorKind::HeadersTooLarge), "{many:?}");
}

#[tokio::test]
async fn a_long_body_over_http2_is_read_to_its_cap() {
    let exchange = over_http2(|mut respond| {
        let mut body = respond
            .send_response(with_headers(HeaderMap::new()), false)
            .expect("sent");
        body.send_data(vec![b'x'; 1024 * 1024].into(), true)
            .expect("sent");
    })
    .await;
    let response = exchange.result.expect("an answer");
    assert_eq!(response.body.len(), MAX_CAPTURED_BODY);
    assert!(response.truncated && response.broke_off.is_none());
}

#[tokio::test]
async fn what_is_taken_back_at_the_last_moment_never_ends_its_request_over_http2() {
    let authority = Authority::new();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let receiver = serve(authority.server(NAME, VALID, "h2"), move |stream| {
        let told = told.clone();
        async move {
            let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
            let accept = |request: http::Request<h2::RecvStream>| {
                let (told, mut body) = (told.clone(), request.into_body());
                tokio::spawn(async move {
                    let data = body.data().await;
                    let _ = told.send(data.is_some_and(|data| data.is_ok()));
                });
            };
            while let Some(Ok((request, _respond))) = connection.accept().await {
                accept(request);
            }
        }
    })
    .await;
    let sender = trusting(authority.trusted(), receiver);
    let sent = sender.exchange(to(receiver), super::departure_tests::allowed(1));
    assert_eq!(sent.await, Err(Withheld));
    drop(sender);
    if let Some(has_body) = heard.recv().await {
        assert!(!has_body, "the head may have left, and nothing of its body");
    }
}
