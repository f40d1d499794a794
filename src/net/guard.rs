//! The guard: may a webhook of this project go there? It judges URLs and addresses; what names
//! resolve to is judged through [`super::lookup`]. It promises the same answer at registration and
//! at every attempt, and never asks anyone.

use std::net::IpAddr;

use url::{Host, Url};

use super::{
    address,
    host::{self, canonical},
    policy::Policy,
    refusal::{Refusal, RefusalReason},
    target,
};

/// Ports from 1024 on that well-known protocols other than HTTP use: databases, message brokers,
/// remote desktops, and those to which browsers send nothing (WHATWG Fetch, "bad port").
const FOREIGN_PORTS: [u16; 36] = [
    1433, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 4222,
    5060, 5061, 5432, 5671, 5672, 5900, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 9042,
    9092, 10080, 11211, 27017,
];

/// Judges everything about `url` that can be said without asking a name server.
///
/// # Errors
///
/// The [`Refusal`] of the first rule that says no: shape, scheme, port, name, address.
pub fn judge_url(url: &Url, policy: &Policy) -> Result<(), Refusal> {
    target::judge_shape(url)?;
    judge_scheme(url, policy)?;
    let port = judge_port(url, policy)?;
    match url.host() {
        Some(Host::Domain(name)) => judge_host(canonical(name), policy),
        Some(Host::Ipv4(ip)) => judge_ip(ip.into(), port, policy),
        Some(Host::Ipv6(ip)) => judge_ip(ip.into(), port, policy),
        None => Err(Refusal::new(RefusalReason::Parser, "the URL names no host")),
    }
}

/// Judges an address that stands in a URL.
///
/// # Errors
///
/// A [`Refusal`] with the reason `denied`, `own_socket` or `ip`. It names the address: use
/// [`judge_answer`] for one that a name resolved to.
pub fn judge_ip(ip: IpAddr, port: u16, policy: &Policy) -> Result<(), Refusal> {
    judge_closed(ip, port, policy)?;
    match address::closed_network(ip) {
        Some((network, purpose)) if !policy.opens_network(ip) => Err(Refusal::new(
            RefusalReason::Ip,
            format!(
                "{ip} is not a public address ({purpose}, {network}); an operator may open its \
                 network with allow_networks"
            ),
        )),
        _ => Ok(()),
    }
}

/// Judges an address that `host` (lower case, no final dot) resolved to.
///
/// # Errors
///
/// A [`Refusal`] with the reason `dns_answer` that tells nothing of the address.
pub(super) fn judge_answer(
    host: &str,
    ip: IpAddr,
    port: u16,
    policy: &Policy,
) -> Result<(), Refusal> {
    let is_closed = judge_closed(ip, port, policy).is_err()
        || address::closed_network(ip).is_some() && !policy.opens_answer(host, ip);
    if !is_closed {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalReason::DnsAnswer,
        format!(
            "{host} resolves to an address that webhooks may not go to; an operator may open its \
             network with allow_networks or the name with allow_hosts, unless it is denied or the \
             gateway's own"
        ),
    ))
}

/// What no opening helps against.
fn judge_closed(ip: IpAddr, port: u16, policy: &Policy) -> Result<(), Refusal> {
    if policy.denies(ip) {
        return Err(Refusal::new(
            RefusalReason::Denied,
            format!("{ip} lies in a network that the operator has closed with deny_networks"),
        ));
    }
    if policy.is_own_socket(ip, port) {
        return Err(Refusal::new(
            RefusalReason::OwnSocket,
            format!("the gateway itself listens at {ip} on port {port}"),
        ));
    }
    Ok(())
}

fn judge_scheme(url: &Url, policy: &Policy) -> Result<(), Refusal> {
    if url.scheme() == "https" || policy.allow_http {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalReason::Scheme,
        "plain http is not allowed; use https, or an operator may set allow_http",
    ))
}

/// The port, if webhooks may go to it. Port 0 cannot be opened: nothing listens there.
fn judge_port(url: &Url, policy: &Policy) -> Result<u16, Refusal> {
    let port = url.port_or_known_default().unwrap_or(0);
    if is_http_port(port) || port != 0 && policy.allow_ports.contains(&port) {
        return Ok(port);
    }
    Err(Refusal::new(
        RefusalReason::Port,
        match port {
            0 => "nothing can listen on port 0".to_owned(),
            _ => format!(
                "port {port} is not one for HTTP; use 80, 443 or one from 1024 on, or an operator \
                 may open it with allow_ports"
            ),
        },
    ))
}

fn is_http_port(port: u16) -> bool {
    matches!(port, 80 | 443) || port >= 1024 && !FOREIGN_PORTS.contains(&port)
}

fn judge_host(host: &str, policy: &Policy) -> Result<(), Refusal> {
    host::judge_form(host)?;
    if policy.opens_name(host) {
        return Ok(());
    }
    host::judge_name(host)
}

