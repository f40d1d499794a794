//! What can go wrong in the store.

use super::{idempotency::Answered, migrations::Unfit};
use crate::domain::{
    endpoint::MAX_LIVE_SECRETS,
    quota::Exceeded,
    scope::Scope,
    seal::{SealError, SealingKeyId},
};

/// What a step of the store gives.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why a step of the store was not taken. None of it is durable then, but for what is
/// [in doubt](StoreError::InDoubt).
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened as the configuration says.
    #[error("cannot open the database: {0}")]
    Open(String),
    /// This program cannot work with the schema of the database.
    #[error("the schema of the database does not fit: {0}")]
    Schema(Unfit),
    /// The secrets in the database are sealed with another key.
    #[error(
        "the secrets in the database are sealed with the key {sealed}, and secrets_key is {given}: all \
         nodes need the one that they were sealed with, also after a copy from another database"
    )]
    OtherKey {
        /// The key that they are sealed with.
        sealed: String,
        /// The key at hand.
        given: SealingKeyId,
    },
    /// Another process has the database.
    #[error(
        "the database {0} is in use by another process; stop that one, or name another database"
    )]
    InUse(String),
    /// The database does not answer now; the same step may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(sqlx::Error),
    /// The connection broke while the step was made durable: it may have been taken, and nobody can
    /// say. It may be taken again, as it would be by a client that got no answer.
    #[error("the database did not say whether it was done: {0}")]
    InDoubt(sqlx::Error),
    /// Another node wrote what this step would write, between two statements of it: from the beginning
    /// it goes another way.
    #[error("another node was faster")]
    Overtaken,
    /// The database refuses what the step would write; it will refuse it again.
    #[error("the database refuses the write: {0}")]
    Refused(sqlx::Error),
    /// A row holds what this program does not write.
    #[error("the database holds {value:?} as {column}, which cannot be read")]
    Unreadable {
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// A secret cannot be sealed, or opened with the keys at hand.
    #[error("the secret {row} cannot be sealed or opened: {reason}")]
    Sealed {
        /// The row that it belongs to.
        row: String,
        /// Why not.
        reason: SealError,
    },
    /// What should be changed is not there, or belongs to another project.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What was asked for is done by other means where the database is PostgreSQL.
    #[error("{0}")]
    SqliteOnly(&'static str),
    /// It is there already.
    #[error("there is such a {0} already")]
    Exists(&'static str),
    /// A reaction names an endpoint that the project does not have.
    #[error("reaction {0} names an endpoint that does not exist")]
    UnknownEndpoint(usize),
    /// An endpoint has as many secrets that sign as it may have.
    #[error("the endpoint has {MAX_LIVE_SECRETS} secrets that sign, which is the most")]
    TooManySecrets,
    /// It is not of a version that the change is meant for.
    #[error("it is not of the version that the change is meant for")]
    PreconditionFailed,
    /// The same request was carried out before, under its idempotency key.
    #[error("the request was carried out before")]
    Repeated(Answered),
    /// Another request was carried out before, under the same idempotency key.
    #[error("another request was carried out under this idempotency key")]
    KeyReused,
    /// There are as many as there may be.
    #[error("the project has {1} {0}, which is the most")]
    Full(&'static str, u32),
    /// A key cannot get a successor.
    #[error("the key cannot be rotated: {0}")]
    Unrotatable(&'static str),
    /// A key would get more scopes than the key has that makes it.
    #[error("the key that makes it has not {0} itself")]
    BeyondScopes(Scope),
    /// The project has as much as it may have.
    #[error("{0}")]
    OverQuota(Exceeded),
}

impl StoreError {
    pub(super) fn sealed(row: &str, reason: SealError) -> Self {
        Self::Sealed {
            row: row.to_owned(),
            reason,
        }
    }

    /// What a step comes to that was not waited for any longer.
    pub fn late() -> Self {
        let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "it did not answer in time");
        Self::Unavailable(sqlx::Error::Io(late))
    }

    /// A step that could not be taken now, for this reason.
    pub(crate) fn unavailable(why: &'static str) -> Self {
        Self::Unavailable(std::io::Error::other(why).into())
    }

    /// Whether the same step may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::InDoubt(_))
    }

    /// Why a step was not made durable on PostgreSQL, or may not have been.
    pub(super) fn of_commit(error: sqlx::Error) -> Self {
        match &error {
            // The database itself says that it has given the step up.
            sqlx::Error::Database(database) if is_given_up(database.code().as_deref()) => {
                error.into()
            }
            _ => Self::InDoubt(error),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let is_transient = match &error {
            sqlx::Error::Database(database) => !is_refusal(database.code().as_deref()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            _ => false,
        };
        match is_transient {
            true => Self::Unavailable(error),
            false => Self::Refused(error),
        }
    }
}

/// Whether a code of PostgreSQL says that a transaction was rolled back: in the classes for failed
/// transactions and for constraints, which may be looked at in the end.
fn is_given_up(code: Option<&str>) -> bool {
    code.is_some_and(|code| matches!(&code[..2], "23" | "40"))
}

/// Whether a code says that the statement, not the moment, is at fault. PostgreSQL's have five
/// characters, SQLite's are numbers of up to four digits.
fn is_refusal(code: Option<&str>) -> bool {
    match code {
        Some(state) if state.len() == 5 => is_refusal_of_postgres(&state[..2]),
        Some(number) => number.parse().is_ok_and(is_refusal_of_sqlite),
        None => false,
    }
}

/// ERROR, TOOBIG, CONSTRAINT, MISMATCH and RANGE (<https://www.sqlite.org/rescode.html>).
fn is_refusal_of_sqlite(code: u32) -> bool {
    matches!(code & 0xff, 1 | 18 | 19 | 20 | 25)
}

/// The classes of codes for cardinality, data, constraints, syntax, checked views and limits
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>). All others pass: deadlocks,
/// servers that start, end or are out of something, roles and databases that are made anew, and plans
/// that a migration has outdated.
fn is_refusal_of_postgres(class: &str) -> bool {
    matches!(class, "21" | "22" | "23" | "42" | "44" | "54")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_told_from_what_may_succeed_later() {
        // Constraint, unique, numeric overflow, no such table; too large for an index.
        for code in ["19", "2067", "22003", "23505", "42P01", "54000"] {
            assert!(is_refusal(Some(code)), "{code}");
        }
        // Busy, full, a connection lost, a deadlock, no more connections, a lock not had in time,
        // cancelled by a timeout, shutting down, read-only for now, a plan that is outdated.
        for code in [
            "5", "13", "08006", "40P01", "40001", "53300", "55P03", "57014", "57P01", "25006",
            "0A000",
        ] {
            assert!(!is_refusal(Some(code)), "{code}");
        }
        assert!(!is_refusal(None));
    }
}
