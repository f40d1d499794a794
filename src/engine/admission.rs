//! Admission: how much may be on its way to being durable. Beyond, producers are told to come
//! back, instead of memory growing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::context::EngineSettings;
use crate::domain::ids::ProjectId;

/// What is on its way, of all and of each project.
#[derive(Debug)]
pub(super) struct Admission {
    limit: Load,
    share: Load,
    state: Mutex<State>,
}

/// Why something is not let in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overload {
    /// The gateway has more than it can write.
    Gateway,
    /// The project has its share of what the gateway can write.
    Project,
}

/// A number of events and of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Load {
    events: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    total: Load,
    projects: HashMap<ProjectId, Load>,
}

/// A place on the way; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    project: ProjectId,
    load: Load,
}

impl Admission {
    pub(super) fn new(settings: &EngineSettings) -> Arc<Self> {
        let part = |whole: usize| (whole as f64 * settings.project_share) as usize;
        Arc::new(Self {
            limit: Load {
                events: settings.queue_events,
                bytes: settings.queue_bytes,
            },
            share: Load {
                events: part(settings.queue_events),
                bytes: part(settings.queue_bytes),
            },
            state: Mutex::default(),
        })
    }

    /// Lets `events` events of `bytes` bytes in, or says why not. What is larger than the limit
    /// itself is let in when nothing else is on its way.
    pub(super) fn admit(
        self: &Arc<Self>,
        project: ProjectId,
        events: usize,
        bytes: usize,
    ) -> Result<Permit, Overload> {
        let load = Load { events, bytes };
        let mut state = self.lock();
        let own = state.projects.get(&project).copied().unwrap_or_default();
        if !state.total.has_room(load, self.limit) {
            return Err(Overload::Gateway);
        }
        if !own.has_room(load, self.share) {
            return Err(Overload::Project);
        }
        state.total = state.total.plus(load);
        state.projects.insert(project, own.plus(load));
        Ok(Permit {
            admission: Arc::clone(self),
            project,
            load,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Load {
    fn has_room(self, more: Self, limit: Self) -> bool {
        let sum = self.plus(more);
        self == Self::default() || (sum.events <= limit.events && sum.bytes <= limit.bytes)
    }

    fn plus(self, more: Self) -> Self {
        Self {
            events: self.events + more.events,
            bytes: self.bytes + more.bytes,
        }
    }

    fn minus(self, less: Self) -> Self {
        Self {
            events: self.events.saturating_sub(less.events),
            bytes: self.bytes.saturating_sub(less.bytes),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        state.total = state.total.minus(self.load);
        let own = state.projects.remove(&self.project).unwrap_or_default();
        let left = own.minus(self.load);
        if left != Load::default() {
            state.projects.insert(self.project, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{default_project, platform_project};

    fn admission() -> Arc<Admission> {
        let load = |events, bytes| Load { events, bytes };
        Arc::new(Admission {
            limit: load(10, 1_000),
            share: load(5, 500),
            state: Mutex::default(),
        })
    }

    #[test]
    fn a_project_has_its_share_and_the_gateway_its_limit() {
        let admission = admission();
        let (one, other) = (default_project(), platform_project());
        let first = admission.admit(one, 4, 100).expect("room");
        assert_eq!(admission.admit(one, 2, 100).err(), Some(Overload::Project));
        assert_eq!(admission.admit(one, 1, 401).err(), Some(Overload::Project));
        let _second = admission.admit(other, 5, 100).expect("room for another");
        assert_eq!(admission.admit(one, 2, 100).err(), Some(Overload::Gateway));
        drop(first);
        assert!(admission.admit(one, 5, 500).is_ok());
    }

    #[test]
    fn what_is_larger_than_the_limit_gets_in_alone() {
        let admission = admission();
        let large = admission.admit(default_project(), 1, 5_000).expect("alone");
        assert_eq!(
            admission.admit(platform_project(), 1, 1).err(),
            Some(Overload::Gateway)
        );
        drop(large);
        assert!(admission.lock().projects.is_empty());
    }
}
