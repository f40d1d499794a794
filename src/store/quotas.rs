//! Quotas: what a project may have, what it has, and what it was refused for it.

use std::collections::HashMap;

use super::{
    Connection, Store, StoreError, StoreResult,
    counters::{Counter, Counts, counts},
    notes::Refusals,
    projects,
    sql::{list, query},
};
use crate::domain::{
    ids::ProjectId,
    project::Project,
    quota::{Quota, Quotas},
    time::Timestamp,
};

/// What projects have, and what they were refused.
#[derive(Debug, Default)]
pub struct Usage {
    counts: HashMap<ProjectId, Counts>,
    refusals: HashMap<(ProjectId, Quota), Refusals>,
}

impl Usage {
    /// How much `project` has of what `quota` limits; none of what is not kept.
    pub fn used(&self, project: ProjectId, quota: Quota) -> Option<u64> {
        let counts = self.counts.get(&project).copied().unwrap_or_default();
        Some(counts.get(counter(quota)?))
    }

    /// What `quota` has refused `project`, if it ever did.
    pub fn refusals(&self, project: ProjectId, quota: Quota) -> Option<Refusals> {
        self.refusals.get(&(project, quota)).copied()
    }
}

/// The counter of what `quota` limits; none where nothing is counted.
fn counter(quota: Quota) -> Option<Counter> {
    match quota {
        Quota::EventsPerSecond | Quota::EventsBurst => None,
        Quota::Listeners => Some(Counter::Listeners),
        Quota::Endpoints => Some(Counter::Endpoints),
        Quota::PendingDeliveries => Some(Counter::Pending),
        Quota::StoredBytes => Some(Counter::StoredBytes),
    }
}

impl Store {
    /// The same store, in which projects that have no quotas of their own have `defaults`.
    #[must_use]
    pub fn with_quotas(self, defaults: Quotas) -> Self {
        Self { defaults, ..self }
    }

    /// The quotas that hold for `project`: its own, and the configured ones beside them.
    pub fn quotas_of(&self, project: &Project) -> Quotas {
        project.quotas.or(self.defaults)
    }

    /// Whether `project` may send another event, as far as what it has is concerned.
    ///
    /// # Errors
    /// [`StoreError::OverQuota`] if a quota is reached; it is noted.
    pub async fn check_sending(&self, project: &Project, now: Timestamp) -> StoreResult<()> {
        let quotas = self.quotas_of(project);
        let limiting = [Quota::PendingDeliveries, Quota::StoredBytes];
        if limiting.iter().all(|quota| quotas.get(*quota).is_none()) {
            return Ok(());
        }
        let has = self.counts(project.id).await?;
        for quota in limiting {
            self.compare(project.id, &quotas, quota, &has, now)?;
        }
        Ok(())
    }

    /// Whether `project` may have one more of what `quota` limits.
    ///
    /// # Errors
    /// [`StoreError::OverQuota`] if it may not, which is noted; [`StoreError::NotFound`] if the project
    /// is being removed.
    pub(super) async fn check_quota(
        &self,
        connection: &mut Connection,
        project: ProjectId,
        quota: Quota,
        now: Timestamp,
    ) -> StoreResult<()> {
        let project_now = projects::find(connection, project).await?;
        if project_now.removal.is_some() {
            return Err(StoreError::NotFound("project"));
        }
        let quotas = self.quotas_of(&project_now);
        if quotas.get(quota).is_none() {
            return Ok(());
        }
        let has = counts(connection, project).await?;
        self.compare(project, &quotas, quota, &has, now)
    }

    fn compare(
        &self,
        project: ProjectId,
        quotas: &Quotas,
        quota: Quota,
        has: &Counts,
        now: Timestamp,
    ) -> StoreResult<()> {
        let used = counter(quota).map_or(0, |counter| has.get(counter));
        quotas.check(quota, used).map_err(|exceeded| {
            self.note_refusal(project, quota, now);
            StoreError::OverQuota(exceeded)
        })
    }

    /// What `projects` have, and what they were refused.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn usage(&self, projects: &[ProjectId]) -> StoreResult<Usage> {
        let mut snapshot = self.snapshot().await?;
        let mut usage = Usage::default();
        for project in projects {
            let counts = counts(&mut snapshot, *project).await?;
            usage.counts.insert(*project, counts);
        }
        let rows = query(
            "SELECT project_id, quota, count, last_at FROM quota_refusals
             WHERE project_id IN (SELECT value FROM json_each($1))",
        )
        .bind(list(projects))
        .fetch_all(&mut snapshot)
        .await?;
        for row in &rows {
            let refusals = Refusals {
                count: row.number("count")?,
                last_at: row.time("last_at")?,
            };
            let what = (row.parsed("project_id")?, row.parsed("quota")?);
            usage.refusals.insert(what, refusals);
        }
        self.add_noted(projects, &mut usage);
        Ok(usage)
    }

    fn add_noted(&self, projects: &[ProjectId], usage: &mut Usage) {
        for project in projects {
            for quota in Quota::ALL {
                if let Some(noted) = self.notes.refusals(*project, *quota) {
                    let known = usage.refusals.entry((*project, *quota));
                    known
                        .and_modify(|known| *known = known.and(noted))
                        .or_insert(noted);
                }
            }
        }
    }
}
