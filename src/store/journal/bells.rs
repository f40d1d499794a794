//! Bells: who waits for news of a project is woken when this process has committed some, and soon
//! after another one has: somebody looks for all who wait ([`Store::ring_for_others`]).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::positions::horizon;
use crate::{
    domain::ids::ProjectId,
    store::{
        Connection, Store, StoreResult,
        sql::{Dialect, list, query},
    },
};

/// A bell for each project that somebody waits for.
#[derive(Debug, Default)]
pub(in crate::store) struct Bells(Mutex<HashMap<ProjectId, Bell>>);

#[derive(Debug, Default)]
struct Bell {
    rope: watch::Sender<()>,
    /// The last position that was seen by looking.
    head: Option<i64>,
}

impl Bells {
    /// Rings for `projects`. Where nobody waits it costs a look-up.
    pub(in crate::store) fn ring<'p>(&self, projects: impl Iterator<Item = &'p ProjectId>) {
        let mut bells = self.bells();
        if bells.is_empty() {
            return;
        }
        for project in projects {
            let Some(bell) = bells.get(project) else {
                continue;
            };
            if bell.rope.send(()).is_err() {
                bells.remove(project);
            }
        }
    }

    fn listen(&self, project: ProjectId) -> watch::Receiver<()> {
        let mut bells = self.bells();
        bells.retain(|_, bell| bell.rope.receiver_count() > 0);
        bells.entry(project).or_default().rope.subscribe()
    }

    /// The projects that somebody waits for.
    fn awaited(&self) -> Vec<ProjectId> {
        let mut bells = self.bells();
        bells.retain(|_, bell| bell.rope.receiver_count() > 0);
        bells.keys().copied().collect()
    }

    /// Rings where something came in since this was told last.
    fn ring_where_new(&self, heads: Vec<(ProjectId, Option<i64>)>) {
        let mut bells = self.bells();
        for (project, head) in heads {
            if let Some(bell) = bells.get_mut(&project)
                && bell.head != head
            {
                bell.head = head;
                // Whoever waited may be gone by now.
                let _ = bell.rope.send(());
            }
        }
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<ProjectId, Bell>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// A bell that rings whenever something has happened in `project`: when this process has let it
    /// happen, at once.
    pub fn bell(&self, project: ProjectId) -> watch::Receiver<()> {
        self.bells.listen(project)
    }

    /// Looks for what can be read now and could not when this was called last, and rings where there
    /// is any. It costs one look for all who wait, and nothing where nobody does or no other process
    /// can have let anything happen.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn ring_for_others(&self) -> StoreResult<()> {
        let awaited = self.bells.awaited();
        if awaited.is_empty() {
            return Ok(());
        }
        let mut connection = self.read().await?;
        if connection.dialect() == Dialect::Postgres {
            self.bells
                .ring_where_new(heads(&mut connection, &awaited).await?);
        }
        Ok(())
    }
}

/// The last position that can be read in each of `projects`.
async fn heads(
    connection: &mut Connection,
    projects: &[ProjectId],
) -> StoreResult<Vec<(ProjectId, Option<i64>)>> {
    let horizon = horizon(connection).await?;
    let rows = query(
        "SELECT w.value AS project_id,
                (SELECT max(j.position) FROM journal AS j
                 WHERE j.project_id = w.value AND j.position < $2) AS head
         FROM json_each($1) AS w",
    )
    .bind(list(projects))
    .bind(horizon)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.parsed("project_id")?, row.number_opt("head")?)))
        .collect()
}
