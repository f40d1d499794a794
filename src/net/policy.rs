//! What an operator has opened and closed. Customers have no way in here.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::{
    address::{self, LOOPBACK},
    host::{self, HostPattern},
};
use crate::domain::ids::ProjectId;

/// The networks by which a machine reaches itself.
pub const LOOPBACK_NETWORKS: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
];

/// What is open to the webhooks of one project beyond the public Internet, and what is closed.
/// The default opens nothing: public addresses over https alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Networks that are open although they are not public.
    pub allow_networks: Vec<IpNet>,
    /// Names that are open although they are not public, at whatever address their name server
    /// gives, but for those of the machine itself (link-local, metadata, multicast): these need
    /// `allow_networks`.
    pub allow_hosts: Vec<HostPattern>,
    /// Whether plain `http` is allowed.
    pub allow_http: bool,
    /// Ports that are open although they are below 1024 or belong to another protocol.
    pub allow_ports: Vec<u16>,
    /// Networks that are closed whatever else is open.
    pub deny_networks: Vec<IpNet>,
    /// The sockets on which the gateway listens: it never calls itself. One that is bound to
    /// `0.0.0.0` or `[::]` stands for every address of this machine. What leads here through
    /// another machine (NAT, a load balancer) belongs into `deny_networks`.
    #[serde(skip)]
    pub own_sockets: Vec<SocketAddr>,
}

impl Policy {
    /// This policy with what `project` opens and closes in addition.
    #[must_use]
    pub fn merge(&self, project: &Self) -> Self {
        Self {
            allow_networks: union(&self.allow_networks, &project.allow_networks),
            allow_hosts: union(&self.allow_hosts, &project.allow_hosts),
            allow_http: self.allow_http || project.allow_http,
            allow_ports: union(&self.allow_ports, &project.allow_ports),
            deny_networks: union(&self.deny_networks, &project.deny_networks),
            own_sockets: union(&self.own_sockets, &project.own_sockets),
        }
    }

    /// Whether the name rules are waived for `host` (lower case, no final dot). `localhost` is
    /// open by its name or by its addresses.
    pub(super) fn opens_name(&self, host: &str) -> bool {
        self.names(host)
            || host::is_localhost(host) && LOOPBACK.iter().any(|ip| self.opens_network(*ip))
    }

    /// Whether `ip` may be reached as an answer for `host` although it is not public.
    pub(super) fn opens_answer(&self, host: &str, ip: IpAddr) -> bool {
        self.opens_network(ip) || self.names(host) && !address::is_of_the_machine(ip)
    }

    /// Whether `ip` lies in a network that is open.
    pub(super) fn opens_network(&self, ip: IpAddr) -> bool {
        holds(&self.allow_networks, ip)
    }

    /// Whether `ip` lies in a network that is closed whatever else is open.
    pub(super) fn denies(&self, ip: IpAddr) -> bool {
        holds(&self.deny_networks, ip)
    }

    /// Whether the gateway itself listens at `ip` and `port`.
    pub(super) fn is_own_socket(&self, ip: IpAddr, port: u16) -> bool {
        let ip = where_it_leads(ip);
        self.own_sockets
            .iter()
            .filter(|own| own.port() == port)
            .map(|own| own.ip().to_canonical())
            .any(|own| own == ip || own.is_unspecified() && is_of_this_machine(ip))
    }

    fn names(&self, host: &str) -> bool {
        self.allow_hosts.iter().any(|pattern| pattern.matches(host))
    }
}

/// Knows the policy that holds for a project at this moment.
pub trait PolicySource: Send + Sync {
    /// The policy of `project`; the default one if nothing was set for it.
    fn policy(&self, project: ProjectId) -> Arc<Policy>;
}

impl<F: Fn(ProjectId) -> Arc<Policy> + Send + Sync> PolicySource for F {
    fn policy(&self, project: ProjectId) -> Arc<Policy> {
        self(project)
    }
}

fn holds(networks: &[IpNet], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    networks.iter().any(|network| network.contains(&ip))
}