#[cfg(test)]
mod spelling_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::target::TargetUrl;

    fn policy(toml: &str) -> Policy {
        let mut policy: Policy = toml::from_str(toml).expect("a policy");
        policy.allow_http = true;
        policy
    }

    fn judge(text: &str, policy: &Policy) -> Result<(), RefusalReason> {
        TargetUrl::parse(text)
            .and_then(|url| judge_url(url.as_url(), policy))
            .map_err(|refusal| refusal.reason)
    }

    #[test]
    fn every_sample_is_judged_with_its_reason() {
        let samples = include_str!("../../tests/data/addresses.tsv");
        let mut judged = 0;
        for line in samples.lines().skip(1) {
            let [expect, text, host, reason]: [&str; 4] = line
                .split('\t')
                .collect::<Vec<_>>()
                .try_into()
                .expect("four columns");
            let verdict = judge(text, &policy(""));
            match expect {
                "allow" => assert_eq!(verdict, Ok(()), "{text}"),
                _ => assert_eq!(verdict.map_err(|r| r.as_str()), Err(reason), "{text}"),
            }
            let parsed = Url::parse(text);
            let normalised = parsed.as_ref().ok().and_then(Url::host_str);
            assert_eq!(normalised.unwrap_or_default(), host, "{text}");
            judged += 1;
        }
        assert!(judged > 90, "{judged} samples");
    }

    #[test]
    fn ports_of_other_protocols_are_refused_until_an_operator_opens_them() {
        for port in [
            1, 22, 25, 79, 81, 110, 143, 442, 1023, 3306, 5432, 6379, 11211,
        ] {
            let url = format!("https://example.com:{port}/");
            assert_eq!(judge(&url, &policy("")), Err(RefusalReason::Port), "{port}");
            let opened = policy(&format!("allow_ports = [{port}]"));
            assert_eq!(judge(&url, &opened), Ok(()), "{port}");
        }
        for port in [80, 443, 1024, 3000, 8080, 8443, 65535] {
            let url = format!("https://example.com:{port}/");
            assert_eq!(judge(&url, &policy("")), Ok(()), "{port}");
        }
        let zero = judge("https://example.com:0/", &policy("allow_ports = [0]"));
        assert_eq!(zero, Err(RefusalReason::Port));
    }

    #[test]
    fn plain_http_is_refused_until_an_operator_allows_it() {
        let verdict = judge("http://example.com/", &Policy::default());
        assert_eq!(verdict, Err(RefusalReason::Scheme));
        assert_eq!(judge("http://example.com/", &policy("")), Ok(()));
    }

    #[test]
    fn what_is_denied_stays_closed_whatever_is_open() {
        let policy =
            policy("allow_networks = ['0.0.0.0/0']\ndeny_networks = ['10.0.0.0/8', '8.8.8.8/32']");
        for host in ["10.0.0.1", "[::ffff:10.0.0.1]", "8.8.8.8"] {
            let verdict = judge(&format!("https://{host}/"), &policy);
            assert_eq!(verdict, Err(RefusalReason::Denied), "{host}");
        }
        assert_eq!(judge("https://127.0.0.1/", &policy), Ok(()));
    }

    #[test]
    fn an_open_network_is_open_in_every_spelling_and_no_further() {
        let policy = policy("allow_networks = ['127.0.0.0/8']");
        for host in [
            "127.0.0.1",
            "0x7f.1",
            "2130706433",
            "[::ffff:127.0.0.1]",
            "localhost",
        ] {
            assert_eq!(judge(&format!("http://{host}/"), &policy), Ok(()), "{host}");
        }
        assert_eq!(judge("http://[::1]/", &policy), Err(RefusalReason::Ip));
        assert_eq!(judge("http://10.0.0.1/", &policy), Err(RefusalReason::Ip));
    }

    #[test]
    fn an_open_name_is_open_in_every_spelling_and_no_further() {
        let policy = policy("allow_hosts = ['hooks', '*.internal']");
        for host in ["hooks", "HOOKS.", "a.internal", "A.B.Internal."] {
            assert_eq!(judge(&format!("http://{host}/"), &policy), Ok(()), "{host}");
        }
        for host in ["internal", "hooks.lan", "hook", "a..internal"] {
            let verdict = judge(&format!("http://{host}/"), &policy);
            assert_eq!(verdict, Err(RefusalReason::Name), "{host}");
        }
    }

    #[test]
    fn the_gateway_does_not_call_itself() {
        let mut policy = policy("allow_networks = ['127.0.0.0/8', '0.0.0.0/8']");
        policy.own_sockets = vec!["0.0.0.0:8080".parse().expect("a socket")];
        for host in ["127.0.0.1", "127.1.2.3", "0.0.0.0"] {
            let verdict = judge(&format!("http://{host}:8080/"), &policy);
            assert_eq!(verdict, Err(RefusalReason::OwnSocket), "{host}");
        }
        assert_eq!(judge("http://127.0.0.1:8081/", &policy), Ok(()));
    }

    #[test]
    fn a_refused_answer_shows_nothing_of_the_address() {
        let inner = "10.20.30.40".parse().expect("an address");
        let refusal = judge_answer("db.example.com", inner, 443, &policy("")).expect_err("refused");
        assert_eq!(refusal.reason, RefusalReason::DnsAnswer);
        assert!(!refusal.message.contains("10."), "{refusal}");
    }
}
