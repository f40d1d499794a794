//! The job that removes a project: it goes on step by step until the project's name is free again.

use std::time::Duration;

use super::JobRunner;
use crate::{
    domain::{ids::ProjectId, job::Job},
    engine::gateway::endpoint_changed,
    store::StoreResult,
};

/// How often it is asked whether what must end first has ended.
pub(super) const WAIT: Duration = Duration::from_millis(200);

impl JobRunner {
    /// Takes a step of the removal of `project`. Gives how many rows are gone; none where something
    /// has to end first.
    pub(super) async fn remove(
        &self,
        job: &Job,
        project: ProjectId,
        size: u32,
    ) -> StoreResult<u32> {
        let parts = &self.gateway.parts;
        let now = parts.context.clock.now();
        let store = &parts.context.store;
        let removed = store.removal_step(job, project, size, now).await?;
        for endpoint in removed.endpoints {
            endpoint_changed(&parts.context, &parts.directory, &parts.lanes, endpoint).await;
        }
        Ok(removed.rows)
    }
}
