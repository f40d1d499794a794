//! What all who open a database must agree on.

use super::{
    Store, StoreError, StoreResult,
    sql::{Connection, query, query_scalar},
};

/// The setting that names the key which secrets are sealed with.
const SECRETS_KEY: &str = "secrets_key";

impl Store {
    /// Compares the key at hand with the one that secrets in the database are sealed with. The first to
    /// come says which that is.
    pub(super) async fn agree_on_key(&self) -> StoreResult<()> {
        let given = self.sealing.keyring.current();
        let known = setting(&mut *self.read().await?, SECRETS_KEY).await?;
        let sealed = match known {
            Some(sealed) => sealed,
            None => self.settle(SECRETS_KEY, &given.to_string()).await?,
        };
        match sealed == given.to_string() {
            true => Ok(()),
            false => Err(StoreError::OtherKey { sealed, given }),
        }
    }

    /// Sets what is not set yet, and gives what is set then: of several who come at once, one is first.
    async fn settle(&self, name: &'static str, value: &str) -> StoreResult<String> {
        let mut transaction = self.write().await?;
        query("INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(value)
            .execute(&mut transaction)
            .await?;
        let settled = setting(&mut transaction, name).await?;
        transaction.commit().await?;
        settled.ok_or(StoreError::NotFound(name))
    }
}

async fn setting(connection: &mut Connection, name: &str) -> StoreResult<Option<String>> {
    query_scalar("SELECT value FROM settings WHERE name = $1")
        .bind(name)
        .fetch_optional(connection)
        .await
}
