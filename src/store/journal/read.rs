//! Reading the journal: what happened after a place, with the details that are still kept.

use futures_util::TryStreamExt as _;

use super::{
    Entry,
    details::{AttemptBrief, DeliveryBrief, Details, EventBrief},
};
use crate::{
    domain::{
        delivery::DeliveryState,
        happening::{HappeningKind, Place},
        ids::ProjectId,
        time::Timestamp,
    },
    store::{
        Connection, Store, StoreResult,
        sql::{query, query_scalar},
    },
};

/// How many happenings a page has before it takes no further row.
const PAGE: usize = 500;

/// What happened after a place.
#[derive(Debug, Clone)]
pub struct Page {
    /// It is what came after this place.
    pub after: Place,
    /// It reaches up to this place.
    pub reach: Place,
    /// Whether something between `after` and the first of these is not kept any more.
    pub has_gap: bool,
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
        let (mut entries, mut first, mut reach) = (Vec::new(), None, after);
        let mut rows = query(
            "SELECT position, written_at, entries_json FROM journal
             WHERE project_id = $1 AND position >= $2 AND NOT (position = $2 AND entries <= $3)
             ORDER BY position",
        )
        .bind(project.to_string())
        .bind(after.position)
        .bind(after.number)
        .fetch(&mut connection);
        while let Some(row) = rows.try_next().await? {
            let position = row.number("position")?;
            first.get_or_insert(position);
            let all: Vec<Entry> = row.json("entries_json")?;
            for (number, entry) in (1..).zip(all) {
                let place = Place { position, number };
                if place > after {
                    entries.push((place, row.time("written_at")?, entry));
                }
                reach = place;
            }
            if entries.len() >= PAGE {
                break;
            }
        }
        drop(rows);
        let details = Details::of(&mut connection, project, &entries).await?;
        Ok(Page {
            after,
            reach,
            has_gap: first.is_some_and(|first| first > after.position + 1),
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
        let row = query(
            "SELECT position, entries FROM journal WHERE project_id = $1
             ORDER BY position DESC LIMIT 1",
        )
        .bind(project.to_string())
        .fetch_optional(&mut connection)
        .await?;
        row.map_or(Ok(Place::default()), |row| {
            Ok(Place {
                position: row.number("position")?,
                number: row.number("entries")?,
            })
        })
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
        let head = self.journal_head(project).await?;
        let mut connection = self.read().await?;
        let first: Option<i64> =
            query_scalar("SELECT min(position) FROM journal WHERE project_id = $1")
                .bind(project.to_string())
                .fetch_one(&mut connection)
                .await?;
        let before_first = Place {
            position: first.map_or(0, |first| first - 1),
            number: 0,
        };
        let standing = match place {
            place if place > head => Standing::Unknown,
            // Nothing was before the first thing that ever happened.
            place if place.position > before_first.position || before_first.position == 0 => {
                Standing::Kept
            }
            _ => Standing::Expired,
        };
        Ok((standing, before_first))
    }

    /// The place in `project` after which is what happened since `time`. It is found by halving, as
    /// far as times follow positions: a clock that was set back makes it an approximation.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn journal_since(&self, project: ProjectId, time: Timestamp) -> StoreResult<Place> {
        let mut connection = self.snapshot().await?;
        let position = first_since(&mut connection, project, time).await? - 1;
        let entries = query("SELECT entries FROM journal WHERE project_id = $1 AND position = $2")
            .bind(project.to_string())
            .bind(position)
            .fetch_optional(&mut connection)
            .await?;
        Ok(Place {
            position,
            number: entries.map_or(Ok(0), |row| row.number("entries"))?,
        })
    }
}

/// The first position of `project` that was written at `time` or later; the one after the last if
/// there is none.
pub(in crate::store) async fn first_since(
    connection: &mut Connection,
    project: ProjectId,
    time: Timestamp,
) -> StoreResult<i64> {
    let bounds = query(
        "SELECT coalesce(min(position), 1) AS first, coalesce(max(position), 0) + 1 AS beyond
         FROM journal WHERE project_id = $1",
    )
    .bind(project.to_string())
    .fetch_one(&mut *connection)
    .await?;
    let (mut low, mut high): (i64, i64) = (bounds.number("first")?, bounds.number("beyond")?);
    while low < high {
        let middle = low + (high - low) / 2;
        let is_before: bool = query_scalar(
            "SELECT written_at < $3 FROM journal WHERE project_id = $1 AND position = $2",
        )
        .bind(project.to_string())
        .bind(middle)
        .bind(time.as_millis())
        .fetch_one(&mut *connection)
        .await?;
        match is_before {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    Ok(low)
}
