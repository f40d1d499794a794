//! The addresses that are not public: what no stranger's URL may lead to.
//!
//! The registries are IANA's special-purpose address registries for IPv4 and IPv6 (RFC 6890) and
//! what clouds have made of them. Pure: nothing here knows a policy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The two addresses that `localhost` means (RFC 6761, section 6.3).
pub(super) const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// The rule by which `ip` is refused: the network and what it is for. None if `ip` is public.
/// An IPv4 address that is mapped into IPv6 is judged as what it is.
pub(super) fn closed_network(ip: IpAddr) -> Option<(IpNet, &'static str)> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => first_holding(&CLOSED_V4.map(wide_v4), IpAddr::V4(ip)),
        IpAddr::V6(ip) if !GLOBAL_V6.contains(&ip) => {
            Some((IpNet::V6(EVERY_V6), "everything outside 2000::/3"))
        }
        IpAddr::V6(ip) => first_holding(&CLOSED_V6.map(wide_v6), IpAddr::V6(ip)),
    }
}

/// Whether `ip` serves the machine or the link itself, or hands out a cloud's credentials. A name
/// that an operator opens does not lead there; only the network itself, opened, does.
pub(super) fn is_of_the_machine(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    first_holding(&MACHINE_V4.map(wide_v4), ip)
        .or_else(|| first_holding(&MACHINE_V6.map(wide_v6), ip))
        .is_some()
}

fn first_holding(networks: &[(IpNet, &'static str)], ip: IpAddr) -> Option<(IpNet, &'static str)> {
    networks
        .iter()
        .find(|(network, _)| network.contains(&ip))
        .copied()
}

const fn wide_v4((network, purpose): (Ipv4Net, &'static str)) -> (IpNet, &'static str) {
    (IpNet::V4(network), purpose)
}

const fn wide_v6((network, purpose): (Ipv6Net, &'static str)) -> (IpNet, &'static str) {
    (IpNet::V6(network), purpose)
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(head: [u16; 4], tail: u16, bits: u8) -> Ipv6Net {
    let [a, b, c, d] = head;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, tail), bits)
}

const CLOSED_V4: [(Ipv4Net, &str); 16] = [
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private use"),
    (v4(100, 64, 0, 0, 10), "shared behind carriers' NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(168, 63, 129, 16, 32), "a cloud's own services"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private use"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relays"),
    (v4(192, 168, 0, 0, 16), "private use"),
    (v4(198, 18, 0, 0, 15), "benchmarks"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// All of IPv6 that is routed on the Internet.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 0, 3);
const EVERY_V6: Ipv6Net = v6([0, 0, 0, 0], 0, 0);

/// What is not public within [`GLOBAL_V6`].
const CLOSED_V6: [(Ipv6Net, &str); 4] = [
    (v6([0x2001, 0, 0, 0], 0, 23), "protocol assignments"),
    (v6([0x2001, 0x0db8, 0, 0], 0, 32), "documentation"),
    (v6([0x2002, 0, 0, 0], 0, 16), "6to4"),
    (v6([0x3fff, 0, 0, 0], 0, 20), "documentation"),
];

const MACHINE_V4: [(Ipv4Net, &str); 6] = [
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(100, 100, 100, 200, 32), "a cloud's metadata"),
    (v4(168, 63, 129, 16, 32), "a cloud's own services"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(192, 0, 0, 192, 32), "a cloud's metadata"),
    (v4(224, 0, 0, 0, 3), "multicast and reserved"),
];

const MACHINE_V6: [(Ipv6Net, &str); 7] = [
    (v6([0, 0, 0, 0], 0, 128), "unspecified"),
    (v6([0x64, 0xff9b, 0, 0], 0, 96), "IPv4 behind NAT64"),
    (v6([0x64, 0xff9b, 1, 0], 0, 48), "IPv4 behind NAT64"),
    (v6([0xfd00, 0xec2, 0, 0], 0x254, 128), "a cloud's metadata"),
    (v6([0xfd20, 0xce, 0, 0], 0x254, 128), "a cloud's metadata"),
    (v6([0xfe80, 0, 0, 0], 0, 10), "link-local"),
    (v6([0xff00, 0, 0, 0], 0, 8), "multicast"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(text: &str) -> bool {
        closed_network(text.parse().expect("an address")).is_some()
    }

    #[test]
    fn the_first_and_last_address_of_each_closed_network_is_closed_and_the_next_ones_are_not() {
        let cases = [
            ("0.255.255.255", "1.0.0.0"),
            ("10.255.255.255", "11.0.0.0"),
            ("100.127.255.255", "100.128.0.0"),
            ("100.64.0.0", "100.63.255.255"),
            ("127.0.0.0", "126.255.255.255"),
            ("127.255.255.255", "128.0.0.0"),
            ("168.63.129.16", "168.63.129.17"),
            ("169.254.255.255", "169.255.0.0"),
            ("172.16.0.0", "172.15.255.255"),
            ("172.31.255.255", "172.32.0.0"),
            ("192.0.0.255", "192.0.1.0"),
            ("192.88.99.255", "192.88.100.0"),
            ("198.19.255.255", "198.20.0.0"),
            ("224.0.0.0", "223.255.255.255"),
            ("1fff:ffff::1", "2000::1"),
            ("4000::", "3fff:ffff::1"),
            ("2001:1ff:ffff::1", "2001:200::"),
            ("2001:db8:ffff::1", "2001:db9::"),
            ("2002:ffff::1", "2003::1"),
            ("3fff:fff:ffff::1", "3fff:1000::"),
            ("::ffff:10.0.0.1", "::ffff:11.0.0.1"),
        ];
        for (inside, outside) in cases {
            assert!(closed(inside), "{inside} is not public");
            assert!(!closed(outside), "{outside} is public");
        }
    }

    #[test]
    fn an_ipv4_address_in_other_wrappings_of_ipv6_is_closed() {
        for text in [
            "::127.0.0.1",
            "64:ff9b::8.8.8.8",
            "::ffff:0:8.8.8.8",
            "2002:808:808::",
        ] {
            assert!(closed(text), "{text}");
        }
    }

    #[test]
    fn metadata_services_and_links_belong_to_the_machine_but_private_networks_do_not() {
        for text in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "fe80::1",
        ] {
            assert!(
                is_of_the_machine(text.parse().expect("an address")),
                "{text}"
            );
        }
        for text in ["10.0.0.1", "127.0.0.1", "::1", "fd12::1"] {
            assert!(
                !is_of_the_machine(text.parse().expect("an address")),
                "{text}"
            );
        }
    }
}
