//! The row of an endpoint, whose headers are sealed.

use std::time::Duration;

use url::Url;

use crate::{
    domain::{
        endpoint::{Endpoint, EndpointConfig, EndpointState},
        final_statuses::FinalStatuses,
        ids::EndpointId,
        webhook::Headers,
    },
    store::{
        Store, StoreResult,
        sql::{Row, to_json, unreadable},
    },
};

impl Store {
    /// The endpoint in `row`.
    pub(in crate::store) fn endpoint_of(&self, row: &Row) -> StoreResult<Endpoint> {
        let id = row.parsed("id")?;
        let url = row.text("url")?;
        let retry = row.text_opt("retry_json")?;
        let final_statuses = row.text_opt("final_statuses_json")?;
        let config = EndpointConfig {
            name: row.text_opt("name")?,
            url: Url::parse(&url).map_err(|_| unreadable("url", url))?,
            state: row.parsed::<EndpointState>("state")?,
            format: row.parsed("format")?,
            retry: retry
                .is_some()
                .then(|| row.json("retry_json"))
                .transpose()?,
            timeout: row.number_opt("timeout_ms")?.map(Duration::from_millis),
            connect_timeout: row
                .number_opt("connect_timeout_ms")?
                .map(Duration::from_millis),
            final_statuses: match final_statuses {
                Some(_) => row.json("final_statuses_json")?,
                None => FinalStatuses::default(),
            },
            concurrency: row.number_opt("concurrency")?,
            headers: self.headers(id, &row.blob("headers")?)?,
        };
        Ok(Endpoint {
            id,
            project: row.parsed("project_id")?,
            config,
            version: row.number("version")?,
            state_reason: row.parsed("state_reason")?,
            state_since: row.time("state_since")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            deleted_at: row.time_opt("deleted_at")?,
        })
    }

    /// What is stored of `headers`: they may carry secrets.
    pub(super) fn sealed_headers(&self, id: EndpointId, headers: &Headers) -> StoreResult<Vec<u8>> {
        let plain = to_json(&headers.iter().collect::<Vec<_>>())?;
        self.seal(plain.as_bytes(), &headers_row(id))
    }

    /// The headers of an endpoint; a deleted one has none.
    fn headers(&self, id: EndpointId, sealed: &[u8]) -> StoreResult<Headers> {
        if sealed.is_empty() {
            return Ok(Headers::default());
        }
        let plain = self.unseal(sealed, &headers_row(id))?;
        let pairs: Vec<(String, String)> =
            serde_json::from_slice(&plain).map_err(|error| unreadable("headers", error))?;
        Headers::parse(pairs).map_err(|error| unreadable("headers", error))
    }
}

/// What the headers of an endpoint are sealed for.
pub(in crate::store) fn headers_row(id: EndpointId) -> String {
    format!("endpoints.headers/{id}")
}
