-- What lists are filtered by stands in the row, with an index that ends with the id: whatever one
-- filter lets through is read in the order of ids, without a look at anything else.

-- Of a delivery: the type of its event, and how its last attempt went.
ALTER TABLE deliveries ADD COLUMN event_type TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN error_kind TEXT;    -- null where the receiver took it
ALTER TABLE deliveries ADD COLUMN status     INTEGER; -- null where no answer came

UPDATE deliveries SET event_type = (SELECT type FROM events WHERE events.id = deliveries.event_id);
UPDATE deliveries
SET (error_kind, status) = (SELECT error_kind, status FROM attempts
                            WHERE delivery_id = deliveries.id
                            ORDER BY number DESC, id DESC LIMIT 1)
WHERE attempts > 0;

-- Those of an endpoint and of a listener now begin with the project: an id of another project
-- finds nothing, at the cost of nothing. Those of an event are few and stay as they are.
DROP INDEX deliveries_by_endpoint;
DROP INDEX deliveries_by_listener;
CREATE INDEX deliveries_by_endpoint ON deliveries (project_id, endpoint_id, id);
CREATE INDEX deliveries_by_listener ON deliveries (project_id, listener_id, id);
CREATE INDEX deliveries_by_type ON deliveries (project_id, event_type, id);
CREATE INDEX deliveries_by_reason ON deliveries (project_id, reason, id) WHERE reason IS NOT NULL;
CREATE INDEX deliveries_by_error_kind ON deliveries (project_id, error_kind, id)
    WHERE error_kind IS NOT NULL;
CREATE INDEX deliveries_by_status ON deliveries (project_id, status, id) WHERE status IS NOT NULL;

-- The same for dead letters alone: few rows have a part in these. `state` stands in each so that
-- the index says all.
CREATE INDEX dead_letters_by_endpoint ON deliveries (project_id, endpoint_id, id, state)
    WHERE state = 'dead';
CREATE INDEX dead_letters_by_listener ON deliveries (project_id, listener_id, id, state)
    WHERE state = 'dead';
CREATE INDEX dead_letters_by_type ON deliveries (project_id, event_type, id, state)
    WHERE state = 'dead';
CREATE INDEX dead_letters_by_reason ON deliveries (project_id, reason, id, state)
    WHERE state = 'dead';
CREATE INDEX dead_letters_by_error_kind ON deliveries (project_id, error_kind, id, state)
    WHERE state = 'dead';
CREATE INDEX dead_letters_by_status ON deliveries (project_id, status, id, state)
    WHERE state = 'dead';

-- Of events; nearly all are `accepted`, which is what the whole log is read for.
CREATE INDEX events_by_source ON events (project_id, source, id);
CREATE INDEX events_by_subject ON events (project_id, subject, id) WHERE subject IS NOT NULL;
CREATE INDEX events_by_state ON events (project_id, state, id) WHERE state <> 'accepted';

-- Of attempts.
DROP INDEX attempts_by_delivery;
CREATE INDEX attempts_by_delivery ON attempts (delivery_id, id);
CREATE INDEX attempts_by_project ON attempts (project_id, id);
CREATE INDEX attempts_by_endpoint ON attempts (project_id, endpoint_id, id);
CREATE INDEX attempts_by_error_kind ON attempts (project_id, error_kind, id)
    WHERE error_kind IS NOT NULL;
CREATE INDEX attempts_by_status ON attempts (project_id, status, id) WHERE status IS NOT NULL;

-- Of what is configured: deleted ones are not gone through.
CREATE INDEX endpoints_by_state ON endpoints (project_id, state, id) WHERE deleted_at IS NULL;
CREATE INDEX listeners_by_state ON listener_revisions (project_id, state, listener_id)
    WHERE until_version IS NULL;
