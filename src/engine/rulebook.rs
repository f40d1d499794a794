//! The rules of the projects, in memory: loaded when first needed, kept current change by change.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::value::RawValue;
use tokio::sync::Mutex as AsyncMutex;

use super::context::Context;
use crate::{
    domain::{
        event::EventType,
        ids::{ListenerId, ProjectId},
        listener::{Listener, ListenerConfig, Reaction},
        template::EmitTemplate,
    },
    rules::{EventView, Matcher, Rule},
    store::{
        StoreError, StoreResult,
        rules::{Judged, RuleChanges},
    },
};

/// A listener, ready to be asked.
pub(crate) struct ActiveListener {
    pub(crate) listener: Listener,
    pub(crate) rule: Arc<Rule>,
    /// What each reaction does, in their order.
    pub(crate) reactions: Vec<ActiveReaction>,
}

/// A reaction, ready to be carried out.
pub(crate) enum ActiveReaction {
    Webhook(crate::domain::ids::EndpointId),
    Emit(EmitTemplate),
    /// What is stored cannot be read by this version of the program.
    Unreadable(String),
}

impl ActiveListener {
    /// Makes a stored listener ready. None if its rule cannot be read; that was checked before it
    /// was stored, so it takes a store that another version has written.
    pub(crate) fn new(listener: Listener) -> Option<Self> {
        let rule = compile(&listener).or_else(|| {
            tracing::error!(listener = %listener.id, "the rule of a listener cannot be read; it is left out");
            None
        })?;
        let reactions = listener.config.reactions.iter().map(active).collect();
        Some(Self {
            listener,
            rule: Arc::new(rule),
            reactions,
        })
    }
}

/// The rule of a stored listener.
fn compile(listener: &Listener) -> Option<Rule> {
    let ListenerConfig { on, when, .. } = &listener.config;
    Rule::parse(on, when.as_deref().map(RawValue::get)).ok()
}

fn active(reaction: &Reaction) -> ActiveReaction {
    match reaction {
        Reaction::Webhook { endpoint } => ActiveReaction::Webhook(*endpoint),
        Reaction::Emit(template) => match EmitTemplate::parse(template.get().as_bytes()) {
            Ok(template) => ActiveReaction::Emit(template),
            Err(error) => ActiveReaction::Unreadable(error.to_string()),
        },
    }
}

/// The listeners that an event has met.
pub(crate) struct Met {
    /// The version of the rules.
    pub(crate) version: i64,
    /// Those that match, in the order of their identifiers.
    pub(crate) listeners: Vec<Arc<ActiveListener>>,
}

/// The rules of one project at one version.
#[derive(Default)]
struct ProjectRules {
    version: i64,
    matcher: Matcher<ListenerId>,
    listeners: HashMap<ListenerId, Arc<ActiveListener>>,
    judged: HashMap<EventType, Judged>,
}

impl ProjectRules {
    fn apply(&mut self, changes: RuleChanges) {
        for (id, listener) in changes.changed {
            match listener.and_then(ActiveListener::new) {
                Some(active) => {
                    self.matcher.insert(id, Arc::clone(&active.rule));
                    self.listeners.insert(id, Arc::new(active));
                }
                None => {
                    self.matcher.remove(&id);
                    self.listeners.remove(&id);
                }
            }
        }
        self.judged = changes.judged;
        self.version = changes.version;
    }

    fn meet(&self, view: &EventView<'_>) -> Met {
        let matching = self.matcher.matches(view);
        let listeners = matching.iter().filter_map(|id| self.listeners.get(id));
        Met {
            version: self.version,
            listeners: listeners.cloned().collect(),
        }
    }
}

/// One project's entry: asked by many, changed by one at a time.
#[derive(Default)]
struct Entry {
    rules: RwLock<ProjectRules>,
    /// Whether the rules were ever loaded.
    loaded: AtomicBool,
    /// Held while changes are read and applied: what is read first is applied first.
    loading: AsyncMutex<()>,
}

/// All rules that are in use.
pub(crate) struct Rulebook {
    context: Context,
    projects: Mutex<HashMap<ProjectId, Arc<Entry>>>,
}

impl Rulebook {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            projects: Mutex::default(),
        }
    }

    /// The listeners of `project` that match.
    pub(super) async fn meet(&self, project: ProjectId, view: &EventView<'_>) -> StoreResult<Met> {
        let entry = self.loaded(project).await?;
        let rules = entry.rules.read().unwrap_or_else(PoisonError::into_inner);
        Ok(rules.meet(view))
    }

    /// How events of `event_type` are judged in `project`, if they are, and the version of the rules
    /// that says so.
    pub(super) async fn judged(
        &self,
        project: ProjectId,
        event_type: &EventType,
    ) -> StoreResult<(i64, Option<Judged>)> {
        let entry = self.loaded(project).await?;
        let rules = entry.rules.read().unwrap_or_else(PoisonError::into_inner);
        Ok((rules.version, rules.judged.get(event_type).copied()))
    }

    /// Takes over what has changed in the rules of `project`.
    pub(super) async fn refresh(&self, project: ProjectId) -> StoreResult<()> {
        let entry = self.entry(project);
        let _loading = entry.loading.lock().await;
        let known = entry
            .rules
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .version;
        let changes = self.context.store.rule_changes(project, known).await?;
        entry
            .rules
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .apply(changes);
        entry.loaded.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes over what has changed in the rules of `project`, if they are in use here. Those of a project
    /// that is gone are let go of.
    pub(super) async fn refresh_known(&self, project: ProjectId) -> StoreResult<()> {
        if !self.projects().contains_key(&project) {
            return Ok(());
        }
        match self.refresh(project).await {
            Err(StoreError::NotFound(_)) => {
                self.projects().remove(&project);
                Ok(())
            }
            refreshed => refreshed,
        }
    }

    /// The projects whose rules are in use here.
    pub(super) fn known(&self) -> Vec<ProjectId> {
        self.projects().keys().copied().collect()
    }

    async fn loaded(&self, project: ProjectId) -> StoreResult<Arc<Entry>> {
        let entry = self.entry(project);
        if !entry.loaded.load(Ordering::Acquire) {
            self.refresh(project).await?;
        }
        Ok(entry)
    }

    fn entry(&self, project: ProjectId) -> Arc<Entry> {
        Arc::clone(self.projects().entry(project).or_default())
    }

    fn projects(&self) -> MutexGuard<'_, HashMap<ProjectId, Arc<Entry>>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
