//! Which dead letters a request means.

use std::num::NonZeroU32;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::problem::{ApiResult, Problem},
    domain::{
        attempt::ErrorKind,
        dead_letter::{Filter, MAX_NAMED, Selection},
        delivery::DeadReason,
        event::EventType,
        ids::{DeliveryId, EndpointId, ListenerId},
        job::MAX_RATE,
        time::Timestamp,
    },
};

/// Which dead letters are meant: `ids` alone, `all` alone, or what they have in common.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectionBody {
    /// These; at most 1,000.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    ids: Option<Vec<DeliveryId>>,
    /// All of the project; only `true` makes sense.
    #[serde(default)]
    all: Option<bool>,
    /// Those to this endpoint.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    endpoint: Option<EndpointId>,
    /// Those of this listener.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    listener: Option<ListenerId>,
    /// Those that were given up for this reason.
    #[serde(default)]
    reason: Option<DeadReason>,
    /// Those whose last attempt failed in this way.
    #[serde(default)]
    error_kind: Option<ErrorKind>,
    /// Those of events of this type.
    #[serde(default, rename = "type")]
    #[schema(value_type = Option<String>)]
    event_type: Option<EventType>,
    /// Deliveries that were made at this time or later.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Deliveries that were made before this time.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Only counts: nothing is done then.
    #[serde(default)]
    dry_run: bool,
    /// The most that are redriven in a second, from 1 to 10,000; as many as can be where it is left
    /// out. A discard has none.
    #[serde(default)]
    #[schema(value_type = Option<u32>, example = 50)]
    rate: Option<u32>,
}

/// What is asked to be done to dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) selection: Selection,
    pub(super) dry_run: bool,
    pub(super) rate: Option<NonZeroU32>,
}

impl TryFrom<SelectionBody> for Asked {
    type Error = Problem;

    fn try_from(body: SelectionBody) -> ApiResult<Self> {
        let (dry_run, rate) = (body.dry_run, checked_rate(body.rate)?);
        Ok(Self {
            selection: selection(body)?,
            dry_run,
            rate,
        })
    }
}

fn selection(body: SelectionBody) -> ApiResult<Selection> {
    let filter = Filter {
        endpoint: body.endpoint,
        listener: body.listener,
        reason: body.reason,
        error_kind: body.error_kind,
        event_type: body.event_type,
        since: body.since,
        until: body.until,
    };
    let is_narrow = filter != Filter::default();
    match (body.ids, body.all) {
        (_, Some(false)) => Err(Problem::invalid("/all", "say true, or leave it out")),
        (Some(ids), None) if !is_narrow => Ok(Selection::Ids(checked(ids)?)),
        (None, None) if is_narrow => Ok(Selection::Filter(filter)),
        (None, Some(true)) if !is_narrow => Ok(Selection::Filter(filter)),
        _ => Err(Problem::invalid(
            "",
            "say which dead letters are meant, in one way: {\"ids\": [\"dlv_…\"]}, {\"all\": true}, or \
             what they have in common: endpoint, listener, reason, error_kind, type, since, until",
        )),
    }
}

/// Each of `ids` once, in the order of their names.
fn checked(mut ids: Vec<DeliveryId>) -> ApiResult<Vec<DeliveryId>> {
    if ids.len() > MAX_NAMED {
        return Err(Problem::invalid(
            "/ids",
            format!("there are {}; at most {MAX_NAMED} can be named", ids.len()),
        ));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn checked_rate(rate: Option<u32>) -> ApiResult<Option<NonZeroU32>> {
    match rate {
        None => Ok(None),
        Some(rate) if (1..=MAX_RATE).contains(&rate) => Ok(NonZeroU32::new(rate)),
        Some(rate) => Err(Problem::invalid(
            "/rate",
            format!("{rate} is not from 1 to {MAX_RATE}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chance::Chance, ids::Ids};

    fn read(json: &str) -> ApiResult<Asked> {
        let body: SelectionBody = serde_json::from_str(json).expect("a body");
        Asked::try_from(body)
    }

    fn id<K: type_safe_id::StaticType>() -> type_safe_id::TypeSafeId<K> {
        Ids::new(Chance::seeded(1)).next(Timestamp::from_millis(5))
    }

    #[test]
    fn one_way_of_saying_which_is_understood() {
        let (one, endpoint) = (id(), id());
        let by_endpoint = Filter {
            endpoint: Some(endpoint),
            reason: Some(DeadReason::Gone),
            ..Filter::default()
        };
        for (json, selection) in [
            (
                format!(r#"{{"ids": ["{one}", "{one}"]}}"#),
                Selection::Ids(vec![one]),
            ),
            (r#"{"ids": []}"#.to_owned(), Selection::Ids(vec![])),
            (
                format!(r#"{{"endpoint": "{endpoint}", "reason": "gone"}}"#),
                Selection::Filter(by_endpoint),
            ),
            (
                r#"{"all": true}"#.to_owned(),
                Selection::Filter(Filter::default()),
            ),
        ] {
            let asked = read(&json).expect("a selection");
            assert_eq!((asked.selection, asked.dry_run), (selection, false));
        }
        let counted = read(r#"{"all": true, "dry_run": true, "rate": 7}"#).expect("a selection");
        assert_eq!((counted.dry_run, counted.rate), (true, NonZeroU32::new(7)));
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
            (format!(r#"{{"ids": ["{one}"], "reason": "gone"}}"#), ""),
            (r#"{"all": true, "rate": 0}"#.to_owned(), "/rate"),
            (r#"{"all": true, "rate": 10001}"#.to_owned(), "/rate"),
        ] {
            let problem = read(&json).expect_err(&json);
            assert_eq!(problem.errors[0].pointer, pointer, "{json}");
        }
    }

    #[test]
    fn a_bounded_number_can_be_named() {
        let ids = Ids::new(Chance::seeded(1));
        let many = (0..=MAX_NAMED).map(|_| ids.next(Timestamp::from_millis(5)));
        let mut many: Vec<DeliveryId> = many.collect();
        let problem = checked(many.clone()).expect_err("one too many");
        assert_eq!(problem.errors[0].pointer, "/ids");
        many.pop();
        assert_eq!(checked(many).map(|ids| ids.len()), Ok(MAX_NAMED));
    }
}
