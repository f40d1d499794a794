-- Counters: how much each project has of what. Whatever changes rows changes these by the same in the
-- same transaction, so that a figure costs a row and not a count over a log. A project's figures are
-- the sums over its shards: one where there is one writer; where many nodes write, each has a shard of
-- its own, so that they do not wait for one row. A single shard may be negative.
CREATE TABLE counters (
    project_id           TEXT    NOT NULL,
    shard                INTEGER NOT NULL,
    events               INTEGER NOT NULL DEFAULT 0,
    stored_bytes         INTEGER NOT NULL DEFAULT 0, -- data of events, captured bodies of responses
    pending              INTEGER NOT NULL DEFAULT 0, -- deliveries, by their state
    delivered            INTEGER NOT NULL DEFAULT 0,
    dead                 INTEGER NOT NULL DEFAULT 0,
    cancelled            INTEGER NOT NULL DEFAULT 0,
    skipped              INTEGER NOT NULL DEFAULT 0,
    skipped_without_rows INTEGER NOT NULL DEFAULT 0,
    fanouts              INTEGER NOT NULL DEFAULT 0,
    endpoints            INTEGER NOT NULL DEFAULT 0, -- that are not deleted
    listeners            INTEGER NOT NULL DEFAULT 0, -- that are not deleted
    PRIMARY KEY (project_id, shard)
) STRICT, WITHOUT ROWID;

INSERT INTO counters (project_id, shard) SELECT id, 0 FROM projects;

UPDATE counters SET events = found.events, stored_bytes = found.bytes
FROM (SELECT project_id, count(*) AS events, sum(length(data)) AS bytes
      FROM events GROUP BY project_id) AS found
WHERE counters.project_id = found.project_id;

UPDATE counters SET stored_bytes = stored_bytes + found.bytes
FROM (SELECT project_id, coalesce(sum(length(response_body)), 0) AS bytes
      FROM attempts GROUP BY project_id) AS found
WHERE counters.project_id = found.project_id;

UPDATE counters SET pending = found.pending, delivered = found.delivered, dead = found.dead,
                    cancelled = found.cancelled, skipped = found.skipped
FROM (SELECT project_id,
             count(CASE WHEN state = 'pending' THEN 1 END) AS pending,
             count(CASE WHEN state = 'delivered' THEN 1 END) AS delivered,
             count(CASE WHEN state = 'dead' THEN 1 END) AS dead,
             count(CASE WHEN state = 'cancelled' THEN 1 END) AS cancelled,
             count(CASE WHEN state = 'skipped' THEN 1 END) AS skipped
      FROM deliveries GROUP BY project_id) AS found
WHERE counters.project_id = found.project_id;

UPDATE counters SET
    skipped_without_rows = (SELECT coalesce(sum(count), 0) FROM skip_counts AS s
                            WHERE s.project_id = counters.project_id),
    fanouts = (SELECT count(*) FROM fanouts AS f WHERE f.project_id = counters.project_id),
    endpoints = (SELECT count(*) FROM endpoints AS e
                 WHERE e.project_id = counters.project_id AND deleted_at IS NULL),
    listeners = (SELECT count(*) FROM listener_revisions AS l
                 WHERE l.project_id = counters.project_id AND until_version IS NULL
                   AND state <> 'deleted');

-- How long the deliveries of an endpoint wait that a node has in memory: by endpoint, then due time.
DROP INDEX queue_owned;
CREATE INDEX queue_owned ON queue (endpoint_id, due_at, owner) WHERE owner IS NOT NULL;
