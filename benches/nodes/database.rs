//! Databases for the nodes.

use std::env;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

use crate::stage::Result;

/// An empty database in the cluster that `scripts/with-postgres` brings.
pub struct Database {
    cluster: String,
    name: String,
    /// Where it is.
    pub url: String,
}

impl Database {
    /// A new one.
    pub async fn new(number: usize) -> Result<Self> {
        let cluster = env::var("RIPOSTE_TEST_POSTGRES")
            .map_err(|_| "there is no PostgreSQL: run `make bench`")?;
        let name = format!("bench_{}_{number}", std::process::id());
        let mut url = Url::parse(&cluster)?;
        url.set_path(&name);
        let database = Self {
            cluster,
            url: url.into(),
            name,
        };
        let create = format!("CREATE DATABASE {}", database.name);
        database.execute(create).await?;
        Ok(database)
    }

    /// Removes it.
    pub async fn drop(self) -> Result<()> {
        // Nodes that were killed are still known there for a moment.
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.execute(drop).await
    }

    async fn execute(&self, statement: String) -> Result<()> {
        let mut connection = PgConnection::connect(&self.cluster).await?;
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
        Ok(connection.close().await?)
    }
}
