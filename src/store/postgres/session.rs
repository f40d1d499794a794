//! How the sessions with the database are: whatever a statement waits for has a bound, at which the
//! database gives up and the step fails.

use std::{str::FromStr as _, time::Duration};

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};

use crate::store::{StoreError, StoreResult, StoreSettings, sql::within};

/// The oldest release that is known to do.
const OLDEST: i32 = 15;

/// How long a statement waits for a lock: much longer than any step of the store holds one.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a transaction may stand still before the database ends it. A node that is stopped within
/// one holds up others that long: its locks, and the readers of the journal, which trail the oldest
/// transaction.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(10);

/// After which silence the database asks whether a node is there, how often, and how long it waits for
/// the answers: the locks of one that has lost its network are gone after half a minute.
const KEEPALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "25s"),
];

/// How long a connection may have been idle and is taken without being asked whether it works.
pub(super) const TRUSTED: Duration = Duration::from_secs(5);

/// How much longer than a statement may take is waited for the database: what its answer may need on
/// its way.
pub(in crate::store) const TRANSIT: Duration = Duration::from_secs(5);

/// How long a connection that nobody needs stays open.
pub(super) const IDLE: Duration = Duration::from_secs(10 * 60);

/// How long a connection is used at most: what a session of the database gathers in memory goes.
pub(super) const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// How many statements a connection keeps prepared. The store has some hundred, lists and inserts in
/// several sizes among them.
const PREPARED: usize = 500;

/// How sessions at the URL of `settings` are opened.
pub(super) fn options(settings: &StoreSettings) -> StoreResult<PgConnectOptions> {
    let read = PgConnectOptions::from_str(&settings.url);
    let options = read.map_err(|error| StoreError::Open(error.to_string()))?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("riposte"),
    };
    let bounds = [
        ("statement_timeout", settings.statement_timeout),
        ("lock_timeout", LOCK_TIMEOUT),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION),
    ];
    let bounds = bounds.map(|(name, time)| (name, format!("{}ms", time.as_millis())));
    Ok(options
        .statement_cache_capacity(PREPARED)
        .options(bounds)
        .options(KEEPALIVE)
        .options([
            // Each step of the store says what it locks, and reads what others have committed.
            ("default_transaction_isolation", "read committed"),
            // Statements are short: compiling one would take longer than running it.
            ("jit", "off"),
            ("client_min_messages", "warning"),
        ]))
}

/// Refuses a database that the store cannot work with.
pub(in crate::store) async fn assert_fit(connection: &mut PgConnection) -> StoreResult<()> {
    let (version, number, encoding): (String, i32, String) = sqlx::query_as(
        "SELECT current_setting('server_version'), current_setting('server_version_num')::int,
                current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await?;
    if number / 10_000 < OLDEST {
        return Err(StoreError::Open(format!(
            "this is PostgreSQL {version}; it takes PostgreSQL {OLDEST} or later"
        )));
    }
    if encoding != "UTF8" {
        return Err(StoreError::Open(format!(
            "the encoding of this database is {encoding}; make one with ENCODING 'UTF8' TEMPLATE template0"
        )));
    }
    Ok(())
}

/// Asks the database whether a connection still works.
pub(super) async fn answers(connection: &mut PgConnection) -> sqlx::Result<()> {
    within(TRANSIT, connection.ping()).await
}
