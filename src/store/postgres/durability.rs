//! What durability hangs on. A database that is set up to be faster than its disk acknowledges what it
//! may lose; the gateway would pass that on to producers as 202, so it says so, loudly.

use std::fmt;

use serde::Serialize;
use sqlx::PgPool;

use crate::store::StoreResult;

/// A setting of the database that may make it lose what it has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Weakness {
    /// What it is called.
    pub setting: &'static str,
    /// What it is set to.
    pub value: String,
    /// What may be lost when.
    pub risk: &'static str,
}

impl fmt::Display for Weakness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            setting,
            value,
            risk,
        } = self;
        write!(formatter, "{setting} = {value}: {risk}")
    }
}

/// The settings that matter, as a session of this store sees them.
pub(super) async fn weaknesses(pool: &PgPool) -> StoreResult<Vec<Weakness>> {
    let (fsync, full_page_writes, synchronous_commit, standbys): (String, String, String, String) =
        sqlx::query_as(
            "SELECT current_setting('fsync'), current_setting('full_page_writes'),
                    current_setting('synchronous_commit'),
                    current_setting('synchronous_standby_names')",
        )
        .fetch_one(pool)
        .await?;
    let weaknesses = [
        of_fsync(fsync),
        of_full_page_writes(full_page_writes),
        of_synchronous_commit(synchronous_commit, !standbys.is_empty()),
    ];
    Ok(weaknesses.into_iter().flatten().collect())
}

/// Says each of them.
pub(super) fn warn(weaknesses: &[Weakness]) {
    for Weakness {
        setting,
        value,
        risk,
    } in weaknesses
    {
        tracing::warn!(setting, value, "the database is not durable: {risk}");
    }
}

fn of_fsync(value: String) -> Option<Weakness> {
    (value == "off").then_some(Weakness {
        setting: "fsync",
        value,
        risk: "when its machine fails, the whole database may be broken, and events that were \
               acknowledged are lost; set fsync = on",
    })
}

fn of_full_page_writes(value: String) -> Option<Weakness> {
    (value == "off").then_some(Weakness {
        setting: "full_page_writes",
        value,
        risk: "when its machine fails, pages may be left half written, and the database broken; \
               set full_page_writes = on",
    })
}

fn of_synchronous_commit(value: String, has_standbys: bool) -> Option<Weakness> {
    let risk = match &*value {
        "off" => {
            "when it ends unexpectedly, events that were acknowledged in the last moments are lost; \
             set synchronous_commit = on for this role or database"
        }
        "local" if has_standbys => {
            "when a standby takes over, events that were acknowledged in the last moments are lost; \
             set synchronous_commit = on for this role or database"
        }
        "remote_write" if has_standbys => {
            "when a standby takes over whose machine failed as well, events that were acknowledged \
             in the last moments are lost; set synchronous_commit = on for this role or database"
        }
        _ => return None,
    };
    Some(Weakness {
        setting: "synchronous_commit",
        value,
        risk,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_that_wait_for_the_disk_and_the_standbys_are_no_weakness() {
        for value in ["on", "remote_apply", "local", "remote_write"] {
            assert_eq!(of_synchronous_commit(value.to_owned(), false), None);
        }
        for value in ["on", "remote_apply"] {
            assert_eq!(of_synchronous_commit(value.to_owned(), true), None);
        }
        for (value, has_standbys) in [("off", false), ("local", true), ("remote_write", true)] {
            assert!(of_synchronous_commit(value.to_owned(), has_standbys).is_some());
        }
        assert_eq!(of_fsync("on".to_owned()), None);
        assert!(of_full_page_writes("off".to_owned()).is_some());
    }
}
