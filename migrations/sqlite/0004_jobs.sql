-- Jobs: long work on many rows, done in small steps. A row says how far a job has come; it moves in
-- the transaction of each step, so that a restart goes on where the job was. Ended jobs go after
-- `retention.jobs`.

CREATE TABLE jobs (
    id            TEXT    NOT NULL PRIMARY KEY,
    project_id    TEXT    NOT NULL,
    state         TEXT    NOT NULL, -- queued, running, done, cancelled or failed
    task_json     TEXT    NOT NULL, -- what is to be done, with its kind
    requested_by  TEXT    NOT NULL, -- an API key, or `operator`
    position      TEXT    NOT NULL DEFAULT '', -- the last thing that was looked at
    total         INTEGER,                     -- how many things are meant; null until counted
    tally_json    TEXT    NOT NULL, -- what came of those that were looked at
    error         TEXT,                        -- why it failed
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    finished_at   INTEGER
) STRICT;
CREATE INDEX jobs_by_project ON jobs (project_id, id);
CREATE INDEX jobs_open ON jobs (id) WHERE finished_at IS NULL;
CREATE INDEX jobs_ended ON jobs (finished_at) WHERE finished_at IS NOT NULL;
