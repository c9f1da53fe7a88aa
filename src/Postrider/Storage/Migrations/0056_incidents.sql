-- Incidents (Journal): what stops mail, one for each cause. cause: about, key and problem code, with colons between.
-- problem: JSON, as it was seen last. times: how often it was seen. ended_how: by-itself, test-connection or change; a cause that comes back soon opens the same row again.
-- told_at, end_told_at: when the administrators were written to, once each.
CREATE TABLE incident(
  id BLOB NOT NULL PRIMARY KEY,
  cause TEXT NOT NULL,
  about TEXT NOT NULL,
  about_key TEXT NOT NULL,
  problem TEXT NOT NULL,
  needs_person INTEGER NOT NULL,
  first_seen_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  times INTEGER NOT NULL,
  ended_at INTEGER,
  ended_how TEXT,
  ended_by BLOB,
  told_at INTEGER,
  end_told_at INTEGER
) STRICT;
CREATE UNIQUE INDEX incident_open ON incident(cause) WHERE ended_at IS NULL;
CREATE INDEX incident_about ON incident(about, about_key) WHERE ended_at IS NULL;
CREATE INDEX incident_ended ON incident(cause, ended_at);

-- The incident a server rests for: when it ends, the server is used again at once.
ALTER TABLE outgoing_server ADD COLUMN incident_id BLOB REFERENCES incident(id);
ALTER TABLE incoming_server ADD COLUMN incident_id BLOB REFERENCES incident(id);
CREATE INDEX outgoing_server_incident ON outgoing_server(incident_id);
CREATE INDEX incoming_server_incident ON incoming_server(incident_id);

-- A person holds a server: nothing is sent through it until it is released. held_reason: in that person's words.
ALTER TABLE outgoing_server ADD COLUMN held_at INTEGER;
ALTER TABLE outgoing_server ADD COLUMN held_by BLOB;
ALTER TABLE outgoing_server ADD COLUMN held_reason TEXT;

-- Credentials that are refused are asked with again after a fixed time.
ALTER TABLE outlook_application DROP COLUMN failures;
