//! The HTTP client that commands speak to a gateway with.

use std::time::Duration;

use reqwest::redirect;

/// A client for one's own gateway: no proxy of the environment, no redirects, no retries of its
/// own. Where the machine has no certificate store, the one of Mozilla that is built in serves.
#[expect(
    clippy::disallowed_methods,
    reason = "it speaks to the gateway, whose address the user names; webhooks leave through net"
)]
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    let builder = || {
        reqwest::Client::builder()
            .user_agent(concat!("riposte/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
    };
    builder()
        .build()
        .or_else(|_| builder().tls_backend_preconfigured(built_in_tls()).build())
}

fn built_in_tls() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
