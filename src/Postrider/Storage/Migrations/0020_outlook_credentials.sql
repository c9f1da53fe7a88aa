-- The Azure application (OutlookCredentials). problem: JSON of what stops every mailbox of the application; retry_at: not asked again before.
CREATE TABLE outlook_application(
  only_row INTEGER NOT NULL PRIMARY KEY CHECK(only_row = 1),
  client_id TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  changed_by BLOB,
  problem TEXT,
  problem_at INTEGER,
  retry_at INTEGER,
  failures INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Its client secrets, sealed by Data Protection; the newest is used. expires_on: yyyy-mm-dd as noted from the Azure portal, NULL when it was not noted.
CREATE TABLE outlook_client_secret(
  id BLOB NOT NULL PRIMARY KEY,
  sealed BLOB NOT NULL,
  expires_on TEXT,
  added_at INTEGER NOT NULL,
  added_by BLOB
) STRICT;
