-- The project in the rows of what is worked on, and the shard that counts in those of what is counted:
-- the columns are the same as on PostgreSQL, where many nodes write.

CREATE TABLE queue_anew (
    delivery_id TEXT    NOT NULL PRIMARY KEY,
    project_id  TEXT    NOT NULL,
    endpoint_id TEXT    NOT NULL,
    due_at      INTEGER NOT NULL,
    owner       TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO queue_anew (delivery_id, project_id, endpoint_id, due_at, owner)
    SELECT q.delivery_id, d.project_id, q.endpoint_id, q.due_at, q.owner
    FROM queue AS q JOIN deliveries AS d ON d.id = q.delivery_id;
DROP TABLE queue;
ALTER TABLE queue_anew RENAME TO queue;
CREATE INDEX queue_due ON queue (endpoint_id, due_at, delivery_id) WHERE owner IS NULL;
CREATE INDEX queue_owned ON queue (endpoint_id, due_at, owner) WHERE owner IS NOT NULL;

-- Its rows tell of this hour alone, so it begins anew.
DROP TABLE skip_rows;
CREATE TABLE skip_rows (
    project_id  TEXT    NOT NULL,
    listener_id TEXT    NOT NULL,
    hour        INTEGER NOT NULL,
    shard       INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    PRIMARY KEY (project_id, listener_id, hour, shard)
) STRICT, WITHOUT ROWID;
CREATE INDEX skip_rows_by_hour ON skip_rows (hour);

CREATE TABLE skip_counts_anew (
    project_id  TEXT    NOT NULL,
    listener_id TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    minute      INTEGER NOT NULL,
    shard       INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    first_event TEXT    NOT NULL,
    last_event  TEXT    NOT NULL,
    PRIMARY KEY (project_id, listener_id, reason, minute, shard)
) STRICT, WITHOUT ROWID;
INSERT INTO skip_counts_anew
    (project_id, listener_id, reason, minute, shard, count, first_event, last_event)
    SELECT project_id, listener_id, reason, minute, 0, count, first_event, last_event FROM skip_counts;
DROP TABLE skip_counts;
ALTER TABLE skip_counts_anew RENAME TO skip_counts;
CREATE INDEX skip_counts_by_minute ON skip_counts (minute);

CREATE TABLE kept_events_anew (
    event_id   TEXT    NOT NULL PRIMARY KEY,
    project_id TEXT    NOT NULL,
    look_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO kept_events_anew (event_id, project_id, look_at)
    SELECT k.event_id, e.project_id, k.look_at
    FROM kept_events AS k JOIN events AS e ON e.id = k.event_id;
DROP TABLE kept_events;
ALTER TABLE kept_events_anew RENAME TO kept_events;
CREATE INDEX kept_events_by_look ON kept_events (look_at);
