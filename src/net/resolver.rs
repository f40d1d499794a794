//! Name servers: what a host name resolves to at this moment, unjudged.

use std::net::IpAddr;

use futures_util::future::BoxFuture;
use hickory_resolver::{
    TokioResolver,
    config::{LookupIpStrategy, ResolveHosts, ResolverOpts},
    net::NetError,
};

/// Looks names up. The system's name servers, or a script in a test or a simulation.
pub trait Resolve: Send + Sync {
    /// Every IPv4 and IPv6 address of `host`, a name without its final dot that is meant as fully
    /// qualified: no search domain is tried.
    fn lookup<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>>;
}

/// Why a name has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no addresses.
    #[error("the name does not exist or has no address")]
    NotFound,
    /// No name server could tell.
    #[error("the name could not be looked up: {0}")]
    Failed(String),
}

/// The name servers of the system's configuration (`/etc/resolv.conf`), read once at start.
///
/// Names are looked up as fully qualified, A and AAAA together; answers are kept for as long as
/// their TTL says. `/etc/hosts` is never consulted: what this machine calls its neighbours is no
/// business of strangers.
pub struct SystemResolver(TokioResolver);

/// The system's configuration of name servers could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the system's name servers cannot be used (see /etc/resolv.conf): {0}")]
pub struct BadResolverConfig(NetError);

impl SystemResolver {
    /// Reads the system's configuration.
    ///
    /// # Errors
    ///
    /// [`BadResolverConfig`] if there is none, or it cannot be read.
    pub fn new() -> Result<Self, BadResolverConfig> {
        let mut builder = TokioResolver::builder_tokio().map_err(BadResolverConfig)?;
        ask_for_both_families_without_hosts(builder.options_mut());
        builder.build().map(Self).map_err(BadResolverConfig)
    }
}

impl Resolve for SystemResolver {
    fn lookup<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async move {
            let answer = self.0.lookup_ip(format!("{host}.")).await;
            Ok(answer.map_err(resolve_error)?.iter().collect())
        })
    }
}

fn ask_for_both_families_without_hosts(options: &mut ResolverOpts) {
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Never;
}

fn resolve_error(error: NetError) -> ResolveError {
    if error.is_no_records_found() {
        ResolveError::NotFound
    } else {
        ResolveError::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use hickory_resolver::{
        config::{ConnectionConfig, NameServerConfig, ResolverConfig},
        net::runtime::TokioRuntimeProvider,
    };
    use tokio::net::UdpSocket;

    use super::*;

    /// A name server that knows `known.example.com` alone; `rcode` answers for all else.
    async fn name_server(rcode: u8) -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a socket");
        let address = socket.local_addr().expect("its address");
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                let _ = socket.send_to(&answer(&query[..length], rcode), from).await;
            }
        });
        address
    }

    /// A DNS message (RFC 1035, section 4) that answers `query`.
    fn answer(query: &[u8], rcode: u8) -> Vec<u8> {
        const NAME: &[u8] = b"\x05known\x07example\x03com\x00";
        let question_end = 12
            + query[12..]
                .iter()
                .position(|byte| *byte == 0)
                .expect("a name")
            + 5;
        let question = &query[12..question_end];
        let is_known = question.starts_with(NAME);
        let is_a = question[NAME.len().min(question.len() - 4)..].starts_with(&[0, 1]);
        let answers = u8::from(is_known && is_a);
        let rcode = if is_known { 0 } else { rcode };
        let mut message = query[..2].to_vec();
        message.extend([0x81, 0x80 | rcode, 0, 1, 0, answers, 0, 0, 0, 0]);
        message.extend(question);
        if answers == 1 {
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7]);
        }
        message
    }

    fn asking(server: SocketAddr) -> SystemResolver {
        let mut connection = ConnectionConfig::udp();
        connection.port = server.port();
        let servers = vec![NameServerConfig::new(server.ip(), true, vec![connection])];
        let search = vec!["example.com.".parse().expect("a name")];
        let config = ResolverConfig::from_parts(None, search, servers);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        ask_for_both_families_without_hosts(builder.options_mut());
        builder.options_mut().attempts = 1;
        SystemResolver(builder.build().expect("a resolver"))
    }

    const NXDOMAIN: u8 = 3;
    const SERVFAIL: u8 = 2;

    #[tokio::test]
    async fn a_known_name_has_its_address_and_no_search_domain_is_tried() {
        let resolver = asking(name_server(NXDOMAIN).await);
        let known = resolver.lookup("known.example.com").await;
        assert_eq!(known, Ok(vec![Ipv4Addr::new(203, 0, 113, 7).into()]));
        assert_eq!(resolver.lookup("known").await, Err(ResolveError::NotFound));
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_differs_from_one_that_nobody_could_tell() {
        let absent = asking(name_server(NXDOMAIN).await)
            .lookup("a.example")
            .await;
        assert_eq!(absent, Err(ResolveError::NotFound));
        let failed = asking(name_server(SERVFAIL).await)
            .lookup("a.example")
            .await;
        assert!(matches!(failed, Err(ResolveError::Failed(_))), "{failed:?}");
    }
}
