-- Retention and erasure: what tells in one look what is past its time, and what is kept although it
-- is. Nothing here is read on the way of an event.

-- When the payload of an event was wiped. The row stays: that it happened, when, and what came of it.
ALTER TABLE events ADD COLUMN erased_at INTEGER;

-- Events past their time that something still needs: a delivery that is pending or dead, or reactions
-- that are not carried out yet. They are looked at again at `look_at`; the row goes with the event.
-- Where logs are partitions that are dropped as a whole, the events themselves would be moved here.
CREATE TABLE kept_events (
    event_id TEXT    NOT NULL PRIMARY KEY,
    look_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_events_by_look ON kept_events (look_at);

-- Deliveries that have ended, by when they did.
CREATE INDEX deliveries_ended ON deliveries (state, updated_at) WHERE state <> 'pending';

CREATE INDEX event_keys_by_time ON event_keys (received_at);
CREATE INDEX skip_rows_by_hour ON skip_rows (hour);
CREATE INDEX skip_counts_by_minute ON skip_counts (minute);
CREATE INDEX endpoints_deleted ON endpoints (id) WHERE deleted_at IS NOT NULL;

-- When a revision ended: no event that came later has met it. Of the one that says that its listener
-- is deleted, when that was.
ALTER TABLE listener_revisions ADD COLUMN ended_at INTEGER;
UPDATE listener_revisions SET ended_at = updated_at WHERE state = 'deleted';
UPDATE listener_revisions SET ended_at = (
    SELECT next.updated_at FROM listener_revisions AS next
    WHERE next.project_id = listener_revisions.project_id
      AND next.listener_id = listener_revisions.listener_id
      AND next.revision = listener_revisions.revision + 1)
WHERE until_version IS NOT NULL;
CREATE INDEX listener_revisions_ended ON listener_revisions (project_id, ended_at)
    WHERE ended_at IS NOT NULL;
