//! Who follows what: how many streams there are, and what those of one project share.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{Mutex as Turn, watch};

use crate::{
    domain::{happening::Place, ids::ProjectId},
    store::{Store, StoreResult, journal::Page},
};

/// How many pages the streams of a project keep for each other.
const KEPT_PAGES: usize = 4;

/// What is configured about streams.
#[derive(Debug, Clone, Copy)]
pub struct StreamSettings {
    /// The most streams.
    pub max: usize,
    /// The most streams of one project.
    pub max_per_project: usize,
    /// How long a stream is silent before it says that it is alive.
    pub heartbeat: Duration,
    /// How long a reader may take nothing of what waits for it.
    pub patience: Duration,
}

/// The streams that there are.
#[derive(Debug)]
pub struct Streams {
    /// What is configured.
    pub settings: StreamSettings,
    feeds: Mutex<HashMap<ProjectId, Weak<Feed>>>,
}

/// Why there is no room for another stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The project has as many as it may have.
    Project,
    /// There are as many as there can be.
    Gateway,
}

/// What the streams of one project share; each holds it, and takes a place by that.
#[derive(Debug)]
pub struct Feed {
    store: Store,
    project: ProjectId,
    bell: watch::Receiver<()>,
    /// What was read last. One reads at a time, and who waited finds what was read.
    recent: Turn<VecDeque<Arc<Page>>>,
}

impl Streams {
    /// No streams yet.
    pub fn new(settings: StreamSettings) -> Self {
        Self {
            settings,
            feeds: Mutex::default(),
        }
    }

    /// A place among the streams of `project`, for as long as it is held.
    ///
    /// # Errors
    /// If there is none.
    pub fn join(&self, store: &Store, project: ProjectId) -> Result<Arc<Feed>, Full> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let taken: usize = feeds.values().map(Weak::strong_count).sum();
        if taken >= self.settings.max {
            return Err(Full::Gateway);
        }
        let known = feeds.get(&project);
        if known.is_some_and(|feed| feed.strong_count() >= self.settings.max_per_project) {
            return Err(Full::Project);
        }
        if let Some(feed) = known.and_then(Weak::upgrade) {
            return Ok(feed);
        }
        let feed = Arc::new(Feed {
            store: store.clone(),
            project,
            bell: store.bell(project),
            recent: Turn::default(),
        });
        feeds.insert(project, Arc::downgrade(&feed));
        Ok(feed)
    }
}

impl Feed {
    /// The project.
    pub fn project(&self) -> ProjectId {
        self.project
    }

    /// A bell that rings when something has happened.
    pub fn bell(&self) -> watch::Receiver<()> {
        self.bell.clone()
    }

    /// What happened after `place`, as far as one page tells; none if nothing did yet. Streams that
    /// stand at the same place, as all do that have caught up, cost one reading together.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn after(&self, place: Place) -> StoreResult<Option<Arc<Page>>> {
        let mut recent = self.recent.lock().await;
        if let Some(page) = recent.iter().find(|page| page.after == place) {
            return Ok(Some(Arc::clone(page)));
        }
        let page = self.store.journal_after(self.project, place).await?;
        if page.reach == place {
            return Ok(None);
        }
        let page = Arc::new(page);
        recent.push_front(Arc::clone(&page));
        recent.truncate(KEPT_PAGES);
        Ok(Some(page))
    }
}
