-- The journal: what happened in each project, in the order in which it became durable. A step of the
-- store that accepts events, records attempts or changes the state of deliveries writes what it did
-- as entries of one or a few rows, in its transaction; the details stay where they are, in the logs.
-- Rows go after `retention.journal`; the newest one of a project stays, so that no position comes twice.

CREATE TABLE journal (
    project_id   TEXT    NOT NULL,
    position     INTEGER NOT NULL, -- 1, 2, 3, … in each project
    written_at   INTEGER NOT NULL,
    entries      INTEGER NOT NULL, -- how many there are in the row
    entries_json TEXT    NOT NULL,
    PRIMARY KEY (project_id, position)
) STRICT;