/// Sorted and without repetition, so that equal openings make equal policies.
fn union<T: Clone + Ord>(one: &[T], other: &[T]) -> Vec<T> {
    let mut all = [one, other].concat();
    all.sort();
    all.dedup();
    all
}

/// A connection to the unspecified address goes to this machine.
fn where_it_leads(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// Whether `ip` is one of this machine's addresses: only those can be bound. Where the system does
/// not say that it is another's, it counts as ours. Interfaces come and go, so nothing is kept.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback()
        || match UdpSocket::bind((ip, 0)) {
            Ok(_) => true,
            Err(error) => error.kind() != io::ErrorKind::AddrNotAvailable,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn listening(at: &str) -> Policy {
        Policy {
            own_sockets: vec![at.parse().expect("a socket")],
            ..Policy::default()
        }
    }

    #[test]
    fn a_project_adds_to_the_default_and_takes_nothing_from_it() {
        let default: Policy = toml::from_str(
            "allow_networks = ['10.0.0.0/8']\ndeny_networks = ['10.9.0.0/16']\nallow_ports = [25]",
        )
        .expect("a policy");
        let project: Policy = toml::from_str(
            "allow_networks = ['10.0.0.0/8', '192.168.0.0/16']\nallow_http = true\nallow_hosts = ['*.lan']",
        )
        .expect("a policy");
        let both = default.merge(&project);
        assert_eq!(both.allow_networks.len(), 2);
        assert!(both.allow_http && both.opens_name("a.lan"));
        assert!(both.denies(ip("10.9.0.1")));
        assert_eq!(both, project.merge(&default));
    }

    #[test]
    fn a_policy_with_an_unknown_key_or_a_bad_name_is_refused() {
        assert!(toml::from_str::<Policy>("allow_everything = true").is_err());
        assert!(toml::from_str::<Policy>("own_sockets = ['127.0.0.1:1']").is_err());
        assert!(toml::from_str::<Policy>("allow_hosts = ['10.0.0.1']").is_err());
    }

    #[test]
    fn a_listener_on_one_address_is_that_socket_alone() {
        let policy = listening("127.0.0.1:8080");
        for own in ["127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1", "::ffff:0.0.0.0"] {
            assert!(policy.is_own_socket(ip(own), 8080), "{own}");
        }
        assert!(!policy.is_own_socket(ip("127.0.0.1"), 8081));
        assert!(!policy.is_own_socket(ip("127.0.0.2"), 8080));
        assert!(!policy.is_own_socket(ip("::1"), 8080));
    }

    #[test]
    fn a_listener_on_every_address_is_every_address_of_this_machine() {
        for at in ["0.0.0.0:8080", "[::]:8080"] {
            let policy = listening(at);
            for own in ["127.0.0.1", "127.9.9.9", "::1", "::", "0.0.0.0"] {
                assert!(policy.is_own_socket(ip(own), 8080), "{own} at {at}");
            }
            assert!(!policy.is_own_socket(ip("8.8.8.8"), 8080));
            assert!(!policy.is_own_socket(ip("127.0.0.1"), 80));
        }
    }

    #[test]
    fn localhost_is_open_by_its_name_or_its_network() {
        let named: Policy = toml::from_str("allow_hosts = ['localhost']").expect("a policy");
        let networked: Policy = toml::from_str("allow_networks = ['::1/128']").expect("a policy");
        assert!(named.opens_name("localhost") && networked.opens_name("localhost"));
        assert!(!networked.opens_name("printer") && !Policy::default().opens_name("localhost"));
    }

    #[test]
    fn a_name_that_is_open_leads_to_private_networks_but_not_to_metadata() {
        let policy: Policy = toml::from_str("allow_hosts = ['*.internal']").expect("a policy");
        assert!(policy.opens_answer("hooks.internal", ip("10.0.0.1")));
        assert!(!policy.opens_answer("hooks.internal", ip("169.254.169.254")));
        assert!(!policy.opens_answer("hooks.corp", ip("10.0.0.1")));
    }
}
