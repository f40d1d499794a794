//! `/v1/dead-letters/groups`: what was given up, by endpoint and cause.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        auth::InProject,
        extract::Parameters,
        page::{self, parameter},
        problem::ApiResult,
        refusals::BadParameter,
        state::ApiState,
    },
    domain::{
        any_id::AnyId,
        attempt::ErrorKind,
        delivery::DeadReason,
        endpoint::{Endpoint, EndpointState},
        ids::{DeliveryId, EndpointId, ProjectId},
        names::named,
        time::Timestamp,
    },
    store::{StoreError, dead_letters::DeadGroup},
};

/// How many of each group are named.
const SAMPLES: usize = 5;

named! {
    /// What dead letters of a group have in common.
    pub enum GroupBy {
        /// The endpoint and the cause.
        Endpoint = "endpoint",
        /// The cause, whatever the endpoint: does the same fail elsewhere?
        Cause = "cause",
    }
}

/// Which groups to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GroupParameters {
    /// `endpoint` (and cause), or `cause` alone, over all endpoints; `endpoint` where it is left out.
    #[param(example = "cause")]
    by: Option<String>,
    /// Only those to this endpoint.
    #[param(example = "end_01h455vb4pex5vsknk084sn02q")]
    endpoint: Option<String>,
    /// How many groups, from 1 to 250; 50 where it is left out.
    limit: Option<u32>,
}

/// What dead letters have in common, as `redrive` and `discard` take it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroupSelection {
    /// The endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "end_01h455vb4pex5vsknk084sn02q")]
    endpoint: Option<EndpointId>,
    /// The reason.
    reason: DeadReason,
    /// The kind of error.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_kind: Option<ErrorKind>,
}

/// Dead letters that have their cause in common.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeadLetterGroup {
    /// Where they go; null for events that could not be emitted, and where the groups are by cause.
    endpoint: Option<GroupEndpoint>,
    /// To how many endpoints they go.
    #[schema(example = 1)]
    endpoints: usize,
    /// Why they were given up.
    reason: DeadReason,
    /// How their last attempts failed; null where that is not the cause.
    error_kind: Option<ErrorKind>,
    /// The cause in a sentence.
    #[schema(
        example = "Nothing listens at the address and port. The retry policy asks for no further attempt."
    )]
    cause: String,
    /// What can be done about it; docs/errors.md says more.
    #[schema(example = "Start the server, or correct the port in the URL.")]
    advice: String,
    /// How many there are.
    #[schema(example = 312)]
    count: u64,
    /// Whether all of them are counted.
    exact: bool,
    /// When the first of them was made.
    #[schema(value_type = String, format = DateTime)]
    first_at: Timestamp,
    /// When the last of them was made.
    #[schema(value_type = String, format = DateTime)]
    last_at: Timestamp,
    /// Some of them, the newest first.
    #[schema(value_type = Vec<String>, example = json!(["dlv_01h455vb4pex5vsknk084sn02q"]))]
    samples: Vec<DeliveryId>,
    /// What means these and no others: the body for `/v1/dead-letters/redrive` and `discard`. Null
    /// where nothing does.
    selection: Option<GroupSelection>,
}

/// Where the dead letters of a group go.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroupEndpoint {
    /// The endpoint.
    #[schema(value_type = String, example = "end_01h455vb4pex5vsknk084sn02q")]
    id: EndpointId,
    /// What users call it.
    #[schema(example = "CI")]
    name: Option<String>,
    /// The host of its URL.
    #[schema(example = "ci.example.com")]
    host: Option<String>,
    /// Its state; null if it is deleted.
    state: Option<EndpointState>,
}

/// Dead letters by their causes.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeadLetterGroups {
    /// The groups, the largest first.
    data: Vec<DeadLetterGroup>,
    /// Whether these are all, and all dead letters are counted. A project may have so many that an
    /// answer does not look at each.
    exact: bool,
}

/// Group dead letters by endpoint and cause.
///
/// The largest groups come first, with a sentence about the cause, what can be done about it, and the
/// body that redrives or discards exactly that group. By `cause` alone it says whether the same fails
/// elsewhere.
#[utoipa::path(get, path = "/v1/dead-letters/groups", tag = "dead letters", params(GroupParameters),
    responses(
        (status = 200, description = "The groups.", body = DeadLetterGroups),
        BadParameter))]
