//! The secrets of endpoints, sealed.

use super::{
    Connection, Store, StoreError, StoreResult,
    columns::{Columns as _, unreadable},
};
use crate::domain::{
    endpoint::{LiveSecret, MAX_LIVE_SECRETS},
    ids::{EndpointId, ProjectId},
    signature::Secret,
    time::Timestamp,
};

impl Store {
    /// The secrets of an endpoint of `project` that sign at `now`, the newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such endpoint.
    pub async fn secrets(
        &self,
        project: ProjectId,
        id: EndpointId,
        now: Timestamp,
    ) -> StoreResult<Vec<LiveSecret>> {
        let mut snapshot = self.snapshot().await?;
        self.find(&mut snapshot, project, id).await?;
        let mut secrets = self.load_secrets(&mut snapshot, id).await?;
        secrets.retain(|secret| secret.signs_at(now));
        Ok(secrets)
    }

    /// Gives an endpoint a new secret; those before it sign until `expires_at`, or until their own
    /// end if that is sooner. Gives all that sign from now on, the newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such endpoint;
    /// [`StoreError::TooManySecrets`] if [`MAX_LIVE_SECRETS`] sign already and would go on.
    pub async fn rotate_secret(
        &self,
        project: ProjectId,
        id: EndpointId,
        secret: &Secret,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Vec<LiveSecret>> {
        let mut transaction = self.write().await?;
        self.find(&mut transaction, project, id).await?;
        end_secrets(&mut transaction, id, expires_at, now).await?;
        self.insert_secret(&mut transaction, id, secret, now)
            .await?;
        let secrets = self.load_secrets(&mut transaction, id).await?;
        if secrets.len() > MAX_LIVE_SECRETS {
            return Err(StoreError::TooManySecrets);
        }
        transaction.commit().await?;
        Ok(secrets)
    }

    pub(super) async fn insert_secret(
        &self,
        connection: &mut Connection,
        id: EndpointId,
        secret: &Secret,
        now: Timestamp,
    ) -> StoreResult<()> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(number) FROM endpoint_secrets WHERE endpoint_id = $1")
                .bind(id.to_string())
                .fetch_one(&mut *connection)
                .await?;
        let number = last.unwrap_or(0) + 1;
        sqlx::query(
            "INSERT INTO endpoint_secrets (endpoint_id, number, sealed, created_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(id.to_string())
        .bind(number)
        .bind(self.seal(secret.expose().as_bytes(), &secret_row(id, number))?)
        .bind(now.as_millis())
        .execute(connection)
        .await?;
        Ok(())
    }

    pub(super) async fn load_secrets(
        &self,
        connection: &mut Connection,
        id: EndpointId,
    ) -> StoreResult<Vec<LiveSecret>> {
        let rows = sqlx::query(
            "SELECT number, sealed, created_at, expires_at FROM endpoint_secrets
             WHERE endpoint_id = $1 ORDER BY number DESC",
        )
        .bind(id.to_string())
        .fetch_all(connection)
        .await?;
        rows.iter()
            .map(|row| {
                let plain =
                    self.unseal(&row.blob("sealed")?, &secret_row(id, row.number("number")?))?;
                let secret = Secret::parse(&String::from_utf8_lossy(&plain));
                Ok(LiveSecret {
                    secret: secret.map_err(|error| unreadable("sealed", error))?,
                    created_at: row.time("created_at")?,
                    expires_at: row.time_opt("expires_at")?,
                })
            })
            .collect()
    }
}

/// Lets the secrets of an endpoint end at `expires_at`; those that have ended by `now` go.
async fn end_secrets(
    connection: &mut Connection,
    id: EndpointId,
    expires_at: Timestamp,
    now: Timestamp,
) -> StoreResult<()> {
    sqlx::query(
        "UPDATE endpoint_secrets SET expires_at = min(coalesce(expires_at, $2), $2)
         WHERE endpoint_id = $1",
    )
    .bind(id.to_string())
    .bind(expires_at.as_millis())
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at <= $2")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// What a secret is sealed for.
fn secret_row(id: EndpointId, number: i64) -> String {
    format!("endpoint_secrets/{id}/{number}")
}
