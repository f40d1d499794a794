-- What must stay as it is from start to start. `secrets_key` names the key that secrets are sealed
-- with: a gateway with another one does not start.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A sealed secret says which key it was sealed with.
INSERT INTO settings (name, value)
SELECT 'secrets_key', lower(hex(substr(sealed, 2, 8))) FROM endpoint_secrets LIMIT 1;
