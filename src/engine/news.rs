//! News: what other nodes have changed holds here as well, within two seconds.
//!
//! Each node reads twice a second what the others have told ([`notices`]) and does with it what it does
//! with its own changes. Where that does not come about in time, because the store does not answer or
//! this process stood still, no attempt begins until it has: what is sent may have been called off.

mod freshness;

use std::{sync::Arc, time::Duration};

pub(super) use self::freshness::Freshness;
use super::{
    commit,
    gateway::{Gateway, Parts, endpoint_changed},
};
use crate::{
    domain::ids::{DeliveryId, EndpointId, ProjectId},
    net::policies::Policies,
    store::{
        StoreError, StoreResult,
        notices::{Heard, News},
    },
};

/// How often is looked for what others have told.
const EVERY: Duration = Duration::from_millis(500);

/// How often is looked for what others have let happen in projects that somebody follows.
const RING_EVERY: Duration = Duration::from_millis(250);

/// How often what was told long ago is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Reads what other nodes tell.
pub(super) struct Newsreader {
    pub(super) gateway: Gateway,
    pub(super) policies: Arc<Policies>,
    pub(super) heard: Heard,
}

/// Wakes those who follow a project where others have let something happen, until it is dropped.
pub(super) async fn ring(gateway: Gateway) {
    let context = &gateway.parts.context;
    loop {
        context.clock.sleep(RING_EVERY).await;
        if let Err(error) = context.store.ring_for_others().await {
            tracing::warn!(%error, "the journal could not be asked for what others have done");
        }
    }
}

impl Newsreader {
    /// Reads until it is dropped.
    pub(super) async fn run(mut self) {
        let parts = Arc::clone(&self.gateway.parts);
        let clock = &parts.context.clock;
        let mut swept = clock.elapsed();
        loop {
            let begun = clock.boot_elapsed();
            if self.read().await {
                parts.context.freshness.renew(begun);
            }
            let is_due = clock.elapsed().saturating_sub(swept) >= SWEEP_EVERY;
            if is_due && parts.context.membership.leads() {
                swept = clock.elapsed();
                sweep(&parts).await;
            }
            clock.sleep(EVERY).await;
        }
    }

    /// Takes note of what is new. Gives whether it could.
    async fn read(&mut self) -> bool {
        let parts = Arc::clone(&self.gateway.parts);
        let news = match parts.context.store.hear(&mut self.heard).await {
            Ok(news) => news,
            Err(error) => {
                tracing::warn!(%error, "what other nodes have changed could not be read");
                return false;
            }
        };
        for news in news {
            while let Err(error) = self.take_note(news).await {
                tracing::error!(%error, ?news, "what another node has changed cannot be taken over");
                if !error.is_transient() {
                    break;
                }
                parts.context.back_off().await;
            }
        }
        true
    }

    /// Does with what another node has changed what is done with what this one changes.
    async fn take_note(&self, news: News) -> StoreResult<()> {
        let parts = &*self.gateway.parts;
        let store = &parts.context.store;
        match news {
            News::Anything => self.start_over().await?,
            News::Endpoint(endpoint) => changed(parts, endpoint).await,
            News::Rules(project) => parts.rulebook.refresh_known(project).await?,
            News::Project(project) => {
                self.open(project).await?;
                parts.rulebook.refresh_known(project).await?;
            }
            News::Jobs => parts.jobs.notify_one(),
            News::CalledOff(delivery) => {
                take_back(parts, store.called_off(delivery).await?).await;
            }
            News::Erased(event) => take_back(parts, store.called_off_with(event).await?).await,
        }
        Ok(())
    }

    /// Lets hold what is open for a project now.
    async fn open(&self, project: ProjectId) -> StoreResult<()> {
        let _turn = self.policies.turn().await;
        let store = &self.gateway.parts.context.store;
        let openings = match store.project(project).await {
            Ok(project) => project.openings,
            Err(StoreError::NotFound(_)) => Default::default(),
            Err(error) => return Err(error),
        };
        if let Err(error) = self.policies.set(project, &openings) {
            tracing::error!(%error, %project, "what is opened for a project cannot be read");
        }
        Ok(())
    }

    /// Reads all anew that this node holds.
    async fn start_over(&self) -> StoreResult<()> {
        tracing::warn!("what other nodes have changed was not read for long; all is read anew");
        let parts = &*self.gateway.parts;
        let opened = parts.context.store.opened_projects().await?;
        let opened = opened.into_iter().map(|project| project.id);
        for project in self.policies.opened().into_iter().chain(opened) {
            self.open(project).await?;
        }
        for project in parts.rulebook.known() {
            parts.rulebook.refresh_known(project).await?;
        }
        parts.directory.forget();
        // What waits is looked at again when it is taken up again.
        commit::release(&parts.context, &parts.lanes, parts.lanes.give_back()).await;
        for endpoint in parts.lanes.endpoints() {
            changed(parts, endpoint).await;
        }
        parts.jobs.notify_one();
        Ok(())
    }
}

async fn changed(parts: &Parts, endpoint: EndpointId) {
    endpoint_changed(&parts.context, &parts.directory, &parts.lanes, endpoint).await;
}

/// Takes deliveries that are called off out of memory. Those whose attempt is under way are called off
/// when that has ended.
async fn take_back(parts: &Parts, deliveries: Vec<(EndpointId, DeliveryId)>) {
    let withdraw = |(endpoint, delivery)| parts.lanes.withdraw(endpoint, delivery);
    let jobs = deliveries.into_iter().filter_map(withdraw).collect();
    commit::release(&parts.context, &parts.lanes, jobs).await;
}

async fn sweep(parts: &Parts) {
    if let Err(error) = parts.context.store.sweep_notices().await {
        tracing::warn!(%error, "what was told long ago could not be removed");
    }
}
