-- What endpoints may decide beside the rest: how long a connection may take to be made, and the statuses after which a
-- delivery is not tried again. Null stands for the gateway's limit, and for none.
ALTER TABLE endpoints ADD COLUMN connect_timeout_ms bigint;
ALTER TABLE endpoints ADD COLUMN final_statuses_json text;
