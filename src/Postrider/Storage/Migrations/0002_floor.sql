-- What happened, written in the transaction in which it happened (Journal).
CREATE TABLE journal_event(
  id BLOB NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  subject_id BLOB,
  text TEXT NOT NULL,
  by_user BLOB
) STRICT;
CREATE INDEX journal_event_subject ON journal_event(subject, subject_id, at);

-- Settings, System Parameters (Settings/SystemParameters.cs).
CREATE TABLE system_parameter(
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  changed_by BLOB
) STRICT;

-- Apps that are installed (Apps/InstalledApps.cs).
CREATE TABLE installed_app(
  name TEXT NOT NULL PRIMARY KEY,
  installed_at INTEGER NOT NULL,
  installed_by BLOB
) STRICT;
