//! Locks between nodes. SQLite has one writer, so nothing is to be locked there; on PostgreSQL these
//! are advisory locks, which last until their transaction ends. Whoever waits for one waits in a fair
//! queue: row locks that many share would let the many overtake the one who changes something, for
//! ever.
//!
//! They are taken in this order, before any row is changed, so that nobody waits in a circle:
//!
//! 1. [`own_changes`]: whoever changes what users set up is alone in doing so in that realm. What it
//!    has read stays true until it is done, as on SQLite. Whoever records attempts keeps changes away as
//!    well, so that what happens to a delivery stands in the journal in the order in which it happens:
//!    it has its place there from its first write on, and would wait for the other one after that.
//! 2. [`own_rules`], or [`hold_rules`]: an accepting transaction holds the rules that its units
//!    assumed; whoever changes rules waits until no such transaction is left, and those that come
//!    later wait for the change. So a listener counts for every event that is accepted after its 201.
//!
//! [`own_joining`] stands apart: whoever joins takes no other.

use std::collections::BTreeSet;

use super::{
    Connection, StoreResult,
    sql::{Dialect, list, query},
};
use crate::domain::{audit::Realm, ids::ProjectId};

/// What the rules of projects are locked by: so many projects share a lock that a transaction which
/// accepts events of many projects takes no more locks than these.
const BUCKETS: u8 = 64;

/// The classes of locks, the first of an advisory lock's two numbers.
const CHANGES: i32 = 0x5249_5001;
const RULES: i32 = 0x5249_5002;
const NODES: i32 = 0x5249_5003;

/// Waits until nobody else changes what users have set up in `realm`, and keeps others from it.
pub(super) async fn own_changes(connection: &mut Connection, realm: Realm) -> StoreResult<()> {
    own(connection, CHANGES, key(realm)).await
}

/// Waits until nobody changes anything in `projects`, and keeps others from it. Whoever waits for several
/// realms does so in the order of their identifiers.
pub(super) async fn hold_changes(
    connection: &mut Connection,
    projects: &BTreeSet<ProjectId>,
) -> StoreResult<()> {
    let keys = projects.iter().map(|project| key((*project).into()));
    hold(connection, CHANGES, keys).await
}

/// Waits until no other node joins, and keeps others from it: no two of them are to take the same number.
pub(super) async fn own_joining(connection: &mut Connection) -> StoreResult<()> {
    own(connection, NODES, 0).await
}

/// Waits until nobody accepts events by the rules of `project`, and keeps others from it.
pub(super) async fn own_rules(connection: &mut Connection, project: ProjectId) -> StoreResult<()> {
    own(connection, RULES, bucket(project)).await
}

/// Holds the rules of `projects` as they are.
pub(super) async fn hold_rules(
    connection: &mut Connection,
    projects: &[ProjectId],
) -> StoreResult<()> {
    let buckets: BTreeSet<_> = projects.iter().copied().map(bucket).collect();
    hold(connection, RULES, buckets).await
}

/// Takes a lock alone.
async fn own(connection: &mut Connection, class: i32, key: i32) -> StoreResult<()> {
    if connection.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    query("SELECT pg_advisory_xact_lock(CAST($1 AS integer), CAST($2 AS integer))")
        .bind(class)
        .bind(key)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes locks, in this order, together with others who hold them.
async fn hold(
    connection: &mut Connection,
    class: i32,
    keys: impl IntoIterator<Item = i32>,
) -> StoreResult<()> {
    if connection.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    query(
        "SELECT pg_advisory_xact_lock_shared(CAST($1 AS integer), CAST(value AS integer))
         FROM json_each($2)",
    )
    .bind(class)
    .bind(list(keys))
    .execute(connection)
    .await?;
    Ok(())
}

fn key(realm: Realm) -> i32 {
    match realm {
        Realm::Gateway => 0,
        Realm::Project(project) => {
            let [.., a, b, c, d] = *project.uuid().as_bytes();
            i32::from_be_bytes([a, b, c, d])
        }
    }
}

fn bucket(project: ProjectId) -> i32 {
    let [.., last] = *project.uuid().as_bytes();
    (last % BUCKETS).into()
}
