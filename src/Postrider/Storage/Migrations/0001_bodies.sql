-- Message bytes (Storage/Bodies.cs). length and sha256 stay NULL until the last chunk is in.
-- settled = 1: a row owns it; 0: it was streamed in and waits for its owner, else the sweep takes it.
CREATE TABLE body(
  id BLOB NOT NULL PRIMARY KEY,
  length INTEGER,
  sha256 BLOB,
  settled INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX body_unsettled ON body(created_at) WHERE settled = 0;

CREATE TABLE body_chunk(
  body_id BLOB NOT NULL REFERENCES body(id),
  n INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY(body_id, n)
) STRICT;

-- Data Protection's key ring, each key wrapped by the certificate of the key file (Storage/KeyFile.cs).
CREATE TABLE data_protection_key(
  id BLOB NOT NULL PRIMARY KEY,
  xml TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- The one key file that opens this database: SHA-256 of its certificate, lower-case hexadecimal.
CREATE TABLE key_file(
  only_row INTEGER NOT NULL PRIMARY KEY CHECK(only_row = 1),
  fingerprint TEXT NOT NULL
) STRICT;
