//! Listing listeners as they are now.

use super::listener;
use crate::{
    domain::{
        event::EventType,
        ids::{EndpointId, ListenerId, ProjectId},
        list::{Listed, Window},
        listener::{Listener, ListenerConfig, ListenerState, Reaction},
    },
    rules::On,
    store::{
        Store, StoreResult,
        list::{Fixed, Index, Query, Table},
        sql::{Row, unreadable},
    },
};

/// Which listeners to list; what is left out says nothing.
#[derive(Debug, Clone, Default)]
pub struct ListenerFilter {
    /// Only those in this state.
    pub state: Option<ListenerState>,
    /// Only those whose name has this in it.
    pub name: Option<String>,
    /// Only those whose `on` an event of this type would match.
    pub hears: Option<EventType>,
    /// Only those with a webhook to this endpoint.
    pub endpoint: Option<EndpointId>,
}

const BY_STATE: Index = Index::by("state", "listeners_by_state");

/// The current revisions of those that are not deleted.
static LISTENERS: Table = Table {
    name: "listener_revisions",
    alias: "l",
    id: "listener_id",
    owner: "project_id",
    columns: "l.*",
    join: "",
    always: Some(Fixed {
        column: "until_version",
        is: "IS NULL",
    }),
    all: BY_STATE,
    all_values: &["enabled", "disabled"],
    indexes: &[BY_STATE],
};

impl ListenerFilter {
    /// What it asks of the listeners of `project`.
    pub(in crate::store) fn query(&self, project: ProjectId) -> Query {
        Query::of(&LISTENERS, project)
            .only("state", self.state.map(ListenerState::as_str))
            .picky(self.hears.is_some() || self.name.is_some() || self.endpoint.is_some())
    }

    fn lets_through(&self, listener: &Listener) -> StoreResult<bool> {
        let config = &listener.config;
        Ok(self.fits_name(config) && self.fits_endpoint(config) && self.fits_type(config)?)
    }

    fn fits_name(&self, config: &ListenerConfig) -> bool {
        let name = config.name.as_deref().unwrap_or_default();
        let has = |part: &String| {
            name.to_ascii_lowercase()
                .contains(&part.to_ascii_lowercase())
        };
        self.name.as_ref().is_none_or(has)
    }

    fn fits_endpoint(&self, config: &ListenerConfig) -> bool {
        let goes_to = |to: EndpointId| {
            let mut reactions = config.reactions.iter();
            reactions.any(|it| matches!(it, Reaction::Webhook { endpoint } if *endpoint == to))
        };
        self.endpoint.is_none_or(goes_to)
    }

    fn fits_type(&self, config: &ListenerConfig) -> StoreResult<bool> {
        let Some(event_type) = &self.hears else {
            return Ok(true);
        };
        let on = On::parse(&config.on);
        let on = on.map_err(|refusal| unreadable("config_json", refusal))?;
        Ok(on.matches(event_type.as_str()))
    }
}

impl Store {
    /// The listeners of `project` that `filter` lets through.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn listeners(
        &self,
        project: ProjectId,
        filter: &ListenerFilter,
        window: &Window<ListenerId>,
    ) -> StoreResult<Listed<Listener, ListenerId>> {
        let mut snapshot = self.browse().await?;
        let read = |row: &Row| {
            let listener = listener(row)?;
            Ok(filter.lets_through(&listener)?.then_some(listener))
        };
        let query = filter.query(project);
        query.list(&mut snapshot, window, read).await
    }
}
