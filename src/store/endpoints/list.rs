//! Listing endpoints.

use crate::{
    domain::{
        endpoint::{Endpoint, EndpointState},
        ids::{EndpointId, ProjectId},
        list::{Listed, Window},
    },
    store::{
        Store, StoreResult,
        list::{Fixed, Index, Query, Table},
        sql::Row,
    },
};

/// Which endpoints to list; what is left out says nothing.
#[derive(Debug, Clone, Default)]
pub struct EndpointFilter {
    /// Only those in this state.
    pub state: Option<EndpointState>,
    /// Only those whose name has this in it.
    pub name: Option<String>,
    /// Only those whose URL has this in it.
    pub url: Option<String>,
}

/// Those that are not deleted.
static ENDPOINTS: Table = Table {
    name: "endpoints",
    alias: "e",
    id: "id",
    owner: "project_id",
    columns: "e.*",
    join: "",
    always: Some(Fixed {
        column: "deleted_at",
        is: "IS NULL",
    }),
    all: Index::all("endpoints_by_project"),
    all_values: &[],
    indexes: &[Index::by("state", "endpoints_by_state")],
};

impl EndpointFilter {
    /// What it asks of the endpoints of `project`.
    pub(in crate::store) fn query(&self, project: ProjectId) -> Query {
        Query::of(&ENDPOINTS, project)
            .only("state", self.state.map(EndpointState::as_str))
            .check(
                "instr(lower(coalesce(e.name, '')), lower(",
                self.name.as_deref(),
                ")) > 0",
            )
            .check("instr(lower(e.url), lower(", self.url.as_deref(), ")) > 0")
    }
}

impl Store {
    /// The endpoints of `project` that `filter` lets through.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn endpoints(
        &self,
        project: ProjectId,
        filter: &EndpointFilter,
        window: &Window<EndpointId>,
    ) -> StoreResult<Listed<Endpoint, EndpointId>> {
        let mut snapshot = self.snapshot().await?;
        let read = |row: &Row| self.endpoint_of(row).map(Some);
        let query = filter.query(project);
        query.list(&mut snapshot, window, read).await
    }
}
