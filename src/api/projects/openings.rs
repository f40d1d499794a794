//! What an operator opens for a project, checked place by place.

use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::problem::{ApiResult, Problem},
    domain::project::Openings,
    net::host::HostPattern,
};

/// The most networks, and the most hosts, that may be opened for a project: every look-up of a
/// name goes through them.
const MAX_OPENINGS: usize = 256;

/// What is to be opened; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = r#"an object such as {"allow_http": true}"#
)]
pub struct OpeningsBody {
    /// Networks that webhooks may reach though they are not public; at most 256.
    #[serde(default)]
    #[schema(example = json!(["10.1.0.0/16"]))]
    allow_networks: Option<Vec<String>>,
    /// Hosts that webhooks may name though they are not public: `hooks.internal`, or `*.internal`
    /// for all names below it; at most 256.
    #[serde(default)]
    #[schema(example = json!(["*.internal"]))]
    allow_hosts: Option<Vec<String>>,
    /// Whether webhooks may go over plain http.
    #[serde(default)]
    allow_http: Option<bool>,
}

/// What is opened for a project.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpeningsView {
    /// Networks that webhooks may reach though they are not public.
    #[schema(example = json!(["10.1.0.0/16"]))]
    allow_networks: Vec<String>,
    /// Hosts that webhooks may name though they are not public.
    #[schema(example = json!(["*.internal"]))]
    allow_hosts: Vec<String>,
    /// Whether webhooks may go over plain http.
    allow_http: bool,
}

impl OpeningsBody {
    /// What is open afterwards, if `before` was open.
    ///
    /// # Errors
    /// The first place that holds no network or no host.
    pub(super) fn over(self, before: Openings) -> ApiResult<Openings> {
        let networks = self.allow_networks.map(|networks| {
            each("allow_networks", &networks, |text| {
                text.parse().map(|network: IpNet| network.trunc()).map_err(|_| {
                    format!("{text:?} is no network; give one such as 10.1.0.0/16, or 192.0.2.7/32 for one address")
                })
            })
        });
        let hosts = self.allow_hosts.map(|hosts| {
            each("allow_hosts", &hosts, |text| {
                let pattern = HostPattern::from_str(text).map_err(|error| error.to_string())?;
                Ok(pattern.to_string())
            })
        });
        Ok(Openings {
            allow_networks: networks.transpose()?.unwrap_or(before.allow_networks),
            allow_hosts: hosts.transpose()?.unwrap_or(before.allow_hosts),
            allow_http: self.allow_http.unwrap_or(before.allow_http),
        })
    }
}

impl OpeningsView {
    /// The view of `openings`.
    pub(super) fn of(openings: &Openings) -> Self {
        let networks = openings.allow_networks.iter();
        Self {
            allow_networks: networks.map(ToString::to_string).collect(),
            allow_hosts: openings.allow_hosts.clone(),
            allow_http: openings.allow_http,
        }
    }
}

/// Each of the texts of `list` as what it stands for.
fn each<T>(
    list: &str,
    texts: &[String],
    read: impl Fn(&str) -> Result<T, String>,
) -> ApiResult<Vec<T>> {
    if texts.len() > MAX_OPENINGS {
        return Err(Problem::invalid(
            format!("/openings/{list}"),
            format!(
                "there are {}; at most {MAX_OPENINGS} are taken",
                texts.len()
            ),
        ));
    }
    let read = |(index, text): (usize, &String)| {
        read(text).map_err(|reason| Problem::invalid(format!("/openings/{list}/{index}"), reason))
    };
    texts.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(json: &str) -> OpeningsBody {
        serde_json::from_str(json).expect("a body")
    }

    #[test]
    fn what_is_left_out_stays_and_an_empty_list_closes() {
        let first = body(
            r#"{"allow_networks": ["10.1.2.3/16", "::1/128"], "allow_hosts": ["Hooks.Internal"]}"#,
        );
        let open = first.over(Openings::default()).expect("openings");
        let shown = OpeningsView::of(&open);
        assert_eq!(shown.allow_networks, ["10.1.0.0/16", "::1/128"]);
        assert_eq!(shown.allow_hosts, ["hooks.internal"]);
        let second = body(r#"{"allow_networks": [], "allow_http": true}"#);
        let open = second.over(open).expect("openings");
        assert!(open.allow_networks.is_empty() && open.allow_http);
        assert_eq!(open.allow_hosts, ["hooks.internal"]);
    }

    #[test]
    fn what_is_no_network_or_host_is_refused_with_its_place() {
        let many = vec!["10.0.0.0/8"; MAX_OPENINGS + 1];
        let many = serde_json::json!({ "allow_networks": many }).to_string();
        for (json, pointer) in [
            (
                r#"{"allow_networks": ["10.0.0.0/8", "10.0.0.1"]}"#,
                "/openings/allow_networks/1",
            ),
            (
                r#"{"allow_hosts": ["http://a"]}"#,
                "/openings/allow_hosts/0",
            ),
            (
                r#"{"allow_hosts": ["10.0.0.1"]}"#,
                "/openings/allow_hosts/0",
            ),
            (&many, "/openings/allow_networks"),
        ] {
            let refused = body(json).over(Openings::default()).expect_err(json);
            assert_eq!(refused.errors[0].pointer, pointer);
        }
    }
}
