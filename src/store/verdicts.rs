//! What an event has met, and what became of it: the listeners as they were at that moment, and
//! the traces that their reactions have left.

use std::collections::{BTreeMap, HashMap};

use super::{
    Store, StoreResult,
    deliveries::delivery,
    listeners::listener,
    sql::{list, query, to_json},
    unit::Cursor,
};
use crate::domain::{
    delivery::{Delivery, DeliveryState, SkipReason},
    event::EventState,
    ids::{EventId, ListenerId, ProjectId},
    listener::Listener,
    time::Timestamp,
};

/// How long after an event what was skipped of it is looked for among the counts.
const COUNTED_WITHIN: i64 = 3_600_000;

/// The milliseconds of a minute, in which skips are counted.
const MINUTE: i64 = 60_000;

/// The most deliveries, and the most events of a chain of causes, that are counted.
pub const MAX_COUNTED: u32 = 100_000;

/// A revision of a listener that an event has met.
#[derive(Debug, Clone)]
pub struct MetListener {
    /// The listener as it was.
    pub listener: Listener,
    /// Whether it was changed or deleted since.
    pub superseded: bool,
}

/// Skips that were counted in one minute because there were too many for rows of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedSkips {
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// How many there were in it.
    pub count: u64,
}

/// How many of what came of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consequences {
    /// Deliveries by state.
    pub deliveries: BTreeMap<DeliveryState, u64>,
    /// Events that were emitted for it.
    pub emitted: u64,
    /// Whether there are more than [`MAX_COUNTED`], so that the figures are too small.
    pub cut: bool,
}

