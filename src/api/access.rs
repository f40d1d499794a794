//! What a route takes: each says where it is registered which scopes of a key open it, or that it is
//! for operators alone.
//!
//! That is written into the OpenAPI document and into each request that comes to the route, where
//! [`Caller`](super::auth::Caller) compares it with the key. A route that says nothing is open to
//! operators alone.

use axum::extract::Extension;
use utoipa::openapi::{path::Operation, security::SecurityRequirement};
use utoipa_axum::router::{UtoipaMethodRouter, UtoipaMethodRouterExt as _};

use super::{
    openapi::{KEY, of_path},
    problem::{ApiResult, Code, Problem},
    state::ApiState,
};
pub use crate::domain::scope::Scope;
use crate::domain::scope::Scopes;

/// The name that stands in the OpenAPI document where a scope would, for what is for operators.
const OPERATOR: &str = "operator";

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever has a key with these scopes, and operators.
    Scopes(Scopes),
    /// Operators alone.
    Operators,
}

/// Lets keys that have `scopes` call `routes`.
pub fn needs<const N: usize>(
    scopes: [Scope; N],
    routes: UtoipaMethodRouter<ApiState>,
) -> UtoipaMethodRouter<ApiState> {
    Access::Scopes(scopes.into_iter().collect()).guard(routes)
}

/// Lets operators alone call `routes`.
pub fn needs_operator(routes: UtoipaMethodRouter<ApiState>) -> UtoipaMethodRouter<ApiState> {
    Access::Operators.guard(routes)
}

impl Access {
    fn guard(self, routes: UtoipaMethodRouter<ApiState>) -> UtoipaMethodRouter<ApiState> {
        let (schemas, mut paths, router) = routes.layer(Extension(self));
        for item in paths.paths.values_mut() {
            for operation in of_path(item).into_iter().flatten() {
                self.describe(operation);
            }
        }
        (schemas, paths, router)
    }

    fn describe(self, operation: &mut Operation) {
        let names: Vec<_> = match self {
            Self::Scopes(scopes) => scopes.iter().map(Scope::as_str).collect(),
            Self::Operators => vec![OPERATOR],
        };
        operation.security = Some(vec![SecurityRequirement::new(KEY, names)]);
    }

    /// Lets a project's key in that has `scopes`.
    ///
    /// # Errors
    /// [`Code::Forbidden`] with what is missing.
    pub fn check(self, scopes: Scopes) -> ApiResult<()> {
        let missing = match self {
            Self::Operators => {
                return Err(Problem::new(
                    Code::Forbidden,
                    "this takes an operator's key",
                ));
            }
            Self::Scopes(needed) => scopes.missing(needed),
        };
        match missing.iter().next() {
            None => Ok(()),
            Some(scope) => Err(lacks(scope)),
        }
    }
}

/// The refusal of a key that has not `scope`.
pub fn lacks(scope: Scope) -> Problem {
    Problem::new(
        Code::Forbidden,
        format!("this takes a key with the scope {scope}"),
    )
}
