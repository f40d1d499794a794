//! Requests that were carried out under an `Idempotency-Key`, and what they were answered.
//!
//! The key is claimed first thing in the transaction that it guards: of two requests that come at
//! once the later one waits for the earlier one, and then finds its answer.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{
    Connection, Store, StoreError, StoreResult,
    change::Change,
    sql::{query, to_json, unreadable},
};
use crate::domain::{
    audit::{Actor, Realm},
    idempotency::IdempotencyKey,
    time::Timestamp,
};

/// How a repeat of a request is recognised.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Where the key holds.
    pub realm: Realm,
    /// Whose it is.
    pub caller: Actor,
    /// The key.
    pub key: IdempotencyKey,
    /// The hash of all that is asked for.
    pub request: [u8; 32],
    /// Requests that came before this are forgotten.
    pub since: Timestamp,
}

/// What a request was answered. It may hold secrets, and does not show them.
pub struct Answered(Zeroizing<Vec<u8>>);

impl Answered {
    /// The answer as it was kept.
    ///
    /// # Errors
    /// If this version of the program keeps other answers.
    pub fn read<A: DeserializeOwned>(&self) -> StoreResult<A> {
        serde_json::from_slice(&self.0).map_err(|error| unreadable("answer", error))
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Answered(hidden)")
    }
}

impl Store {
    /// What the request of `idempotency` was answered, if it was carried out before.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if another request was, under its key.
    pub async fn answered(&self, idempotency: &Idempotency) -> StoreResult<Option<Answered>> {
        let mut connection = self.read().await?;
        self.find_answer(&mut connection, idempotency).await
    }

    /// Takes the key of a change, if it has one.
    ///
    /// # Errors
    /// [`StoreError::Repeated`] if its request was carried out before; [`StoreError::KeyReused`] if
    /// another one was.
    pub(super) async fn claim(
        &self,
        connection: &mut Connection,
        change: &Change,
    ) -> StoreResult<()> {
        let Some(idempotency) = &change.idempotency else {
            return Ok(());
        };
        let claimed = query(
            "INSERT INTO idempotency_keys (realm, caller, key, request, answer, created_at)
             VALUES ($1, $2, $3, $4, $7, $5)
             ON CONFLICT (realm, caller, key) DO UPDATE
                 SET request = excluded.request, answer = excluded.answer, created_at = excluded.created_at
                 WHERE idempotency_keys.created_at < $6",
        )
        .bind(idempotency.realm.to_string())
        .bind(idempotency.caller.to_string())
        .bind(idempotency.key.as_str())
        .bind(idempotency.request.as_slice())
        .bind(change.now.as_millis())
        .bind(idempotency.since.as_millis())
        .bind(Vec::new())
        .execute(&mut *connection)
        .await?;
        if claimed == 1 {
            return Ok(());
        }
        match self.find_answer(connection, idempotency).await? {
            Some(answer) => Err(StoreError::Repeated(answer)),
            None => Err(StoreError::KeyReused),
        }
    }

    /// Keeps the answer to a change for its repeats, if it has a key.
    pub(super) async fn remember<A: Serialize>(
        &self,
        connection: &mut Connection,
        change: &Change,
        answer: &A,
    ) -> StoreResult<()> {
        let Some(idempotency) = &change.idempotency else {
            return Ok(());
        };
        let plain = Zeroizing::new(to_json(answer)?);
        query(
            "UPDATE idempotency_keys SET answer = $4 WHERE realm = $1 AND caller = $2 AND key = $3",
        )
        .bind(idempotency.realm.to_string())
        .bind(idempotency.caller.to_string())
        .bind(idempotency.key.as_str())
        .bind(self.seal(plain.as_bytes(), &answer_row(idempotency))?)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn find_answer(
        &self,
        connection: &mut Connection,
        idempotency: &Idempotency,
    ) -> StoreResult<Option<Answered>> {
        let row = query(
            "SELECT request, answer FROM idempotency_keys
             WHERE realm = $1 AND caller = $2 AND key = $3 AND created_at >= $4",
        )
        .bind(idempotency.realm.to_string())
        .bind(idempotency.caller.to_string())
        .bind(idempotency.key.as_str())
        .bind(idempotency.since.as_millis())
        .fetch_optional(connection)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        if row.blob("request")? != idempotency.request {
            return Err(StoreError::KeyReused);
        }
        let plain = self.unseal(&row.blob("answer")?, &answer_row(idempotency))?;
        Ok(Some(Answered(plain)))
    }
}

/// What an answer is sealed for.
fn answer_row(idempotency: &Idempotency) -> String {
    let Idempotency {
        realm, caller, key, ..
    } = idempotency;
    format!("idempotency_keys/{realm}/{caller}/{}", key.as_str())
}
