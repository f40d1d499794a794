//! Which dead letters a request means.

use std::collections::HashSet;

use serde::Deserialize;
use utoipa::ToSchema;

use super::bulk::MAX_PER_REQUEST;
use crate::{
    api::problem::Problem,
    domain::ids::{DeliveryId, EndpointId},
};

/// Which dead letters are meant: exactly one of `ids`, `endpoint` and `all`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectionBody {
    /// These; at most 10,000.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    ids: Option<Vec<DeliveryId>>,
    /// Those to this endpoint.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    endpoint: Option<EndpointId>,
    /// All of the project; only `true` makes sense.
    #[serde(default)]
    all: Option<bool>,
    /// Only counts: nothing is done then, and all that is meant remains.
    #[serde(default)]
    dry_run: bool,
    /// The `next` of the request before, to go on where it ended; not with `ids`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    cursor: Option<DeliveryId>,
}

/// Which dead letters are meant, and whether they are only counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) which: Which,
    pub(super) dry_run: bool,
}

/// Which dead letters are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    /// These, each once.
    Ids(Vec<DeliveryId>),
    /// Those to an endpoint, or all, from after a place on.
    From {
        endpoint: Option<EndpointId>,
        after: Option<DeliveryId>,
    },
}

impl TryFrom<SelectionBody> for Selection {
    type Error = Problem;

    fn try_from(body: SelectionBody) -> Result<Self, Problem> {
        let SelectionBody {
            ids,
            endpoint,
            all,
            dry_run,
            cursor: after,
        } = body;
        let which = match (ids, endpoint, all) {
            (_, _, Some(false)) => {
                return Err(Problem::invalid("/all", "say true, or leave it out"));
            }
            (Some(_), None, None) if after.is_some() => {
                return Err(Problem::invalid(
                    "/cursor",
                    "where ids are given there is nothing to go on with",
                ));
            }
            (Some(ids), None, None) => Which::Ids(checked(ids)?),
            (None, Some(endpoint), None) => Which::From {
                endpoint: Some(endpoint),
                after,
            },
            (None, None, Some(true)) => Which::From {
                endpoint: None,
                after,
            },
            _ => {
                return Err(Problem::invalid(
                    "",
                    "say which dead letters are meant, in one way: \
                     {\"ids\": [\"dlv_…\"]}, {\"endpoint\": \"end_…\"} or {\"all\": true}",
                ));
            }
        };
        Ok(Self { which, dry_run })
    }
}

/// Each of `ids` once, in their order.
fn checked(mut ids: Vec<DeliveryId>) -> Result<Vec<DeliveryId>, Problem> {
    if ids.len() > MAX_PER_REQUEST {
        return Err(Problem::invalid(
            "/ids",
            format!(
                "there are {}; a request takes at most {MAX_PER_REQUEST}",
                ids.len()
            ),
        ));
    }
    let mut seen = HashSet::with_capacity(ids.len());
    ids.retain(|id| seen.insert(*id));
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chance::Chance, ids::Ids, time::Timestamp};

    fn read(json: &str) -> Result<Selection, Problem> {
        let body: SelectionBody = serde_json::from_str(json).expect("a body");
        Selection::try_from(body)
    }

    fn id<K: type_safe_id::StaticType>() -> type_safe_id::TypeSafeId<K> {
        Ids::new(Chance::seeded(1)).next(Timestamp::from_millis(5))
    }

    #[test]
    fn one_way_of_saying_which_is_understood() {
        let (one, endpoint) = (id(), id());
        let from = |endpoint, after| Which::From { endpoint, after };
        for (json, which) in [
            (
                format!(r#"{{"ids": ["{one}", "{one}"]}}"#),
                Which::Ids(vec![one]),
            ),
            (r#"{"ids": []}"#.to_owned(), Which::Ids(vec![])),
            (
                format!(r#"{{"endpoint": "{endpoint}"}}"#),
                from(Some(endpoint), None),
            ),
            (
                format!(r#"{{"all": true, "cursor": "{one}"}}"#),
                from(None, Some(one)),
            ),
        ] {
            let selection = read(&json).expect("a selection");
            assert_eq!((selection.which, selection.dry_run), (which, false));
        }
        assert!(read(r#"{"all": true, "dry_run": true}"#).is_ok_and(|read| read.dry_run));
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        let (one, endpoint): (DeliveryId, EndpointId) = (id(), id());
        for (json, pointer) in [
            ("{}".to_owned(), ""),
            (r#"{"dry_run": true}"#.to_owned(), ""),
            (r#"{"all": false}"#.to_owned(), "/all"),
            (format!(r#"{{"all": true, "endpoint": "{endpoint}"}}"#), ""),
            (format!(r#"{{"all": true, "ids": ["{one}"]}}"#), ""),
            (
                format!(r#"{{"ids": ["{one}"], "cursor": "{one}"}}"#),
                "/cursor",
            ),
        ] {
            let problem = read(&json).expect_err(&json);
            assert_eq!(problem.errors[0].pointer, pointer, "{json}");
        }
    }

    #[test]
    fn a_request_names_a_bounded_number() {
        let ids = Ids::new(Chance::seeded(1));
        let many = (0..=MAX_PER_REQUEST).map(|_| ids.next(Timestamp::from_millis(5)));
        let mut many: Vec<DeliveryId> = many.collect();
        let problem = checked(many.clone()).expect_err("one too many");
        assert_eq!(problem.errors[0].pointer, "/ids");
        many.pop();
        assert_eq!(checked(many).map(|ids| ids.len()), Ok(MAX_PER_REQUEST));
    }
}
