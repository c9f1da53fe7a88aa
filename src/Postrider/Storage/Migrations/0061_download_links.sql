-- max_email_size: megabytes of a mail written here over which its files go as download links (OutgoingServers). NULL: the system parameter base.default_max_email_size.
ALTER TABLE outgoing_server ADD COLUMN max_email_size INTEGER;

-- Files that were left out of a mail: its text names an address from which each is fetched without an account (OutgoingMail).
-- token_hash: SHA-256 of what stands in that address; the token itself is in the mail alone. body_id: NULL once the link has ended and the bytes may go.
-- downloads: how often it was fetched. revoked_at, revoked_by: NULL unless somebody ended it before its time.
CREATE TABLE download_link(
  id BLOB NOT NULL PRIMARY KEY,
  mail_id BLOB NOT NULL REFERENCES outbox_mail(id),
  n INTEGER NOT NULL,
  token_hash BLOB NOT NULL UNIQUE,
  file_name TEXT NOT NULL,
  size INTEGER NOT NULL,
  body_id BLOB REFERENCES body(id),
  expires_at INTEGER NOT NULL,
  downloads INTEGER NOT NULL DEFAULT 0,
  revoked_at INTEGER,
  revoked_by BLOB
) STRICT;
CREATE INDEX download_link_mail ON download_link(mail_id, n);
CREATE INDEX download_link_body ON download_link(body_id);
CREATE INDEX download_link_expires ON download_link(expires_at) WHERE body_id IS NOT NULL;

-- When a file was fetched: the first thousand times of each.
CREATE TABLE download(
  link_id BLOB NOT NULL REFERENCES download_link(id),
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY(link_id, n)
) STRICT;
