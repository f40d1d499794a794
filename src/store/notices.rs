//! Notices: what a node tells the others that share the store. Whatever changes what they may hold in
//! memory writes one in the transaction that changes it, beside its entry in the audit log; each node
//! reads now and then what is new. Where one process has the store there are none.
//!
//! A notice says what has changed, and nothing of how it is now: whoever reads it asks the store.

use std::{collections::BTreeSet, time::Duration};

use sqlx::AssertSqlSafe;

use super::{
    Connection, Store, StoreResult,
    audit::Entry,
    sql::{Dialect, NOW, Row, list, query, unreadable},
    xids,
};
use crate::domain::{
    audit::{Action, Realm},
    ids::{DeliveryId, EndpointId, EventId, ProjectId},
};

/// How long notices are kept. A node that has not read for longer may have missed some.
pub const KEPT: Duration = Duration::from_secs(10 * 60);

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Anything: there may have been notices that are not kept any more.
    Anything,
    /// An endpoint, or its secrets.
    Endpoint(EndpointId),
    /// The rules of a project.
    Rules(ProjectId),
    /// What is opened for a project, or whether it is there.
    Project(ProjectId),
    /// There is another job, or one was called off.
    Jobs,
    /// A delivery is called off.
    CalledOff(DeliveryId),
    /// What an event carried is erased: what carries it is called off.
    Erased(EventId),
}

/// How far a node has read.
#[derive(Debug)]
pub struct Heard {
    /// All that is older was read.
    since: i64,
    /// What was read of the rest: transaction and number.
    read: BTreeSet<(i64, i64)>,
    /// When, by the database's clock, in milliseconds.
    at: i64,
}

impl News {
    /// What an entry of the audit log means to other nodes; none if it is nothing that they hold. API
    /// keys and quotas are read anew for each request.
    fn of(entry: &Entry) -> StoreResult<Option<Self>> {
        let (action, object) = (entry.action(), entry.object());
        let name = || unreadable("the object of an entry", object);
        Ok(match (action, entry.realm()) {
            (
                Action::EndpointChanged | Action::EndpointDeleted | Action::EndpointSecretRotated,
                _,
            ) => Some(Self::Endpoint(object.parse().map_err(|_| name())?)),
            (
                Action::ListenerCreated
                | Action::ListenerChanged
                | Action::ListenerDeleted
                | Action::EventTypeDescribed
                | Action::EventTypeChanged
                | Action::EventTypeForgotten,
                Realm::Project(project),
            ) => Some(Self::Rules(project)),
            (Action::ProjectCreated | Action::ProjectChanged | Action::ProjectRemoved, _) => {
                Some(Self::Project(object.parse().map_err(|_| name())?))
            }
            (Action::JobStarted | Action::JobCancelled, _) => Some(Self::Jobs),
            (Action::DeliveryCancelled, _) => {
                Some(Self::CalledOff(object.parse().map_err(|_| name())?))
            }
            (Action::EventErased, _) => Some(Self::Erased(object.parse().map_err(|_| name())?)),
            _ => None,
        })
    }

    /// Its kind and what it is about, as they are stored.
    fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Anything => ("anything", String::new()),
            Self::Endpoint(id) => ("endpoint", id.to_string()),
            Self::Rules(id) => ("rules", id.to_string()),
            Self::Project(id) => ("project", id.to_string()),
            Self::Jobs => ("jobs", String::new()),
            Self::CalledOff(id) => ("called_off", id.to_string()),
            Self::Erased(id) => ("erased", id.to_string()),
        }
    }

    /// What a row tells; none if it takes a later version of the program to understand it.
    fn read(row: &Row) -> StoreResult<Option<Self>> {
        Ok(match row.text("kind")?.as_str() {
            "anything" => Some(Self::Anything),
            "endpoint" => Some(Self::Endpoint(row.parsed("object_id")?)),
            "rules" => Some(Self::Rules(row.parsed("object_id")?)),
            "project" => Some(Self::Project(row.parsed("object_id")?)),
            "jobs" => Some(Self::Jobs),
            "called_off" => Some(Self::CalledOff(row.parsed("object_id")?)),
            "erased" => Some(Self::Erased(row.parsed("object_id")?)),
            _ => None,
        })
    }
}

