//! Figures: how much a project has of what, and whether something of it is late.

use super::{
    Store, StoreResult,
    backlog::{Backlog, Of, backlog},
    counters::{Counts, counts},
};
use crate::domain::{ids::ProjectId, time::Timestamp};

/// How much a project has of what, and what of it waits, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// How much there is.
    pub counts: Counts,
    /// What is due and has not gone out yet.
    pub backlog: Backlog,
}

impl Store {
    /// The figures of `project`. They cost the same whatever it has.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn stats(&self, project: ProjectId, now: Timestamp) -> StoreResult<Stats> {
        let mut snapshot = self.snapshot().await?;
        Ok(Stats {
            counts: counts(&mut snapshot, project).await?,
            backlog: backlog(&mut snapshot, Of::Project(project), now).await?,
        })
    }
}
