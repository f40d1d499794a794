//! Requests that change something: who asks, under which conditions, and what for. What all of them
//! have in common is taken out of the request here, and goes to the store as one [`Change`].

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{
    answer::Answer,
    auth::{Caller, InProject, Operator},
    extract::{Body, RawBody, read},
    problem::{ApiResult, Code, Problem},
    state::ApiState,
    tag,
};
use crate::{
    domain::{
        audit::{Actor, Realm},
        idempotency::IdempotencyKey,
    },
    engine::AcceptError,
    store::{
        StoreError,
        change::Change,
        idempotency::{Answered, Idempotency},
    },
};

/// The header by which a client marks a request, so that it is carried out once.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request that changes something. It is the last thing that a handler takes, since it has the
/// body.
///
/// A repeat of a request that was carried out does not come to the handler: it is answered as the
/// first one was.
#[derive(Debug)]
pub struct Write<T, W = InProject> {
    /// Who asks.
    pub by: W,
    /// Under which circumstances.
    pub change: Change,
    /// What for.
    pub body: T,
}

/// Why a handler ended before it had changed anything.
#[derive(Debug)]
pub enum Ended {
    /// The request is refused.
    Refused(Problem),
    /// The request was carried out before, and this was its answer.
    Repeated(Box<Answer>),
}

/// What handlers give that change something.
pub type WriteResult<T> = Result<T, Ended>;

/// Whoever may change something.
pub trait Writer: FromRequestParts<ApiState, Rejection = Problem> + Send {
    /// Where their idempotency keys hold.
    fn realm(&self) -> Realm;

    /// Who they are.
    fn actor(&self) -> Actor;
}

/// What a body is read as.
pub trait Content: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// The first place that is wrong.
    fn read(bytes: Bytes) -> ApiResult<Self>;
}

impl Writer for InProject {
    fn realm(&self) -> Realm {
        Realm::Project(self.project.id)
    }

    fn actor(&self) -> Actor {
        self.caller.actor()
    }
}

impl Writer for Operator {
    fn realm(&self) -> Realm {
        Realm::Gateway
    }

    fn actor(&self) -> Actor {
        Actor::Operator
    }
}

impl Caller {
    /// Who asks, as the audit log has it.
    pub fn actor(self) -> Actor {
        match self {
            Self::Operator => Actor::Operator,
            Self::Project { key, .. } => Actor::Key(key),
        }
    }
}

impl<T: DeserializeOwned> Content for Body<T> {
    fn read(bytes: Bytes) -> ApiResult<Self> {
        read(&bytes).map(Self)
    }
}

impl Content for RawBody {
    fn read(bytes: Bytes) -> ApiResult<Self> {
        Ok(Self(bytes))
    }
}

/// Nothing is said in the body.
impl Content for () {
    fn read(_: Bytes) -> ApiResult<Self> {
        Ok(())
    }
}

impl<T: Content, W: Writer> FromRequest<ApiState> for Write<T, W> {
    type Rejection = Ended;

    async fn from_request(request: Request, state: &ApiState) -> WriteResult<Self> {
        let (mut parts, body) = request.into_parts();
        let by = W::from_request_parts(&mut parts, state).await?;
        let key = idempotency_key(&parts.headers)?;
        let mut change = Change {
            by: by.actor(),
            address: peer(&parts),
            now: state.clock.now(),
            if_match: tag::if_match(&parts.headers)?,
            idempotency: None,
        };
        let mut hash = hash_of(&parts);
        let RawBody(bytes) = RawBody::from_request(Request::from_parts(parts, body), state).await?;
        if let Some(key) = key {
            hash.update(&bytes);
            let idempotency = Idempotency {
                realm: by.realm(),
                caller: change.by,
                key,
                request: hash.finalize().into(),
                since: change.now.minus(state.settings.idempotency_window),
            };
            if let Some(answered) = state.store.answered(&idempotency).await? {
                return Err(StoreError::Repeated(answered).into());
            }
            change.idempotency = Some(idempotency);
        }
        let body = T::read(bytes)?;
        Ok(Self { by, change, body })
    }
}

/// The key with which a request is marked, if it is.
///
/// # Errors
/// If the header holds no key.
pub fn idempotency_key(headers: &HeaderMap) -> ApiResult<Option<IdempotencyKey>> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(bad_key("there are several; a request has one")),
        (Some(value), None) => match IdempotencyKey::parse(value.as_bytes()) {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(bad_key(&error.to_string())),
        },
    }
}

fn bad_key(why: &str) -> Problem {
    Problem::new(Code::BadParameter, format!("Idempotency-Key: {why}"))
}

/// Begins the hash of what is asked for: method and path. The body follows.
fn hash_of(parts: &Parts) -> Sha256 {
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let mut hash = Sha256::new();
    for part in [parts.method.as_str(), target] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash
}

/// Who is at the other end of the connection.
fn peer(parts: &Parts) -> Option<std::net::IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(address)| address.ip().to_canonical())
}

impl From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<AcceptError> for Ended {
    fn from(error: AcceptError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        let StoreError::Repeated(answered) = error else {
            return Self::Refused(error.into());
        };
        match Answered::read::<Answer>(&answered) {
            Ok(answer) => Self::Repeated(Box::new(answer.replayed())),
            Err(error) => Self::Refused(error.into()),
        }
    }
}

impl IntoResponse for Ended {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(problem) => problem.into_response(),
            Self::Repeated(answer) => answer.into_response(),
        }
    }
}
