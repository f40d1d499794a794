//! TLS as a client: whom webhooks trust. The certificates are read once and shared by all clients.

use std::sync::Arc;

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    client::{WantsClientCert, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_platform_verifier::Verifier;

/// HTTP/2 where the receiver speaks it, else HTTP/1.1 (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Trusts the certificate authorities of the system, or, where it has none, those of Mozilla's
/// programme as they were when this program was built.
///
/// # Errors
///
/// [`rustls::Error`] if the cryptographic provider offers no version of TLS.
pub(super) fn system_trust() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = versions(Arc::clone(&provider))?;
    Ok(finish(match Verifier::new(provider) {
        Ok(verifier) => trusting(builder, Arc::new(verifier)),
        Err(error) => {
            tracing::warn!(%error, "no store of certificate authorities: using the built-in ones");
            builder.with_root_certificates(mozilla_roots())
        }
    }))
}

/// Trusts `roots` alone.
#[cfg(test)]
pub(super) fn trust_only(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let builder = versions(Arc::new(aws_lc_rs::default_provider()))?;
    Ok(finish(builder.with_root_certificates(roots)))
}

fn versions(
    provider: Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

fn trusting(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    // The verifier checks everything; the word is rustls' for any that is not its own.
    builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
}

fn mozilla_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

fn finish(builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> ClientConfig {
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_someone_to_trust_with_and_without_a_system_store() {
        assert!(system_trust().is_ok());
        assert!(mozilla_roots().len() > 50);
    }
}
