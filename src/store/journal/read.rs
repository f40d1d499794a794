//! Reading the journal: what happened after a place, with the details that are still kept.

use super::{
    Entry,
    details::{AttemptBrief, DeliveryBrief, Details, EventBrief},
    gone::{end_of, gone},
    positions::horizon,
};
use crate::{
    domain::{
        delivery::DeliveryState,
        happening::{HappeningKind, Place},
        ids::ProjectId,
        time::Timestamp,
    },
    store::{Connection, Store, StoreResult, sql::query},
};

/// How many happenings a page has before it takes no further row.
const PAGE: u32 = 500;

/// What happened after a place.
#[derive(Debug, Clone)]
pub struct Page {
    /// It is what came after this place.
    pub after: Place,
    /// It reaches up to this place.
    pub reach: Place,
    /// Up to where something that came after `after` is not kept any more, if that is so.
    pub gap: Option<Place>,
    /// What happened, in its order.
    pub happenings: Vec<Happening>,
}

/// Something that happened. What is not kept any more is missing.
#[derive(Debug, Clone)]
pub struct Happening {
    /// Its place in the project.
    pub place: Place,
    /// When it became durable.
    pub at: Timestamp,
    /// What it is.
    pub kind: HappeningKind,
    /// The event that it is about; that of its delivery.
    pub event: Option<EventBrief>,
    /// The delivery that it is about.
    pub delivery: Option<DeliveryBrief>,
    /// The attempt that it is about.
    pub attempt: Option<AttemptBrief>,
    /// The state that the delivery came into.
    pub state: Option<DeliveryState>,
    /// Why.
    pub reason: Option<String>,
}

/// What can be told to whoever has read up to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All that came after it.
    Kept,
    /// What came directly after it is not kept any more.
    Expired,
    /// There has been no such place.
    Unknown,
}

impl Store {
    /// What happened in `project` after `after`, the first of it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn journal_after(&self, project: ProjectId, after: Place) -> StoreResult<Page> {
        let mut connection = self.snapshot().await?;
        let horizon = horizon(&mut connection).await?;
        let gone = gone(&mut connection, project).await?;
        let rows = query(
            "SELECT position, written_at, entries_json
             FROM (SELECT position, written_at, entries_json,
                          sum(entries) OVER (ORDER BY position) - entries AS before
                   FROM (SELECT position, written_at, entries, entries_json FROM journal
                         WHERE project_id = $1 AND position >= $2 AND position < $3
                           AND NOT (position = $2 AND entries <= $4)
                         ORDER BY position LIMIT $5) AS next) AS page
             WHERE before < $5 ORDER BY position",
        )
        .bind(project.to_string())
        .bind(after.position)
        .bind(horizon)
        .bind(after.number)
        .bind(PAGE)
        .fetch_all(&mut connection)
        .await?;
        let (mut entries, mut reach) = (Vec::new(), after.max(gone));
        for row in &rows {
            let position = row.number("position")?;
            let all: Vec<Entry> = row.json("entries_json")?;
            for (number, entry) in (1..).zip(all) {
                let place = Place { position, number };
                if place > after {
                    entries.push((place, row.time("written_at")?, entry));
                }
                reach = place;
            }
        }
        let details = Details::of(&mut connection, project, &entries).await?;
        Ok(Page {
            after,
            reach,
            gap: (gone > after).then_some(gone),
            happenings: entries
                .into_iter()
                .map(|entry| details.tell(entry))
                .collect(),
        })
    }

    /// The place of the last thing that happened in `project`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn journal_head(&self, project: ProjectId) -> StoreResult<Place> {
        let mut connection = self.read().await?;
        head(&mut connection, project).await
    }

    /// What can be told to whoever has read the journal of `project` up to `place`, and the place
    /// before the first thing that is kept.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn journal_standing(
        &self,
        project: ProjectId,
        place: Place,
    ) -> StoreResult<(Standing, Place)> {
        let mut connection = self.snapshot().await?;
        let head = head(&mut connection, project).await?;
        let gone = gone(&mut connection, project).await?;
        let standing = match place {
            place if place > head => Standing::Unknown,
            place if place >= gone => Standing::Kept,
            _ => Standing::Expired,
        };
        Ok((standing, gone))
    }

    /// The place in `project` after which is what happened since `time`. It is found by halving, as
    /// far as times follow positions: a clock that was set back makes it an approximation.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn journal_since(&self, project: ProjectId, time: Timestamp) -> StoreResult<Place> {
        let mut connection = self.snapshot().await?;
        let first = first_since(&mut connection, project, time).await?;
        last_before(&mut connection, project, first).await
    }
}

async fn head(connection: &mut Connection, project: ProjectId) -> StoreResult<Place> {
    let horizon = horizon(connection).await?;
    last_before(connection, project, horizon).await
}

/// The last place in `project` before `position`; up to where the journal is gone if there is none.
async fn last_before(
    connection: &mut Connection,
    project: ProjectId,
    position: i64,
) -> StoreResult<Place> {
    let row = query(
        "SELECT position, entries FROM journal WHERE project_id = $1 AND position < $2
         ORDER BY position DESC LIMIT 1",
    )
    .bind(project.to_string())
    .bind(position)
    .fetch_optional(&mut *connection)
    .await?;
    match row {
        Some(row) => end_of(&row),
        None => gone(connection, project).await,
    }
}

/// A position of `project` that parts what was written before `time` from the rest.
pub(in crate::store) async fn first_since(
    connection: &mut Connection,
    project: ProjectId,
    time: Timestamp,
) -> StoreResult<i64> {
    let horizon = horizon(connection).await?;
    let bounds = query(
        "SELECT min(position) AS first, max(position) + 1 AS beyond FROM journal
         WHERE project_id = $1 AND position < $2",
    )
    .bind(project.to_string())
    .bind(horizon)
    .fetch_one(&mut *connection)
    .await?;
    let bounds = (bounds.number_opt("first")?, bounds.number_opt("beyond")?);
    let (Some(mut low), Some(mut high)) = bounds else {
        return Ok(horizon);
    };
    while low < high {
        let middle: i64 = low + (high - low) / 2;
        let row = query(
            "SELECT position, written_at FROM journal WHERE project_id = $1 AND position >= $2
             ORDER BY position LIMIT 1",
        )
        .bind(project.to_string())
        .bind(middle)
        .fetch_one(&mut *connection)
        .await?;
        match row.time("written_at")? < time {
            true => low = row.number::<i64>("position")? + 1,
            false => high = middle,
        }
    }
    Ok(low)
}
