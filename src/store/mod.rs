//! What is durable. Each method is one atomic step of the domain that takes and gives whole
//! batches; no transaction and no driver type leaves this folder.
//!
//! It knows no HTTP, draws no random numbers but to seal and to name entries of the audit log, and
//! never reads a clock: the time is an argument.

pub mod accept;
pub mod act;
pub mod api_keys;
pub mod attempts;
pub mod audit;
pub mod backlog;
pub mod backup;
pub mod change;
pub mod circumstances;
pub mod copying;
pub mod counters;
pub mod dead_letters;
pub mod deliveries;
mod doubts;
pub mod endpoints;
pub mod erasure;
pub mod error;
mod event_keys;
pub mod event_types;
pub mod events;
mod failing;
pub mod fanouts;
pub mod find;
mod hold;
pub mod idempotency;
pub mod jobs;
pub mod journal;
pub mod list;
pub mod listeners;
mod locks;
pub mod migrations;
pub mod nodes;
pub mod notes;
pub mod notices;
pub mod partitions;
pub mod postgres;
pub mod projects;
pub mod queue;
pub mod quotas;
pub mod record;
pub mod refusals;
pub mod removal;
pub mod retention;
pub mod rules;
pub mod secrets;
mod seen_types;
mod settings;
mod skips;
mod sql;
mod sqlite;
pub mod stats;
pub mod trace;
pub mod unit;
pub mod verdicts;
mod xids;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

pub use error::{StoreError, StoreResult};

use sql::{Connection, Reader, Transaction, query};
use zeroize::Zeroizing;

use crate::domain::{chance::Chance, ids::Ids, quota::Quotas, seal::Keyring};

/// How a store is opened. It cannot be shown: its URL may hold a password.
pub struct StoreSettings {
    /// Where it is: `sqlite://` and the path of a file, or the URL of a PostgreSQL database.
    pub url: String,
    /// How many connections read at a time.
    pub readers: u32,
    /// How many connections write at a time; SQLite has one writer.
    pub writers: u32,
    /// Whether the schema is brought up to date; if not, a store whose schema is not is not opened.
    /// That of SQLite always is.
    pub migrate: bool,
    /// How much time one partition of the logs covers, where they have any.
    pub partition: Duration,
    /// How long a step waits for its connection before the store counts as unavailable.
    pub acquire_timeout: Duration,
    /// How long a statement may take, where the database can end it.
    pub statement_timeout: Duration,
    /// The keys with which secrets are sealed at rest.
    pub keyring: Keyring,
    /// The randomness that sealing and naming need.
    pub chance: Chance,
}

impl StoreSettings {
    /// The store at `url`, as most want it.
    pub fn at(url: impl Into<String>, keyring: Keyring, chance: Chance) -> Self {
        Self {
            url: url.into(),
            readers: 4,
            writers: 4,
            migrate: true,
            partition: Duration::from_secs(7 * 24 * 60 * 60),
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            keyring,
            chance,
        }
    }
}

/// The durable state of the gateway. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Backend,
    sealing: Arc<Sealing>,
    /// Names entries of the audit log.
    ids: Arc<Ids>,
    notes: Arc<notes::Notes>,
    /// The quotas of projects that have none of their own.
    defaults: Quotas,
    bells: Arc<journal::Bells>,
    doubts: Arc<doubts::Doubts>,
    /// Which rows of counters this node changes; see [`Store::take_shard`].
    shard: Arc<AtomicI64>,
}

/// Which part of a node writes: each has a row of counters of its own, so that they do not wait for
/// each other.
#[derive(Debug, Clone, Copy)]
enum Writer {
    Other,
    Accept,
    Record,
}

impl Writer {
    /// How many there are, and room for one more.
    const COUNT: i64 = 4;
}

