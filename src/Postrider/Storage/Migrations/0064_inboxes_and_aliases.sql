-- Where new conversations go: inboxes by name, and the addresses that lead to them (Conversations).
CREATE TABLE inbox(
  id BLOB NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,                -- lower case
  created_at INTEGER NOT NULL
) STRICT;

-- name: the part before the @, made clean (AliasName). domain: in its ASCII form; empty: any domain that counts as the hub's own.
-- refusal: what the sender is told when the contact rule refuses; NULL: the usual words.
CREATE TABLE alias(
  id BLOB NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  domain TEXT NOT NULL,
  inbox_id BLOB NOT NULL REFERENCES inbox(id),
  contact_rule TEXT NOT NULL CHECK (contact_rule IN ('everyone', 'known-contacts', 'followers')),
  refusal TEXT,
  active INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE(name, domain)
) STRICT;
CREATE INDEX alias_inbox ON alias(inbox_id);

-- NULL: it was begun here, or came in by no alias.
ALTER TABLE conversation ADD COLUMN inbox_id BLOB REFERENCES inbox(id);
CREATE INDEX conversation_inbox ON conversation(inbox_id, last_message_at);

-- What the receiving Exchange says of the sender's address: passed or failed; NULL: it said nothing, or the message did not come in.
ALTER TABLE thread_message ADD COLUMN sender_check TEXT;

-- Message-IDs that messages refer to and that are not here: an answer may come before what it answers.
CREATE TABLE awaited_header_id(
  header_id TEXT NOT NULL,
  message_id BLOB NOT NULL REFERENCES thread_message(id) ON DELETE CASCADE,
  PRIMARY KEY(header_id, message_id)
) STRICT;
CREATE INDEX awaited_header_id_message ON awaited_header_id(message_id);

-- The key that signs reply addresses (ReplyTokens), sealed. One row.
CREATE TABLE reply_token_key(
  id BLOB NOT NULL PRIMARY KEY,
  sealed_key BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- Whom a reply address let in who took no part before: one sender for each mail.
CREATE TABLE reply_token_use(
  outbox_mail_id BLOB NOT NULL PRIMARY KEY,
  address_key TEXT NOT NULL,
  used_at INTEGER NOT NULL
) STRICT;
