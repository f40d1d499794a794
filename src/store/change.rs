//! Changes: who changes something, when and on what condition. Every step that changes what users
//! set up takes a [`Change`], and does in one transaction all that belongs to it: it recognises a
//! repeat, compares the version, changes, writes the audit log, and keeps the answer for repeats.
//!
//! Such a step begins with [`Store::begin`], [notes](Writing::note) what it has done, and ends with
//! [`Writing::finish`]. What is refused leaves nothing behind.

use std::{
    net::IpAddr,
    ops::{Deref, DerefMut},
};

use serde::Serialize;

use super::{
    Connection, Store, StoreError, StoreResult, audit::Entry, idempotency::Idempotency,
    journal::Journal, locks, sql::Transaction,
};
use crate::domain::{
    audit::{Actor, Realm},
    time::Timestamp,
};

/// Under what circumstances something is changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// Who changes it.
    pub by: Actor,
    /// From where that is asked for.
    pub address: Option<IpAddr>,
    /// When.
    pub now: Timestamp,
    /// What must hold of the thing.
    pub if_match: IfMatch,
    /// How a repeat of the request is recognised, if its client marked it.
    pub idempotency: Option<Idempotency>,
}

/// Which versions of a thing a change is meant for (RFC 9110, section 13.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IfMatch {
    /// Whichever there is.
    #[default]
    Any,
    /// One of these.
    OneOf(Vec<u64>),
}

/// What a step has changed, and what is answered.
#[derive(Debug)]
pub struct Done<T, A> {
    /// What it is now.
    pub now: T,
    /// What is answered, now and to each repeat.
    pub answer: A,
}

impl Change {
    /// A change by `by` at `now`, without conditions.
    pub fn new(by: Actor, now: Timestamp) -> Self {
        Self {
            by,
            address: None,
            now,
            if_match: IfMatch::Any,
            idempotency: None,
        }
    }
}

impl IfMatch {
    /// Whether a thing of this version may be changed.
    ///
    /// # Errors
    /// [`StoreError::PreconditionFailed`] if it may not.
    pub fn check(&self, version: u64) -> StoreResult<()> {
        match self {
            Self::Any => Ok(()),
            Self::OneOf(versions) if versions.contains(&version) => Ok(()),
            Self::OneOf(_) => Err(StoreError::PreconditionFailed),
        }
    }
}

/// The answer where nobody waits for one.
///
/// # Errors
/// None.
pub fn unanswered<T>(_: &T) -> StoreResult<()> {
    Ok(())
}

impl Store {
    /// Begins a step that makes `change` in `realm`.
    ///
    /// # Errors
    /// [`StoreError::Repeated`] with the answer, if the request was carried out before;
    /// [`StoreError::KeyReused`] if another one was, under its key.
    pub(super) async fn begin<'a>(
        &'a self,
        realm: impl Into<Realm>,
        change: &'a Change,
    ) -> StoreResult<Writing<'a>> {
        let mut transaction = self.write().await?;
        locks::own_changes(&mut transaction, realm.into()).await?;
        self.claim(&mut transaction, change).await?;
        Ok(Writing {
            store: self,
            change,
            transaction,
            journal: Journal::default(),
        })
    }
}

impl Store {
    /// Keeps the answer to a change that was made in steps of their own, each of which may be
    /// repeated: it is for repeats of the request.
    ///
    /// # Errors
    /// [`StoreError::Repeated`] with the answer, if the request has been answered meanwhile;
    /// [`StoreError::KeyReused`] if another one was, under its key.
    pub async fn keep_answer<A: Serialize>(&self, change: &Change, answer: A) -> StoreResult<A> {
        let realm = change.idempotency.as_ref().map(|known| known.realm);
        let writing = self.begin(realm.unwrap_or(Realm::Gateway), change).await?;
        let done = writing.finish((), |()| StoreResult::Ok(answer)).await?;
        Ok(done.answer)
    }
}

/// A change that is being made; it is its transaction. What is dropped is not made.
pub(super) struct Writing<'a> {
    store: &'a Store,
    change: &'a Change,
    transaction: Transaction,
    journal: Journal,
}

impl Writing<'_> {
    /// The transaction, and what it lets happen.
    pub(super) fn parts(&mut self) -> (&mut Connection, &mut Journal) {
        (&mut self.transaction, &mut self.journal)
    }

    /// Writes into the audit log what was done.
    pub(super) async fn note(&mut self, entry: Entry) -> StoreResult<()> {
        self.store
            .note(&mut self.transaction, self.change, entry)
            .await
    }

    /// Makes the change durable, with the answer to it.
    pub(super) async fn finish<T, A: Serialize, E: From<StoreError>>(
        self,
        now: T,
        answer: impl FnOnce(&T) -> Result<A, E>,
    ) -> Result<Done<T, A>, E> {
        let answer = answer(&now)?;
        self.keep(&answer).await?;
        Ok(Done { now, answer })
    }

    async fn keep<A: Serialize>(mut self, answer: &A) -> StoreResult<()> {
        self.store
            .remember(&mut self.transaction, self.change, answer)
            .await?;
        let (now, journal) = (self.change.now, &self.journal);
        self.store.conclude(self.transaction, journal, now).await
    }
}

impl Deref for Writing<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.transaction
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.transaction
    }
}
