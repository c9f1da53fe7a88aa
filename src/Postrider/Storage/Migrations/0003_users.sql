-- People who sign in (Users). email is unique without regard to case: email_key is its lower-case form.
-- access is 'settings' or 'user'. password_hash is NULL until the person has followed the password link.
CREATE TABLE person(
  id BLOB NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL UNIQUE,
  access TEXT NOT NULL,
  password_hash TEXT,
  time_zone TEXT,
  created_at INTEGER NOT NULL,
  last_sign_in_at INTEGER
) STRICT;

-- A signed-in browser. Its cookie names the row; deleting the row signs it out, wherever the cookie was copied to.
CREATE TABLE session(
  id BLOB NOT NULL PRIMARY KEY,
  person_id BLOB NOT NULL REFERENCES person(id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX session_person ON session(person_id);

-- One-time links to set a password: only the SHA-256 of the token is kept. A new link replaces the person's older one.
CREATE TABLE password_link(
  person_id BLOB NOT NULL PRIMARY KEY REFERENCES person(id) ON DELETE CASCADE,
  token_hash BLOB NOT NULL UNIQUE,
  expires_at INTEGER NOT NULL
) STRICT;

-- API keys: only the SHA-256 is kept, and the first characters, by which a person tells them apart.
CREATE TABLE api_key(
  id BLOB NOT NULL PRIMARY KEY,
  person_id BLOB NOT NULL REFERENCES person(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  beginning TEXT NOT NULL,
  key_hash BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER
) STRICT;
CREATE INDEX api_key_person ON api_key(person_id);
