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
                "lower(coalesce(e.name, '')) LIKE ",
                self.name.as_deref().map(containing),
                " ESCAPE '!'",
            )
            .check(
                "lower(e.url) LIKE ",
                self.url.as_deref().map(containing),
                " ESCAPE '!'",
            )
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
        let mut snapshot = self.browse().await?;
        let read = |row: &Row| self.endpoint_of(row).map(Some);
        let query = filter.query(project);
        query.list(&mut snapshot, window, read).await
    }
}

/// The pattern of texts that have `part` in them, in small letters.
fn containing(part: &str) -> String {
    let mut pattern = "%".to_owned();
    for character in part.to_ascii_lowercase().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern + "%"
}
