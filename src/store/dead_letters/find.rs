//! Finding dead letters: a read looks at a bounded number of them, so that it is short however many
//! there are and however few are meant; whoever wants more comes again.

use crate::{
    domain::{
        dead_letter::Filter,
        delivery::{Delivery, DeliveryState},
        ids::{DeliveryId, ProjectId},
        list::{Order, Window},
        time::Timestamp,
    },
    rules::Subject,
    store::{
        Store, StoreResult,
        deliveries::{self, DeliveryFilter, SELECT},
        sql::{Builder, Row, list},
    },
};

/// From where dead letters are looked at, and how far.
#[derive(Debug, Clone, Copy)]
pub struct From {
    /// Only those after this one.
    pub after: Option<DeliveryId>,
    /// Only those that have been dead, and unchanged, since this time or before.
    pub dead_by: Timestamp,
}

/// Dead letters that were found in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Their names, the oldest first.
    pub ids: Vec<DeliveryId>,
    /// The last that was looked at; none if there was nothing to look at.
    pub position: Option<DeliveryId>,
    /// Whether nothing is left to look at.
    pub is_last: bool,
}

/// How many dead letters are meant in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// The last that was looked at; none if there was nothing to look at.
    pub position: Option<DeliveryId>,
    /// Whether nothing is left to look at.
    pub is_last: bool,
}

impl Store {
    /// Up to `limit` dead letters of `project` that `filter` lets through, of a bounded number that
    /// are looked at.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn find_dead_letters(
        &self,
        project: ProjectId,
        filter: &Filter,
        from: From,
        limit: u32,
    ) -> StoreResult<Found> {
        let mut snapshot = self.browse().await?;
        let query = meant(filter, from).query(project);
        let id = |row: &Row| row.parsed::<DeliveryId>("id").map(Some);
        let window = window(filter, from, limit);
        let found = query.list(&mut snapshot, &window, id).await?;
        Ok(Found {
            position: found.next.or(found.entries.last().copied()),
            is_last: found.next.is_none(),
            ids: found.entries,
        })
    }

    /// How many dead letters of `project` `filter` lets through, of a bounded number that are
    /// looked at.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn count_dead_letters(
        &self,
        project: ProjectId,
        filter: &Filter,
        from: From,
    ) -> StoreResult<Counted> {
        let mut snapshot = self.browse().await?;
        let query = meant(filter, from).query(project);
        let window = window(filter, from, u32::MAX);
        let (count, position) = query.count(&mut snapshot, &window).await?;
        Ok(Counted {
            count,
            is_last: position.is_none(),
            position,
        })
    }

    /// Those of `ids` that are deliveries of `project`, in their order.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn deliveries_named(
        &self,
        project: ProjectId,
        ids: &[DeliveryId],
    ) -> StoreResult<Vec<Delivery>> {
        let mut query = Builder::new(SELECT);
        query
            .push_bind(project.to_string())
            .push(" AND d.id IN (SELECT value FROM json_each(")
            .push_bind(list(ids))
            .push(")) ORDER BY d.id");
        let mut connection = self.read().await?;
        let rows = query.build().fetch_all(&mut connection).await?;
        rows.iter().map(deliveries::delivery).collect()
    }
}

/// What is asked of deliveries to find those that `filter` means.
fn meant(filter: &Filter, from: From) -> DeliveryFilter {
    DeliveryFilter {
        state: Some(DeliveryState::Dead),
        endpoint: filter.endpoint,
        listener: filter.listener,
        reason: filter.reason.map(|reason| reason.as_str().to_owned()),
        error_kind: filter.error_kind,
        event_type: filter.event_type.as_ref().map(Subject::from),
        unchanged_since: Some(from.dead_by),
        ..DeliveryFilter::default()
    }
}

fn window(filter: &Filter, from: From, limit: u32) -> Window<DeliveryId> {
    Window {
        since: filter.since,
        until: filter.until,
        after: from.after,
        ..Window::first(Order::Oldest, limit)
    }
}