impl Store {
    /// Up to `limit` listeners of `project` as they were at `version`, disabled ones too, in the
    /// order of their identifiers, from behind `after` on.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn listeners_met(
        &self,
        project: ProjectId,
        version: i64,
        after: Option<ListenerId>,
        limit: u32,
    ) -> StoreResult<Vec<MetListener>> {
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT * FROM listener_revisions
             WHERE project_id = $1 AND listener_id > $2 AND state <> 'deleted'
               AND from_version <= $3 AND (until_version IS NULL OR until_version > $3)
             ORDER BY listener_id LIMIT $4",
        )
        .bind(project.to_string())
        .bind(after.map(|after| after.to_string()).unwrap_or_default())
        .bind(version)
        .bind(limit)
        .fetch_all(&mut connection)
        .await?;
        let met = rows.iter().map(|row| {
            Ok(MetListener {
                listener: listener(row)?,
                superseded: row.number_opt::<i64>("until_version")?.is_some(),
            })
        });
        met.collect()
    }

    /// Up to `limit` listeners of `project` as they are now, enabled, whose current revision is
    /// newer than `version`: those that changed first come first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn listeners_since(
        &self,
        project: ProjectId,
        version: i64,
        limit: u32,
    ) -> StoreResult<Vec<Listener>> {
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT * FROM listener_revisions
             WHERE project_id = $1 AND from_version > $2 AND until_version IS NULL
               AND state = 'enabled'
             ORDER BY from_version LIMIT $3",
        )
        .bind(project.to_string())
        .bind(version)
        .bind(limit)
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(listener).collect()
    }

    /// The listener called `id` as it was at `version`; none if there was none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn listener_at(
        &self,
        project: ProjectId,
        version: i64,
        id: ListenerId,
    ) -> StoreResult<Option<Listener>> {
        let mut connection = self.read().await?;
        let row = query(
            "SELECT * FROM listener_revisions
             WHERE project_id = $1 AND listener_id = $2 AND state <> 'deleted'
               AND from_version <= $3 AND (until_version IS NULL OR until_version > $3)",
        )
        .bind(project.to_string())
        .bind(id.to_string())
        .bind(version)
        .fetch_optional(&mut connection)
        .await?;
        row.as_ref().map(listener).transpose()
    }

    /// The deliveries of `event` that `listeners` of `project` asked for. The cost follows the number
    /// of deliveries of the event.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn deliveries_for(
        &self,
        project: ProjectId,
        event: EventId,
        listeners: &[ListenerId],
    ) -> StoreResult<Vec<Delivery>> {
        let mut connection = self.read().await?;
        // Behind an operator the listener's column is no way in: a listener may have had millions
        // of deliveries, an event has only its own.
        let rows = query(
            "SELECT d.*, q.due_at FROM deliveries AS d
             LEFT JOIN queue AS q ON q.delivery_id = d.id AND q.project_id = d.project_id
             WHERE d.event_id = $1 AND d.project_id || '' = $2
               AND d.listener_id || '' IN (SELECT value FROM json_each($3))
             ORDER BY d.id",
        )
        .bind(event.to_string())
        .bind(project.to_string())
        .bind(list(listeners))
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(delivery).collect()
    }

    /// What became of the events called `ids`, whosever they are; what is not there is left out.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn event_states(&self, ids: &[EventId]) -> StoreResult<HashMap<EventId, EventState>> {
        let mut connection = self.read().await?;
        let rows =
            query("SELECT id, state FROM events WHERE id IN (SELECT value FROM json_each($1))")
                .bind(list(ids))
                .fetch_all(&mut connection)
                .await?;
        let states = rows.iter();
        states
            .map(|row| Ok((row.parsed("id")?, row.parsed("state")?)))
            .collect()
    }

    /// Where the reactions of `project`'s listeners to `event` are to go on; none if all have been
    /// carried out.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn fanout_place(
        &self,
        project: ProjectId,
        event: EventId,
    ) -> StoreResult<Option<Cursor>> {
        let mut connection = self.read().await?;
        let row = query(
            "SELECT next_listener, next_reaction FROM fanouts
             WHERE event_id = $1 AND project_id = $2",
        )
        .bind(event.to_string())
        .bind(project.to_string())
        .fetch_optional(&mut connection)
        .await?;
        let place = row.map(|row| {
            let begins = row.text("next_listener")?.is_empty();
            let listener = (!begins).then(|| row.parsed("next_listener"));
            Ok(Cursor {
                listener: listener.transpose()?,
                reaction: row.number("next_reaction")?,
            })
        });
        place.transpose()
    }

    /// The minute in which what `listeners` skipped of `event`, which came at `received`, was most
    /// likely counted, by listener and reason; where nothing was counted it is left out.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn counted_skips(
        &self,
        project: ProjectId,
        event: EventId,
        received: Timestamp,
        listeners: &[ListenerId],
    ) -> StoreResult<HashMap<(ListenerId, SkipReason), CountedSkips>> {
        let reasons = |listener: &ListenerId| {
            let listener = listener.to_string();
            let reasons = SkipReason::ALL.iter();
            reasons.map(move |reason| (listener.clone(), reason.as_str()))
        };
        let wanted: Vec<_> = listeners.iter().flat_map(reasons).collect();
        let begin = received.as_millis().div_euclid(MINUTE) * MINUTE;
        let mut connection = self.read().await?;
        // The minute whose first and last event lie around this one goes before others; events that
        // are written together need not be in the order of their names.
        let rows = query(
            "SELECT s.listener_id, s.reason, s.minute, CAST(sum(s.count) AS BIGINT) AS count
             FROM json_each($1) AS w
             CROSS JOIN skip_counts AS s
             WHERE s.project_id = $2 AND s.listener_id = w.value ->> 0
               AND s.reason = w.value ->> 1 AND s.minute >= $3 AND s.minute <= $4
             GROUP BY s.listener_id, s.reason, s.minute
             ORDER BY max(CASE WHEN s.first_event <= $5 AND s.last_event >= $5
                               THEN 1 ELSE 0 END) DESC, s.minute",
        )
        .bind(to_json(&wanted)?)
        .bind(project.to_string())
        .bind(begin)
        .bind(begin + COUNTED_WITHIN)
        .bind(event.to_string())
        .fetch_all(&mut connection)
        .await?;
        let mut found = HashMap::new();
        for row in &rows {
            let counted = CountedSkips {
                minute: row.time("minute")?,
                count: row.number("count")?,
            };
            let key = (row.parsed("listener_id")?, row.parsed("reason")?);
            found.entry(key).or_insert(counted);
        }
        Ok(found)
    }

    /// How many of what came of `event`, whose chain of causes began with `correlation`, by the
    /// listeners of `project`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn consequences(
        &self,
        project: ProjectId,
        event: EventId,
        correlation: EventId,
    ) -> StoreResult<Consequences> {
        let mut snapshot = self.snapshot().await?;
        let rows = query(
            "SELECT state, count(*) AS count FROM (
                 SELECT state FROM deliveries
                 WHERE event_id = $1 AND project_id || '' = $2 AND listener_id IS NOT NULL
                 LIMIT $3) AS counted
             GROUP BY state",
        )
        .bind(event.to_string())
        .bind(project.to_string())
        .bind(MAX_COUNTED)
        .fetch_all(&mut snapshot)
        .await?;
        let emitted = query(
            "SELECT count(*) AS looked_at,
                    count(CASE WHEN causation_id = $2 AND project_id = $3 THEN 1 END) AS emitted
             FROM (SELECT causation_id, project_id FROM events
                   WHERE correlation_id = $1 LIMIT $4) AS chain",
        )
        .bind(correlation.to_string())
        .bind(event.to_string())
        .bind(project.to_string())
        .bind(MAX_COUNTED)
        .fetch_one(&mut snapshot)
        .await?;
        let deliveries = rows.iter();
        let deliveries = deliveries.map(|row| Ok((row.parsed("state")?, row.number("count")?)));
        let deliveries = deliveries.collect::<StoreResult<BTreeMap<_, u64>>>()?;
        let full = u64::from(MAX_COUNTED);
        Ok(Consequences {
            cut: deliveries.values().sum::<u64>() >= full
                || emitted.number::<u64>("looked_at")? >= full,
            emitted: emitted.number("emitted")?,
            deliveries,
        })
    }
}