pub(super) async fn groups(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<GroupParameters>,
) -> ApiResult<Json<DeadLetterGroups>> {
    let by = parameter("by", asked.by.as_deref())?.unwrap_or(GroupBy::Endpoint);
    let endpoint = parameter("endpoint", asked.endpoint.as_deref())?;
    let limit = page::limit(asked.limit)? as usize;
    let found = state.store.dead_letter_groups(project.id, endpoint).await?;
    let mut exact = found.is_complete && found.groups.iter().all(|group| group.is_exact);
    let mut merged: Vec<_> = merge(found.groups, by).into_iter().collect();
    merged.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
    exact &= merged.len() <= limit;
    merged.truncate(limit);
    let mut data = Vec::with_capacity(merged.len());
    for (key, group) in merged {
        let named = match key.endpoint {
            Some(endpoint) if by == GroupBy::Endpoint => {
                named_endpoint(&state, project.id, endpoint).await?
            }
            _ => None,
        };
        data.push(group.view(key, named, endpoint));
    }
    Ok(Json(DeadLetterGroups { data, exact }))
}

/// What the dead letters of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    endpoint: Option<EndpointId>,
    reason: DeadReason,
    error_kind: Option<ErrorKind>,
}

/// A group that is being put together.
#[derive(Debug)]
struct Group {
    endpoints: usize,
    count: u64,
    is_exact: bool,
    first: DeliveryId,
    last: Vec<DeliveryId>,
}

/// Puts those together that have their cause in common: where no attempt is the cause, it does not
/// matter how one failed before.
fn merge(found: Vec<DeadGroup>, by: GroupBy) -> BTreeMap<Key, Group> {
    let mut merged = BTreeMap::<Key, Group>::new();
    let mut endpoints = BTreeMap::new();
    for one in found {
        let key = Key {
            endpoint: one.endpoint.filter(|_| by == GroupBy::Endpoint),
            reason: one.reason,
            error_kind: one.error_kind.filter(|_| is_of_attempts(one.reason)),
        };
        let is_new_endpoint =
            one.endpoint.is_some() && endpoints.insert(key, one.endpoint) != Some(one.endpoint);
        let group = merged.entry(key).or_insert(Group {
            endpoints: 0,
            count: 0,
            is_exact: true,
            first: one.first,
            last: Vec::new(),
        });
        group.endpoints += usize::from(is_new_endpoint);
        group.count += one.count;
        group.is_exact &= one.is_exact;
        group.first = group.first.min(one.first);
        group.last.extend(one.last);
        group.last.sort_unstable_by(|a, b| b.cmp(a));
        group.last.truncate(SAMPLES);
    }
    merged
}

/// Whether a delivery is given up for this reason because of how its attempts failed.
fn is_of_attempts(reason: DeadReason) -> bool {
    match reason {
        DeadReason::AttemptsExhausted
        | DeadReason::DeadlineExceeded
        | DeadReason::FinalStatus
        | DeadReason::Gone => true,
        DeadReason::EndpointDisabled | DeadReason::EmitFailed | DeadReason::EventGone => false,
    }
}

impl Group {
    /// What is shown of it; `only` is the endpoint that was asked for.
    fn view(
        self,
        key: Key,
        endpoint: Option<GroupEndpoint>,
        only: Option<EndpointId>,
    ) -> DeadLetterGroup {
        let Key {
            reason, error_kind, ..
        } = key;
        let selection = GroupSelection {
            endpoint: key.endpoint.or(only),
            reason,
            error_kind,
        };
        let (cause, advice) = match error_kind {
            Some(kind) => (
                format!("{} {}", kind.explanation(), reason.explanation()),
                kind.advice(),
            ),
            None => (reason.explanation().to_owned(), reason.advice()),
        };
        let newest = self.last.first().copied().unwrap_or(self.first);
        DeadLetterGroup {
            endpoint,
            endpoints: self.endpoints,
            reason,
            error_kind,
            cause,
            advice: advice.to_owned(),
            count: self.count,
            exact: self.is_exact,
            first_at: AnyId::Delivery(self.first).made_at(),
            last_at: AnyId::Delivery(newest).made_at(),
            samples: self.last,
            // Without a kind of error it would mean those with any.
            selection: (error_kind.is_some() || !is_of_attempts(reason)).then_some(selection),
        }
    }
}

async fn named_endpoint(
    state: &ApiState,
    project: ProjectId,
    id: EndpointId,
) -> ApiResult<Option<GroupEndpoint>> {
    let found = state.store.endpoint_ever(project, id).await;
    Ok(Some(match found {
        Ok(Endpoint {
            config, deleted_at, ..
        }) => GroupEndpoint {
            id,
            name: config.name,
            host: config.url.host_str().map(str::to_owned),
            state: deleted_at.is_none().then_some(config.state),
        },
        Err(StoreError::NotFound(_)) => GroupEndpoint {
            id,
            name: None,
            host: None,
            state: None,
        },
        Err(error) => return Err(error.into()),
    }))
}
