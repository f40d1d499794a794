//! What a redrive or a discard would be done to, before it is done.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{problem::ApiResult, state::ApiState},
    domain::{
        dead_letter::{Filter, Selection},
        delivery::{Delivery, DeliveryState},
        ids::{DeliveryId, EndpointId, ProjectId},
        time::Timestamp,
    },
    store::dead_letters::From,
};

/// The most reads that a request takes to count; each looks at a bounded number of dead letters.
const MAX_READS: usize = 15;

/// How many samples are shown.
const SAMPLES: u32 = 5;

/// What would be done.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct DryRun {
    /// How many dead letters are meant.
    #[schema(example = 12)]
    matched: u64,
    /// Whether these are all. Where a project has very many dead letters, a request does not look at
    /// all of them; a job does.
    exact: bool,
    /// Some of them, the oldest first.
    samples: Vec<SampleView>,
}

/// One of many dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub struct SampleView {
    /// Its name.
    #[schema(value_type = String, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    id: DeliveryId,
    /// Where the webhook goes; null for an event that could not be emitted.
    #[schema(value_type = Option<String>, example = "end_01h455vb4pex5vsknk084sn02q")]
    endpoint: Option<EndpointId>,
    /// Why it was given up.
    #[schema(example = "attempts_exhausted")]
    reason: Option<String>,
    /// The last error.
    #[schema(example = "status_5xx: answered 503")]
    detail: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Counts the dead letters of `project` that `selection` means.
///
/// # Errors
/// If the store cannot be read.
pub(super) async fn count(
    state: &ApiState,
    project: ProjectId,
    selection: &Selection,
) -> ApiResult<DryRun> {
    let filter = match selection {
        Selection::Filter(filter) => filter,
        Selection::Ids(ids) => {
            let mut letters = state.store.deliveries_named(project, ids).await?;
            letters.retain(|delivery| delivery.state == DeliveryState::Dead);
            return Ok(DryRun {
                matched: letters.len() as u64,
                exact: true,
                samples: samples(letters),
            });
        }
    };
    let mut run = DryRun::default();
    let mut from = From {
        after: None,
        dead_by: state.clock.now(),
    };
    for _ in 0..MAX_READS {
        if run.matched == 0 {
            run.samples = first(state, project, filter, from).await?;
        }
        let counted = state.store.count_dead_letters(project, filter, from);
        let counted = counted.await?;
        run.matched += counted.count;
        run.exact = counted.is_last;
        from.after = counted.position;
        if run.exact {
            break;
        }
    }
    Ok(run)
}

/// The first dead letters that a read finds.
async fn first(
    state: &ApiState,
    project: ProjectId,
    filter: &Filter,
    from: From,
) -> ApiResult<Vec<SampleView>> {
    let found = state
        .store
        .find_dead_letters(project, filter, from, SAMPLES)
        .await?;
    let letters = state.store.deliveries_named(project, &found.ids).await?;
    Ok(samples(letters))
}

fn samples(letters: Vec<Delivery>) -> Vec<SampleView> {
    let shown = letters.into_iter().take(SAMPLES as usize);
    shown.map(SampleView::of).collect()
}

impl SampleView {
    /// What is shown of `delivery`.
    pub(super) fn of(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            endpoint: delivery.target.endpoint(),
            reason: delivery.reason,
            detail: delivery.detail,
            created_at: delivery.created_at,
        }
    }
}
