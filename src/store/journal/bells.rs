//! Bells: who waits for news of a project is woken when this process has committed some.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{domain::ids::ProjectId, store::Store};

/// A bell for each project that somebody waits for.
#[derive(Debug, Default)]
pub(in crate::store) struct Bells(Mutex<HashMap<ProjectId, watch::Sender<()>>>);

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
            if bell.send(()).is_err() {
                bells.remove(project);
            }
        }
    }

    fn listen(&self, project: ProjectId) -> watch::Receiver<()> {
        let mut bells = self.bells();
        bells.retain(|_, bell| bell.receiver_count() > 0);
        bells.entry(project).or_default().subscribe()
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<ProjectId, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// A bell that rings whenever this process has let something happen in `project`. What others
    /// let happen is found by looking.
    pub fn bell(&self, project: ProjectId) -> watch::Receiver<()> {
        self.bells.listen(project)
    }
}
