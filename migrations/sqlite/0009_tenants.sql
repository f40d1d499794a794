-- What tenants may do: scopes of keys, quotas and states of projects.

-- `scopes_json` is null where a key has all scopes, those to come included. `last_used_at` is right to
-- a minute. A key that was rotated names its successor, and ends soon.
ALTER TABLE api_keys ADD COLUMN scopes_json TEXT;
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;
ALTER TABLE api_keys ADD COLUMN successor_id TEXT;

-- A quota that does not stand in `quotas_json` is the configured one. A project is active or removing:
-- the row of one that is removed goes last, with its name.
ALTER TABLE projects ADD COLUMN quotas_json TEXT NOT NULL DEFAULT '{}';
ALTER TABLE projects ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
ALTER TABLE projects ADD COLUMN removal_job_id TEXT;

-- What quotas have refused; the rows go with the project.
CREATE TABLE quota_refusals (
    project_id TEXT    NOT NULL,
    quota      TEXT    NOT NULL,
    count      INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    PRIMARY KEY (project_id, quota)
) STRICT, WITHOUT ROWID;
