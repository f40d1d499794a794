//! `/v1/audit`: what was changed, by whom, and how it was before.

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    access::{Scope, needs},
    auth::{Caller, InProject},
    extract::Parameters,
    page::{Page, list_parameters, parameter},
    problem::{ApiResult, Code, Problem},
    refusals::{BadParameter, Forbidden},
    state::ApiState,
};
use crate::{
    domain::{
        audit::{Action, Actor, ObjectKind, Realm},
        ids::AuditId,
        names::named,
        time::Timestamp,
    },
    store::audit::{AuditFilter, AuditRecord},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs([Scope::Admin], routes!(list)))
}

list_parameters! {
    /// Which entries to list.
    struct ListParameters {
        /// Whose: `project` for the project's own, which is meant where this is left out, or
        /// `gateway` for what concerns the gateway as a whole, projects among it. That one is for
        /// operators.
        #[param(example = "project")]
        log: Option<String>,
        /// Only those about this thing: its id.
        #[param(example = "end_01h455vb4pex5vsknk084sn02q")]
        object: Option<String>,
        /// Only those about things of this kind: `endpoint`, `listener`, `key`, …
        #[param(example = "endpoint")]
        kind: Option<String>,
        /// Only those of this action: `endpoint.created`, `key.revoked`, …
        #[param(example = "endpoint.changed")]
        action: Option<String>,
        /// Only what was done by this API key, by an `operator`, or by the `gateway` itself.
        #[param(example = "key_01h455vb4pex5vsknk084sn02q")]
        actor: Option<String>,
    }
}

named! {
    /// Whose log is meant.
    pub enum AuditLog {
        /// The project's.
        Project = "project",
        /// The gateway's.
        Gateway = "gateway",
    }
}

/// A change: who did what, when, and how the thing was before and after it.
#[derive(Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its name.
    #[schema(value_type = String, example = "aud_01h455vb4pex5vsknk084sn02q")]
    id: AuditId,
    /// When it was done.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What was done.
    action: Action,
    /// What it was done to.
    object: AuditObject,
    /// Who did it.
    actor: AuditActor,
    /// The fields that the change made different; empty where the thing was made or is gone.
    changes: Vec<String>,
    /// The document before, without secrets; null where there was none.
    #[schema(value_type = Option<Object>)]
    before: Option<Box<RawValue>>,
    /// The document since, without secrets; null where there is none.
    #[schema(value_type = Option<Object>)]
    after: Option<Box<RawValue>>,
}

/// What was changed.
#[derive(Serialize, ToSchema)]
pub struct AuditObject {
    /// Its kind.
    kind: ObjectKind,
    /// Its id.
    #[schema(example = "end_01h455vb4pex5vsknk084sn02q")]
    id: String,
}

/// Who changed something.
#[derive(Serialize, ToSchema)]
pub struct AuditActor {
    /// Whether it was an operator, somebody with an API key, or the gateway by itself.
    kind: ActorKind,
    /// The API key, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "key_01h455vb4pex5vsknk084sn02q")]
    id: Option<String>,
    /// What the API key was called then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "CI of the web team")]
    name: Option<String>,
    /// The address from which the request came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// Why the gateway did it by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The receiver answered 410. (att_01h455vb4pex5vsknk084sn02q)")]
    why: Option<String>,
}

named! {
    /// Who may change something.
    pub enum ActorKind {
        /// An operator.
        Operator = "operator",
        /// Whoever has an API key.
        Key = "key",
        /// The gateway by itself.
        Gateway = "gateway",
    }
}

/// List what was changed, the newest first.
///
/// Every change of what users set up has an entry, which is written together with it and never
/// changes. What is secret is left out: keys, signing secrets, values of sensitive headers.
#[utoipa::path(get, path = "/v1/audit", tag = "administration", params(ListParameters),
    responses(
        (status = 200, description = "A page of entries.", body = Page<AuditEntry>),
        Forbidden, BadParameter))]
async fn list(
    State(state): State<ApiState>,
    asker: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<AuditEntry>>> {
    let window = asked.window()?;
    let realm = realm(&asker, parameter("log", asked.log.as_deref())?)?;
    let filter = AuditFilter {
        object: asked.object,
        kind: parameter("kind", asked.kind.as_deref())?,
        action: parameter("action", asked.action.as_deref())?,
        actor: parameter("actor", asked.actor.as_deref())?,
    };
    let entries = state.store.audit(realm, &filter, &window).await?;
    Ok(Json(Page::of(&window, entries, AuditEntry::of)))
}

/// The log that is asked for.
fn realm(asker: &InProject, asked: Option<AuditLog>) -> ApiResult<Realm> {
    match (asked, asker.caller) {
        (None | Some(AuditLog::Project), _) => Ok(Realm::Project(asker.project.id)),
        (Some(AuditLog::Gateway), Caller::Operator) => Ok(Realm::Gateway),
        (Some(AuditLog::Gateway), Caller::Project { .. }) => Err(Problem::new(
            Code::Forbidden,
            "the log of the gateway takes an operator's key",
        )),
    }
}

impl AuditEntry {
    fn of(record: AuditRecord) -> Self {
        Self {
            actor: AuditActor::of(&record),
            id: record.id,
            at: record.at,
            action: record.action,
            object: AuditObject {
                kind: record.object_kind,
                id: record.object,
            },
            changes: record.fields,
            before: record.before,
            after: record.after,
        }
    }
}

impl AuditActor {
    fn of(record: &AuditRecord) -> Self {
        let (kind, id) = match record.actor {
            Actor::Operator => (ActorKind::Operator, None),
            Actor::Gateway => (ActorKind::Gateway, None),
            Actor::Key(id) => (ActorKind::Key, Some(id.to_string())),
        };
        Self {
            kind,
            id,
            name: record.actor_name.clone(),
            address: record.address.clone(),
            why: record.why.clone(),
        }
    }
}
