//! The quotas of a project: what an operator sets, and how far each is used.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        field::Field,
        problem::{ApiResult, Problem},
    },
    domain::{
        ids::ProjectId,
        project::Project,
        quota::{Quota, Quotas},
        time::Timestamp,
    },
    store::{Store, quotas::Usage},
};

/// The quotas that a project is to have; what is left out stays as it is, and null asks for what is
/// configured.
#[derive(Default, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = r#"an object such as {"listeners": 100}"#
)]
pub struct QuotasBody {
    /// Events in a second, in the long run: 1 to 1,000,000.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 1_000_000, example = 100)]
    events_per_second: Field<u64>,
    /// Events at once: 1 to 1,000,000; as many as in a second where nothing is said.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 1_000_000, example = 500)]
    events_burst: Field<u64>,
    /// Listeners.
    #[serde(default)]
    #[schema(value_type = Option<u64>, example = 100)]
    listeners: Field<u64>,
    /// Endpoints.
    #[serde(default)]
    #[schema(value_type = Option<u64>, example = 100)]
    endpoints: Field<u64>,
    /// Deliveries that wait for their next attempt, or are being attempted.
    #[serde(default)]
    #[schema(value_type = Option<u64>, example = 100_000)]
    pending_deliveries: Field<u64>,
    /// The bytes of the data of events and of captured bodies of responses.
    #[serde(default)]
    #[schema(value_type = Option<u64>, example = 10_000_000_000_u64)]
    stored_bytes: Field<u64>,
}

/// The quotas of a project, and how far each is used.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotasView {
    /// Events in a second, in the long run.
    events_per_second: QuotaView,
    /// Events at once.
    events_burst: QuotaView,
    /// Listeners.
    listeners: QuotaView,
    /// Endpoints.
    endpoints: QuotaView,
    /// Deliveries that wait for their next attempt, or are being attempted.
    pending_deliveries: QuotaView,
    /// The bytes of the data of events and of captured bodies of responses.
    stored_bytes: QuotaView,
}

/// A quota, and how far it is used.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotaView {
    /// What it allows; null where nothing limits it.
    #[schema(example = 100)]
    limit: Option<u64>,
    /// Whether the limit is the project's own; else it is the configured one.
    is_own: bool,
    /// How much there is; null for what is counted by the second.
    #[schema(example = 7)]
    used: Option<u64>,
    /// How often it has refused something.
    #[schema(example = 0)]
    refused: u64,
    /// When it last did; null if it never did.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_refused_at: Option<Timestamp>,
}

impl QuotasBody {
    /// What a project has afterwards that had `before`.
    ///
    /// # Errors
    /// The first value that a quota cannot have.
    pub(super) fn over(self, before: Quotas) -> ApiResult<Quotas> {
        let mut quotas = before;
        for quota in Quota::ALL {
            let mut limit = quotas.get(*quota);
            let given = self
                .field(*quota)
                .check(|given| within_bounds(*quota, given))?;
            given.set_optional(&mut limit);
            quotas.set(*quota, limit);
        }
        Ok(quotas)
    }

    fn field(&self, quota: Quota) -> Field<u64> {
        match quota {
            Quota::EventsPerSecond => self.events_per_second,
            Quota::EventsBurst => self.events_burst,
            Quota::Listeners => self.listeners,
            Quota::Endpoints => self.endpoints,
            Quota::PendingDeliveries => self.pending_deliveries,
            Quota::StoredBytes => self.stored_bytes,
        }
    }
}

fn within_bounds(quota: Quota, limit: u64) -> ApiResult<u64> {
    let (least, most) = (quota.least(), quota.most());
    if (least..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::invalid(
        format!("/quotas/{quota}"),
        format!("this is from {least} to {most}; null asks for what is configured"),
    ))
}

impl QuotasView {
    /// The view of the quotas of `project`, which uses `usage` of them.
    pub fn of(store: &Store, project: &Project, usage: &Usage) -> Self {
        let hold = store.quotas_of(project);
        let view = |quota| QuotaView::of(quota, project.id, (&project.quotas, &hold), usage);
        Self {
            events_per_second: view(Quota::EventsPerSecond),
            events_burst: view(Quota::EventsBurst),
            listeners: view(Quota::Listeners),
            endpoints: view(Quota::Endpoints),
            pending_deliveries: view(Quota::PendingDeliveries),
            stored_bytes: view(Quota::StoredBytes),
        }
    }
}

impl QuotaView {
    fn of(
        quota: Quota,
        project: ProjectId,
        (own, hold): (&Quotas, &Quotas),
        usage: &Usage,
    ) -> Self {
        let limit = match quota {
            Quota::EventsBurst => hold.rate().map(|(_, burst)| burst),
            other => hold.get(other),
        };
        let refusals = usage.refusals(project, quota);
        Self {
            limit,
            is_own: own.get(quota).is_some(),
            used: usage.used(project, quota),
            refused: refusals.map_or(0, |refusals| refusals.count),
            last_refused_at: refusals.map(|refusals| refusals.last_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(json: &str) -> QuotasBody {
        serde_json::from_str(json).expect("a body")
    }

    #[test]
    fn what_is_left_out_stays_and_null_asks_for_what_is_configured() {
        let first = body(r#"{"listeners": 0, "events_per_second": 50}"#);
        let quotas = first.over(Quotas::default()).expect("quotas");
        let quotas = body(r#"{"listeners": null}"#).over(quotas).expect("quotas");
        assert_eq!(quotas.get(Quota::Listeners), None);
        assert_eq!(quotas.get(Quota::EventsPerSecond), Some(50));
    }

    #[test]
    fn what_a_quota_cannot_be_is_refused_with_its_place() {
        for (json, pointer) in [
            (r#"{"events_per_second": 0}"#, "/quotas/events_per_second"),
            (r#"{"events_burst": 1000001}"#, "/quotas/events_burst"),
            (
                r#"{"stored_bytes": 9007199254740992}"#,
                "/quotas/stored_bytes",
            ),
        ] {
            let refused = body(json).over(Quotas::default()).expect_err(json);
            assert_eq!(refused.errors[0].pointer, pointer);
        }
    }
}
