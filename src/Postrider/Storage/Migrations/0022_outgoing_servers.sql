-- Outgoing Mail Servers (OutgoingServers). kind: outlook or smtp. security: none, starttls, tls.
-- owner: the user whose own server it is, NULL for everybody's. size_limit: bytes, from the server's EHLO, NULL until it was seen.
-- problem, paused_until, failures: what stopped the server last, until when it rests, and how often in a row.
CREATE TABLE outgoing_server(
  id BLOB NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  security TEXT NOT NULL,
  user_name TEXT,
  password BLOB,
  from_filter TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  active INTEGER NOT NULL,
  owner BLOB,
  account_id BLOB REFERENCES outlook_account(id),
  size_limit INTEGER,
  problem TEXT,
  problem_at INTEGER,
  paused_until INTEGER,
  failures INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outgoing_server_account ON outgoing_server(account_id);

-- The last Test Connection of each server. transcript: lines with S: or C: before them, secrets redacted.
CREATE TABLE outgoing_server_test(
  server_id BLOB NOT NULL PRIMARY KEY REFERENCES outgoing_server(id),
  at INTEGER NOT NULL,
  by_user BLOB,
  problem TEXT,
  transcript TEXT NOT NULL
) STRICT;