/// The database beneath. What differs between databases is found where this is matched.
#[derive(Debug, Clone)]
enum Backend {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Backend {
    async fn open(settings: &StoreSettings) -> StoreResult<Self> {
        let is_postgres = ["postgres://", "postgresql://"];
        let is_postgres = is_postgres
            .iter()
            .any(|scheme| settings.url.starts_with(scheme));
        Ok(match is_postgres {
            true => Self::Postgres(postgres::Database::open(settings).await?),
            false => Self::Sqlite(sqlite::Database::open(&settings.url, settings.readers).await?),
        })
    }
}

#[derive(Debug)]
struct Sealing {
    keyring: Keyring,
    chance: Chance,
}

impl Store {
    /// Opens the store, makes it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// If the database cannot be opened, is in use by another process, or cannot be migrated; if its
    /// secrets are sealed with another key.
    pub async fn open(settings: StoreSettings) -> StoreResult<Self> {
        let store = Self {
            backend: Backend::open(&settings).await?,
            ids: Arc::new(Ids::new(settings.chance.clone())),
            sealing: Arc::new(Sealing {
                keyring: settings.keyring,
                chance: settings.chance,
            }),
            notes: Arc::default(),
            defaults: Quotas::default(),
            bells: Arc::default(),
            doubts: Arc::default(),
            shard: Arc::default(),
        };
        store.agree_on_key().await?;
        store.make_first_partitions().await?;
        store.forget_foreign_xids().await?;
        Ok(store)
    }

    /// Finishes what is under way and closes the files.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(database) => database.close().await,
            Backend::Postgres(database) => database.close().await,
        }
    }

    /// Whether a write would succeed now.
    ///
    /// # Errors
    /// If it would not.
    pub async fn check_writable(&self) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        // A node that only looks is not to stand in anybody's way: a number for the transaction is what a
        // server gives to none that could not write.
        let statement = transaction.by(
            "UPDATE projects SET name = name WHERE name = 'default'",
            "SELECT pg_current_xact_id()",
        );
        query(statement).execute(&mut transaction).await?;
        transaction.rollback().await?;
        Ok(())
    }

    /// Changes from now on the rows of counters that belong to the node with this number: two nodes
    /// that live at the same time have two. A store that one process has needs none.
    pub fn take_shard(&self, node: u32) {
        self.shard.store(node.into(), Ordering::Relaxed);
    }

    async fn write(&self) -> StoreResult<Transaction> {
        self.write_as(Writer::Other).await
    }

    async fn write_as(&self, writer: Writer) -> StoreResult<Transaction> {
        match &self.backend {
            Backend::Sqlite(database) => database.write().await,
            Backend::Postgres(database) => {
                let node = self.shard.load(Ordering::Relaxed);
                let shard = node * Writer::COUNT + writer as i64;
                Ok(database.write().await?.with_shard(shard))
            }
        }
    }

    /// A transaction in which what is deleted is overwritten in the file as well.
    async fn write_securely(&self) -> StoreResult<Transaction> {
        match &self.backend {
            Backend::Sqlite(database) => database.write_securely().await,
            Backend::Postgres(database) => database.write().await,
        }
    }

    async fn relax(&self, transaction: &mut Transaction) -> StoreResult<()> {
        match &self.backend {
            Backend::Sqlite(_) => sqlite::Database::relax(transaction).await,
            Backend::Postgres(_) => Ok(()),
        }
    }

    /// A transaction in which all reads see one state.
    async fn snapshot(&self) -> StoreResult<Transaction> {
        match &self.backend {
            Backend::Sqlite(database) => database.snapshot().await,
            Backend::Postgres(database) => database.snapshot().await,
        }
    }

    /// The same, to read lists in.
    async fn browse(&self) -> StoreResult<Transaction> {
        match &self.backend {
            Backend::Sqlite(database) => database.snapshot().await,
            Backend::Postgres(database) => database.browse().await,
        }
    }

    async fn read(&self) -> StoreResult<Reader> {
        match &self.backend {
            Backend::Sqlite(database) => database.read().await,
            Backend::Postgres(database) => database.read().await,
        }
    }

    fn seal(&self, plain: &[u8], row: &str) -> StoreResult<Vec<u8>> {
        let Sealing { keyring, chance } = &*self.sealing;
        let sealed = keyring.seal(chance, plain, row);
        sealed.map_err(|error| StoreError::sealed(row, error))
    }

    fn unseal(&self, sealed: &[u8], row: &str) -> StoreResult<Zeroizing<Vec<u8>>> {
        let opened = self.sealing.keyring.open(sealed, row);
        opened.map_err(|error| StoreError::sealed(row, error))
    }
}
