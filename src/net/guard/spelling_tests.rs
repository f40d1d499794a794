//! However an address is spelt, the verdict is that on the address.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::net::target::TargetUrl;

fn verdict(host: &str) -> Option<RefusalReason> {
    TargetUrl::parse(&format!("https://{host}/"))
        .and_then(|url| judge_url(url.as_url(), &Policy::default()))
        .err()
        .map(|refusal| refusal.reason)
}

/// Every spelling of `ip` that the URL Standard knows, and its form in IPv6.
fn spellings(ip: Ipv4Addr) -> Vec<String> {
    let number = u32::from(ip);
    let [a, b, c, d] = ip.octets();
    let tail = number & 0x00ff_ffff;
    vec![
        format!("{ip}."),
        format!("{number}"),
        format!("{number:#x}"),
        format!("{number:#X}"),
        format!("0{number:o}"),
        format!("{a}.{tail}"),
        format!("0{a:o}.{b:#x}.{}", u16::from_be_bytes([c, d])),
        format!("[::ffff:{ip}]"),
        format!("[0:0:0:0:0:ffff:{:x}:{:x}]", number >> 16, number & 0xffff),
    ]
}

proptest! {
    #[test]
    fn an_ipv4_address_has_one_verdict_in_every_spelling(number: u32) {
        let ip = Ipv4Addr::from(number);
        let expected = address::closed_network(ip.into()).map(|_| RefusalReason::Ip);
        prop_assert_eq!(verdict(&ip.to_string()), expected);
        for spelling in spellings(ip) {
            prop_assert_eq!(verdict(&spelling), expected, "{}", spelling);
        }
    }

    #[test]
    fn an_ipv6_address_has_one_verdict_in_every_spelling(number: u128) {
        let ip = Ipv6Addr::from(number);
        let expected = address::closed_network(ip.into()).map(|_| RefusalReason::Ip);
        let long = ip.segments().map(|part| format!("{part:04X}")).join(":");
        prop_assert_eq!(verdict(&format!("[{ip}]")), expected);
        prop_assert_eq!(verdict(&format!("[{long}]")), expected);
    }

    #[test]
    fn no_text_that_is_let_through_names_an_address_that_is_closed(text in "(https://)?[-0-9a-fxA-F.:\\[\\]@%/]{1,24}") {
        if let Ok(url) = TargetUrl::parse(&text)
            && judge_url(url.as_url(), &Policy::default()).is_ok()
        {
            let ip = match url.as_url().host() {
                Some(Host::Ipv4(ip)) => Some(ip.into()),
                Some(Host::Ipv6(ip)) => Some(ip.into()),
                _ => None,
            };
            prop_assert!(ip.and_then(address::closed_network).is_none(), "{url}");
        }
    }
}
