//! Who asks: an operator, or a project by its key.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::{
    access::Access,
    problem::{ApiResult, Code, Problem},
    state::ApiState,
};
use crate::{
    domain::{
        api_key::ApiKey,
        ids::{KeyId, ProjectId, default_project},
        project::{Project, ProjectName},
        scope::Scopes,
        time::Timestamp,
    },
    store::{Store, StoreError, StoreResult},
};

/// How long the store is asked for who asks, and again for the project that is meant: where it stands
/// still, a client is told to come back before it has given up.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);

/// The header by which an operator names a project.
pub const PROJECT_HEADER: &str = "riposte-project";

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// An operator: everything is open.
    Operator,
    /// A project: what is its own is open.
    Project {
        /// The project.
        id: ProjectId,
        /// The key with which it asks.
        key: KeyId,
        /// When its key ends, if it does.
        until: Option<Timestamp>,
        /// What its key may do.
        scopes: Scopes,
    },
}

impl Caller {
    /// When the key ends with which is asked; none if it has no end.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Operator => None,
            Self::Project { until, .. } => until,
        }
    }

    /// What the key may do with which is asked.
    pub fn scopes(self) -> Scopes {
        match self {
            Self::Operator => Scopes::ALL,
            Self::Project { scopes, .. } => scopes,
        }
    }
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(*known);
        }
        let caller = Self::authenticate(&parts.headers, state).await?;
        if let Self::Project { scopes, .. } = caller {
            let access = parts.extensions.get().copied();
            access.unwrap_or(Access::Operators).check(scopes)?;
        }
        // What takes a request apart asks more than once who sent it.
        parts.extensions.insert(caller);
        Ok(caller)
    }
}

impl Caller {
    async fn authenticate(headers: &HeaderMap, state: &ApiState) -> ApiResult<Self> {
        // Whether a key is malformed, unknown, expired or revoked is nobody's business.
        let refused = || Problem::new(Code::Unauthorized, "the API key opens nothing");
        let key = ApiKey::parse(bearer(headers)?).map_err(|_| refused())?;
        if key.matches(&state.settings.operator_key.hash()) {
            return Ok(Self::Operator);
        }
        let record = match known(state, state.store.key(key.id())).await {
            Err(StoreError::NotFound(_)) => return Err(refused()),
            found => found?,
        };
        let now = state.clock.now();
        if !key.matches(&record.hash) || !record.is_live(now) {
            return Err(refused());
        }
        state.store.note_use(record.id, now);
        let own = record.project.map(|id| Self::Project {
            id,
            key: record.id,
            until: record.expires_at,
            scopes: record.scopes,
        });
        Ok(own.unwrap_or(Self::Operator))
    }
}

/// An operator; others are turned away.
#[derive(Debug, Clone, Copy)]
pub struct Operator;

impl FromRequestParts<ApiState> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        match Caller::from_request_parts(parts, state).await? {
            Caller::Operator => Ok(Self),
            Caller::Project { .. } => Err(Problem::new(
                Code::Forbidden,
                "this takes an operator's key",
            )),
        }
    }
}

/// The project that a request is about: that of the key, or the one that an operator names in
/// `Riposte-Project` (by name or id); where an operator names none, it is `default`.
#[derive(Debug, Clone)]
pub struct InProject {
    /// The project.
    pub project: Project,
    /// Who asks.
    pub caller: Caller,
}

impl FromRequestParts<ApiState> for InProject {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let named = named_project(&parts.headers)?;
        let named = named.unwrap_or(Named::Id(match caller {
            Caller::Project { id, .. } => id,
            Caller::Operator => default_project(),
        }));
        let project = known(state, named.find(&state.store)).await;
        let project = project.map_err(|error| match error {
            StoreError::NotFound(_) => Problem::not_found("project"),
            error => error.into(),
        })?;
        match caller {
            Caller::Project { id, .. } if id != project.id => Err(Problem::not_found("project")),
            // Of one that is being removed nothing is seen or changed any more.
            _ if project.removal.is_some() => Err(Problem::not_found("project")),
            _ => Ok(Self { project, caller }),
        }
    }
}

/// What stands in `Riposte-Project`.
enum Named {
    Id(ProjectId),
    Name(ProjectName),
}

impl Named {
    async fn find(&self, store: &Store) -> StoreResult<Project> {
        match self {
            Self::Id(id) => store.project(*id).await,
            Self::Name(name) => store.project_named(name).await,
        }
    }
}

/// What the store says, if it does so in time.
async fn known<T>(state: &ApiState, asked: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    let said = state.clock.timeout(KNOWN_WITHIN, asked).await;
    said.unwrap_or_else(|| Err(StoreError::late()))
}

fn named_project(headers: &HeaderMap) -> ApiResult<Option<Named>> {
    let Some(value) = headers.get(PROJECT_HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    if let Ok(id) = text.parse() {
        return Ok(Some(Named::Id(id)));
    }
    match ProjectName::parse(text) {
        Ok(name) => Ok(Some(Named::Name(name))),
        Err(error) => Err(Problem::new(
            Code::BadParameter,
            format!("Riposte-Project: {error}"),
        )),
    }
}

fn bearer(headers: &HeaderMap) -> ApiResult<&str> {
    let missing = || {
        Problem::new(
            Code::Unauthorized,
            "send an API key in a header: Authorization: Bearer rp_…",
        )
    };
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, key) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(missing)?;
    match scheme.eq_ignore_ascii_case("bearer") {
        true => Ok(key.trim()),
        false => Err(missing()),
    }
}
