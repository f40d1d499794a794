//! Which policy holds for which project: what is open for all, and what an operator has opened for
//! one of them.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::sync::{Mutex, MutexGuard};

use super::{
    host::{BadHostPattern, HostPattern},
    policy::{Policy, PolicySource},
};
use crate::domain::{ids::ProjectId, project::Openings};

/// The policies of all projects, in memory.
#[derive(Debug)]
pub struct Policies {
    base: Arc<Policy>,
    extras: HashMap<ProjectId, Policy>,
    own: RwLock<HashMap<ProjectId, Arc<Policy>>>,
    turns: Mutex<()>,
}

impl Policies {
    /// Policies that are `base` for every project, with what `extras` open for some.
    pub fn new(base: Policy, extras: HashMap<ProjectId, Policy>) -> Self {
        let own = extras
            .iter()
            .map(|(project, extra)| (*project, Arc::new(base.merge(extra))));
        Self {
            own: RwLock::new(own.collect()),
            turns: Mutex::new(()),
            base: Arc::new(base),
            extras,
        }
    }

    /// Waits for a turn, which lasts as long as what is given. Whoever changes what is stored takes
    /// one until [`set`](Self::set): what was stored last is what holds.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turns.lock().await
    }

    /// The projects for which something is open that is not for all.
    pub fn opened(&self) -> Vec<ProjectId> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        own.keys().copied().collect()
    }

    /// Opens for `project` what `openings` names, beside what is open for it anyway; what was
    /// opened for it in this way before is closed.
    ///
    /// # Errors
    /// If a host is no pattern of hosts: nothing has changed then.
    pub fn set(&self, project: ProjectId, openings: &Openings) -> Result<(), BadHostPattern> {
        let mut policy = self.base.merge(&policy_of(openings)?);
        if let Some(extra) = self.extras.get(&project) {
            policy = policy.merge(extra);
        }
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        match policy == *self.base {
            true => own.remove(&project),
            false => own.insert(project, Arc::new(policy)),
        };
        Ok(())
    }
}

/// What `openings` opens.
///
/// # Errors
/// If a host is no pattern of hosts.
pub fn policy_of(openings: &Openings) -> Result<Policy, BadHostPattern> {
    let hosts = openings.allow_hosts.iter().map(|host| host.parse());
    Ok(Policy {
        allow_networks: openings.allow_networks.clone(),
        allow_hosts: hosts.collect::<Result<Vec<HostPattern>, _>>()?,
        allow_http: openings.allow_http,
        ..Policy::default()
    })
}

impl PolicySource for Policies {
    fn policy(&self, project: ProjectId) -> Arc<Policy> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(own.get(&project).unwrap_or(&self.base))
    }
}
