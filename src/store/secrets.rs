//! The secrets of endpoints, sealed.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Connection, Store, StoreError, StoreResult,
    audit::{Audited, Entry},
    change::{Change, Done},
    endpoints::headers_row,
    sql::{query, query_scalar, unreadable},
};
use crate::domain::{
    audit::{Action, Realm},
    endpoint::{LiveSecret, MAX_LIVE_SECRETS},
    ids::{EndpointId, ProjectId},
    seal::Keyring,
    signature::Secret,
    time::Timestamp,
};

/// How a secret is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Rotation<'a> {
    /// The new secret.
    pub secret: &'a Secret,
    /// When those before it end at the latest.
    pub old_end_at: Timestamp,
}

/// The secrets of an endpoint after one was replaced.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The version of the endpoint since.
    pub version: u64,
    /// All that sign from now on, the newest first.
    pub secrets: Vec<LiveSecret>,
}

/// The secrets of an endpoint as the audit log has them: when each was made and when it ends.
struct SecretsOf<'a> {
    project: ProjectId,
    endpoint: EndpointId,
    secrets: &'a [LiveSecret],
}

impl<'a> SecretsOf<'a> {
    fn new(project: ProjectId, endpoint: EndpointId, secrets: &'a [LiveSecret]) -> Self {
        Self {
            project,
            endpoint,
            secrets,
        }
    }
}

impl Audited for SecretsOf<'_> {
    fn realm(&self) -> Realm {
        Realm::Project(self.project)
    }

    fn name(&self) -> String {
        self.endpoint.to_string()
    }

    fn document(&self) -> serde_json::Result<Box<RawValue>> {
        let secrets = self.secrets.iter().map(|secret| {
            serde_json::json!({"created_at": secret.created_at, "expires_at": secret.expires_at})
        });
        to_raw_value(&serde_json::json!({ "secrets": secrets.collect::<Vec<_>>() }))
    }
}

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

    /// Gives an endpoint a new secret; those before it sign until they are said to end, or until
    /// their own end if that is sooner.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if the project has no such endpoint;
    /// [`StoreError::TooManySecrets`] if [`MAX_LIVE_SECRETS`] sign already and would go on.
    pub async fn rotate_secret<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: EndpointId,
        rotation: Rotation<'_>,
        change: &Change,
        answer: impl FnOnce(&Rotated) -> Result<A, E>,
    ) -> Result<Done<Rotated, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let version = self.find(&mut writing, project, id).await?.version;
        change.if_match.check(version)?;
        let before = self.load_secrets(&mut writing, id).await?;
        end_secrets(&mut writing, id, rotation.old_end_at, change.now).await?;
        self.insert_secret(&mut writing, id, rotation.secret, change.now)
            .await?;
        let secrets = self.load_secrets(&mut writing, id).await?;
        if secrets.len() > MAX_LIVE_SECRETS {
            return Err(StoreError::TooManySecrets.into());
        }
        count_change(&mut writing, id).await?;
        let rotated = Rotated {
            version: version + 1,
            secrets,
        };
        let entry = Entry::changed(
            Action::EndpointSecretRotated,
            &SecretsOf::new(project, id, &before),
            &SecretsOf::new(project, id, &rotated.secrets),
        )?;
        writing.note(entry).await?;
        writing.finish(rotated, answer).await
    }

    pub(super) async fn insert_secret(
        &self,
        connection: &mut Connection,
        id: EndpointId,
        secret: &Secret,
        now: Timestamp,
    ) -> StoreResult<()> {
        let last: Option<i64> =
            query_scalar("SELECT max(number) FROM endpoint_secrets WHERE endpoint_id = $1")
                .bind(id.to_string())
                .fetch_one(&mut *connection)
                .await?;
        let number = last.unwrap_or(0) + 1;
        query(
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
        let rows = query(
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

/// Opens what is sealed of all endpoints, secrets and headers, with the keys at hand. Gives how much that
/// is.
///
/// # Errors
/// If one does not open.
pub(super) async fn open_all(connection: &mut Connection, keyring: &Keyring) -> StoreResult<u64> {
    let secrets = query("SELECT endpoint_id, number, sealed FROM endpoint_secrets")
        .fetch_all(&mut *connection)
        .await?;
    let headers = query("SELECT id, headers FROM endpoints WHERE length(headers) > 0")
        .fetch_all(connection)
        .await?;
    let mut sealed = Vec::new();
    for row in &secrets {
        let name = secret_row(row.parsed("endpoint_id")?, row.number("number")?);
        sealed.push((name, row.blob("sealed")?));
    }
    for row in &headers {
        sealed.push((headers_row(row.parsed("id")?), row.blob("headers")?));
    }
    for (name, sealed) in &sealed {
        let opened = keyring.open(sealed, name);
        opened.map_err(|error| StoreError::sealed(name, error))?;
    }
    Ok(sealed.len() as u64)
}

/// Lets the secrets of an endpoint end at `expires_at`; those that have ended by `now` go.
async fn end_secrets(
    connection: &mut Connection,
    id: EndpointId,
    expires_at: Timestamp,
    now: Timestamp,
) -> StoreResult<()> {
    query(
        "UPDATE endpoint_secrets SET expires_at = CASE WHEN expires_at < $2 THEN expires_at ELSE $2 END
         WHERE endpoint_id = $1",
    )
    .bind(id.to_string())
    .bind(expires_at.as_millis())
    .execute(&mut *connection)
    .await?;
    query("DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at <= $2")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}

async fn count_change(connection: &mut Connection, id: EndpointId) -> StoreResult<()> {
    query("UPDATE endpoints SET version = version + 1 WHERE id = $1")
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// What a secret is sealed for.
fn secret_row(id: EndpointId, number: i64) -> String {
    format!("endpoint_secrets/{id}/{number}")
}