/// Tells other nodes what an entry of the audit log means to them.
pub(super) async fn tell_entry(connection: &mut Connection, entry: &Entry) -> StoreResult<()> {
    match News::of(entry)? {
        Some(news) => tell(connection, &[news]).await,
        None => Ok(()),
    }
}

/// Tells other nodes what has changed, if there can be any.
pub(super) async fn tell(connection: &mut Connection, news: &[News]) -> StoreResult<()> {
    if connection.dialect() == Dialect::Sqlite || news.is_empty() {
        return Ok(());
    }
    let (kinds, objects): (Vec<_>, Vec<_>) = news.iter().map(News::parts).unzip();
    let statement = format!(
        "INSERT INTO notices (xid, n, kind, object_id, at)
         SELECT own.xid, own.told + told.place, told.kind, told.object, {NOW}
         FROM (SELECT xid, (SELECT count(*) FROM notices AS n WHERE n.xid = x.xid) AS told
               FROM (SELECT {} AS xid) AS x) AS own,
              unnest(CAST($1 AS text[]), CAST($2 AS text[])) WITH ORDINALITY
                  AS told (kind, object, place)",
        xids::OWN
    );
    query(AssertSqlSafe(statement))
        .bind(list(kinds))
        .bind(list(objects))
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Whether other nodes may share the store.
    pub fn is_shared(&self) -> bool {
        matches!(self.backend, super::Backend::Postgres(_))
    }

    /// A place in the notices: what comes after it is new to whoever reads the rest of the store from
    /// now on.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn begin_to_hear(&self) -> StoreResult<Heard> {
        let mut heard = Heard {
            since: i64::MAX,
            read: BTreeSet::new(),
            at: i64::MAX,
        };
        self.hear(&mut heard).await?;
        Ok(heard)
    }

    /// What has changed since `heard`, in no order that means anything. A transaction that began long ago may tell late; what the
    /// others tell does not wait for it.
    ///
    /// # Errors
    /// If the store cannot be read: then `heard` is as it was.
    pub async fn hear(&self, heard: &mut Heard) -> StoreResult<Vec<News>> {
        let mut connection = self.read().await?;
        if connection.dialect() == Dialect::Sqlite {
            return Ok(Vec::new());
        }
        let statement = format!(
            "SELECT now.oldest_open, now.at, n.xid, n.n, n.kind, n.object_id
             FROM (SELECT {} AS oldest_open, {NOW} AS at) AS now
             LEFT JOIN notices AS n ON n.xid >= $1",
            xids::OLDEST_OPEN
        );
        let rows = query(AssertSqlSafe(statement))
            .bind(heard.since)
            .fetch_all(&mut connection)
            .await?;
        heard.take(&rows)
    }

    /// Removes the notices that are older than they are kept.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn sweep_notices(&self) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        if transaction.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let statement = format!("DELETE FROM notices WHERE at < {NOW} - $1");
        query(AssertSqlSafe(statement))
            .bind(millis(KEPT))
            .execute(&mut transaction)
            .await?;
        transaction.commit().await
    }
}

impl Heard {
    /// As it were if it had been a while since anything was read.
    #[doc(hidden)]
    pub fn as_of_long_ago(&mut self) {
        self.at -= millis(KEPT);
    }

    /// Takes note of what was read.
    fn take(&mut self, rows: &[Row]) -> StoreResult<Vec<News>> {
        let (mut news, mut read) = (BTreeSet::new(), BTreeSet::new());
        let Some(first) = rows.first() else {
            return Ok(Vec::new());
        };
        let (since, at) = (first.number("oldest_open")?, first.number::<i64>("at")?);
        if at.saturating_sub(self.at) > millis(KEPT) / 2 {
            news.insert(News::Anything);
        }
        for row in rows {
            let Some(xid) = row.number_opt("xid")? else {
                continue;
            };
            let notice = (xid, row.number("n")?);
            if !self.read.contains(&notice) {
                news.extend(News::read(row)?);
            }
            if xid >= since {
                read.insert(notice);
            }
        }
        (self.since, self.read, self.at) = (since, read, at);
        Ok(news.into_iter().collect())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
