//! PostgreSQL: one database, any number of nodes. Each node has a few connections that write and a few
//! that read.

mod durability;
mod session;
mod vital;

use std::{sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub use self::durability::Weakness;
pub(super) use self::session::{TRANSIT, assert_fit};
pub(super) use self::vital::Vital;
use super::{
    Backend, Store, StoreError, StoreResult, StoreSettings, migrations,
    sql::{Reader, Transaction, within},
};

#[derive(Debug, Clone)]
pub(super) struct Database {
    writers: PgPool,
    readers: PgPool,
    vital: PgPool,
    /// How much time one partition of the logs covers.
    pub(super) partition: Duration,
    /// How long the database is waited for.
    patience: Duration,
    /// What may make the database lose what it has acknowledged.
    weaknesses: Arc<[Weakness]>,
}

impl Database {
    pub(super) async fn open(settings: &StoreSettings) -> StoreResult<Self> {
        let options = session::options(settings)?;
        prepare(&options, settings.migrate)
            .await
            .map_err(open_error)?;
        let readers = connect(settings, settings.readers, &options).await?;
        let weaknesses = durability::weaknesses(&readers).await?;
        durability::warn(&weaknesses);
        Ok(Self {
            writers: connect(settings, settings.writers, &options).await?,
            vital: connect(settings, vital::CONNECTIONS, &options).await?,
            readers,
            partition: settings.partition,
            patience: settings.statement_timeout + TRANSIT,
            weaknesses: weaknesses.into(),
        })
    }

    pub(super) async fn write(&self) -> StoreResult<Transaction> {
        let begun = within(self.patience, self.writers.begin()).await?;
        Ok(Transaction::from(begun).with_patience(self.patience))
    }

    pub(super) async fn snapshot(&self) -> StoreResult<Transaction> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let begun = within(self.patience, self.readers.begin_with(begin)).await?;
        Ok(Transaction::from(begun).with_patience(self.patience))
    }

    /// A transaction in which all reads see one state, and rows are found along indexes in whose order
    /// they are wanted, planned for their values: what is rare in one partition is all that there is in
    /// another, and a plan for any value would go by what is typical.
    pub(super) async fn browse(&self) -> StoreResult<Transaction> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
            SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
            SET LOCAL enable_sort = off; SET LOCAL plan_cache_mode = force_custom_plan";
        let begun = within(self.patience, self.readers.begin_with(begin)).await?;
        Ok(Transaction::from(begun).with_patience(self.patience))
    }

    pub(super) async fn read(&self) -> StoreResult<Reader> {
        let reader = Reader::from(self.readers.acquire().await?);
        Ok(reader.with_patience(self.patience))
    }

    pub(super) async fn vital(&self) -> StoreResult<Vital> {
        let reader = Reader::from(self.vital.acquire().await?);
        Ok(reader.with_patience(self.patience).into())
    }

    pub(super) async fn close(&self) {
        self.vital.close().await;
        self.readers.close().await;
        self.writers.close().await;
    }
}

impl Store {
    /// What may make the database lose what it has acknowledged, as it was set up when the store was
    /// opened. SQLite is set up by the store itself.
    pub fn weaknesses(&self) -> &[Weakness] {
        match &self.backend {
            Backend::Sqlite(_) => &[],
            Backend::Postgres(database) => &database.weaknesses,
        }
    }
}

/// What may make the database at `url` lose what it has acknowledged. Nothing is changed there.
///
/// # Errors
/// If it cannot be asked.
pub async fn weaknesses_at(url: &str) -> StoreResult<Vec<Weakness>> {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await;
    let pool = pool.map_err(|error| open_error(error.into()))?;
    let weaknesses = durability::weaknesses(&pool).await;
    pool.close().await;
    weaknesses
}

/// One session on a database whose schema is brought up to date, for what is done while no gateway runs
/// on it.
pub(super) async fn open_alone(settings: &StoreSettings) -> StoreResult<PgPool> {
    let options = session::options(settings)?;
    prepare(&options, true).await.map_err(open_error)?;
    connect(settings, 1, &options).await
}

/// Sees to it that the database can be worked with, and brings its schema up to date if it is to.
async fn prepare(options: &PgConnectOptions, migrate: bool) -> StoreResult<()> {
    let mut connection = options.connect().await?;
    assert_fit(&mut connection).await?;
    migrations::postgres::prepare(&mut connection, migrate).await?;
    connection.close().await?;
    Ok(())
}

async fn connect(
    settings: &StoreSettings,
    connections: u32,
    options: &PgConnectOptions,
) -> StoreResult<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(session::IDLE)
        .max_lifetime(session::LIFETIME)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                // What has just worked most likely still does; asking each time would cost a round trip.
                Ok(meta.idle_for < session::TRUSTED || session::answers(connection).await.is_ok())
            })
        })
        // The driver asks as well, and waits for ever where the network stands still.
        .after_release(|connection, _| {
            Box::pin(async move { session::answers(connection).await.map(|()| true) })
        });
    let connected = pool.connect_with(options.clone()).await;
    connected.map_err(|error| open_error(error.into()))
}

/// The same error, as one of opening. No error of the driver repeats the URL.
fn open_error(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(error) | StoreError::Refused(error) => {
            StoreError::Open(error.to_string())
        }
        other => other,
    }
}
