//! Notes: what is worth keeping and not worth a transaction of its own, such as when a key was last
//! used. They are gathered in memory and written together, every few seconds and at the end; what a
//! crash takes with it is that much.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    Connection, Store, StoreResult,
    sql::{Insert, query, to_json},
};
use crate::domain::{
    ids::{KeyId, ProjectId},
    quota::Quota,
    time::Timestamp,
};

/// How often the use of a key is noted at most.
pub const USE_EVERY: Duration = Duration::from_secs(60);

/// What has been noted.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// When keys were last used, as far as that is not written.
    uses: HashMap<KeyId, Timestamp>,
    /// Keys whose use was noted lately: for a while it is not noted again.
    lately: HashMap<KeyId, Timestamp>,
    /// What was refused, as far as that is not written.
    refusals: HashMap<(ProjectId, Quota), Refusals>,
}

/// How often a quota has refused something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// How often.
    pub count: u64,
    /// When it last did.
    pub last_at: Timestamp,
}

impl Refusals {
    /// Both of them.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            last_at: self.last_at.max(other.last_at),
        }
    }
}

impl Notes {
    /// When `key` was last used, as far as that is not written.
    pub(super) fn last_use(&self, key: KeyId) -> Option<Timestamp> {
        self.lock().uses.get(&key).copied()
    }

    /// What `quota` has refused `project`, as far as that is not written.
    pub(super) fn refusals(&self, project: ProjectId, quota: Quota) -> Option<Refusals> {
        self.lock().refusals.get(&(project, quota)).copied()
    }

    /// Gives up what is noted, to be written.
    fn take(&self) -> Noted {
        let mut noted = self.lock();
        Noted {
            uses: std::mem::take(&mut noted.uses),
            lately: HashMap::new(),
            refusals: std::mem::take(&mut noted.refusals),
        }
    }

    /// Takes back what could not be written.
    fn give_back(&self, unwritten: Noted) {
        let mut noted = self.lock();
        for (key, at) in unwritten.uses {
            noted.uses.entry(key).or_insert(at);
        }
        for (what, refusals) in unwritten.refusals {
            let known = noted.refusals.entry(what);
            known
                .and_modify(|known| *known = known.and(refusals))
                .or_insert(refusals);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Notes that `key` is used at `now`; at most once in [`USE_EVERY`].
    pub fn note_use(&self, key: KeyId, now: Timestamp) {
        let mut noted = self.notes.lock();
        let since = now.minus(USE_EVERY);
        if noted.lately.get(&key).is_none_or(|at| *at <= since) {
            noted.lately.insert(key, now);
            noted.uses.insert(key, now);
        }
    }

    /// Notes that `quota` refuses `project` something at `now`.
    pub fn note_refusal(&self, project: ProjectId, quota: Quota, now: Timestamp) {
        let refusal = Refusals {
            count: 1,
            last_at: now,
        };
        let mut noted = self.notes.lock();
        let known = noted.refusals.entry((project, quota));
        known
            .and_modify(|known| *known = known.and(refusal))
            .or_insert(refusal);
    }

    /// Writes what was noted since the last time, if anything was.
    ///
    /// # Errors
    /// If the store cannot be written: it is noted still.
    pub async fn write_notes(&self, now: Timestamp) -> StoreResult<()> {
        let since = now.minus(USE_EVERY);
        self.notes.lock().lately.retain(|_, at| *at > since);
        let noted = self.notes.take();
        if noted.uses.is_empty() && noted.refusals.is_empty() {
            return Ok(());
        }
        let written = self.write_noted(&noted).await;
        if written.is_err() {
            self.notes.give_back(noted);
        }
        written
    }

    async fn write_noted(&self, noted: &Noted) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        write_uses(&mut transaction, &noted.uses).await?;
        write_refusals(&mut transaction, &noted.refusals).await?;
        transaction.commit().await?;
        Ok(())
    }
}

async fn write_uses(
    connection: &mut Connection,
    uses: &HashMap<KeyId, Timestamp>,
) -> StoreResult<()> {
    let mut uses: Vec<_> = uses.iter().map(|(key, at)| (key, at.as_millis())).collect();
    uses.sort_unstable();
    query(
        "UPDATE api_keys SET last_used_at = w.at
         FROM (SELECT value ->> 0 AS key, CAST(value ->> 1 AS BIGINT) AS at FROM json_each($1)) AS w
         WHERE api_keys.id = w.key AND coalesce(last_used_at, 0) < w.at",
    )
    .bind(to_json(&uses)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_refusals(
    connection: &mut Connection,
    refusals: &HashMap<(ProjectId, Quota), Refusals>,
) -> StoreResult<()> {
    let insert = Insert {
        into: "quota_refusals (project_id, quota, count, last_at)",
        columns: 4,
        tail: "ON CONFLICT (project_id, quota) DO UPDATE SET \
               count = quota_refusals.count + excluded.count, \
               last_at = CASE WHEN quota_refusals.last_at < excluded.last_at \
                              THEN excluded.last_at ELSE quota_refusals.last_at END",
    };
    let mut rows: Vec<_> = refusals.iter().collect();
    // In one order on all nodes, so that they never wait for each other in a circle.
    rows.sort_unstable_by_key(|(what, _)| **what);
    insert
        .run(connection, &rows, |values, ((project, quota), refusals)| {
            values
                .bind(project.to_string())
                .bind(quota.as_str())
                .bind(i64::try_from(refusals.count).unwrap_or(i64::MAX))
                .bind(refusals.last_at.as_millis())
        })
        .await?;
    Ok(())
}
