-- Outgoing mail (OutgoingMail). state: see OutboxState.cs. body_id: the bytes as they go over the wire, built once when the mail is put.
-- idempotency_key: the creator's id, a colon and the key that came with the request; NULL for none.
-- why: the explanation of ServerChoice. request_hash: SHA-256 of what was asked with the idempotency key, to tell a repetition from a mistake.
-- tries: attempts in which the mail was really offered. claim: the process that is sending it, NULL otherwise.
CREATE TABLE outbox_mail(
  id BLOB NOT NULL PRIMARY KEY,
  message_id TEXT NOT NULL,
  state INTEGER NOT NULL,
  subject TEXT NOT NULL,
  written_from TEXT NOT NULL,
  header_from TEXT NOT NULL,
  envelope_from TEXT NOT NULL,
  server_id BLOB NOT NULL REFERENCES outgoing_server(id),
  rule TEXT NOT NULL,
  why TEXT NOT NULL,
  body_id BLOB NOT NULL REFERENCES body(id),
  size INTEGER NOT NULL,
  creator BLOB,
  idempotency_key TEXT,
  request_hash BLOB,
  put_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  claim BLOB,
  problem TEXT,
  finished_at INTEGER
) STRICT;
CREATE UNIQUE INDEX outbox_mail_idempotency ON outbox_mail(idempotency_key);
CREATE INDEX outbox_mail_due ON outbox_mail(server_id, due_at) WHERE state <= 1;
CREATE INDEX outbox_mail_sending ON outbox_mail(claim) WHERE state = 2;
CREATE INDEX outbox_mail_state ON outbox_mail(state, id);
CREATE INDEX outbox_mail_message_id ON outbox_mail(message_id);

-- Whom a mail goes to. role: to, cc, bcc. state: see RecipientState. reply: the server's last word about this recipient.
CREATE TABLE outbox_recipient(
  mail_id BLOB NOT NULL REFERENCES outbox_mail(id),
  n INTEGER NOT NULL,
  role TEXT NOT NULL,
  name TEXT,
  address TEXT NOT NULL,
  state INTEGER NOT NULL,
  reply TEXT,
  settled_at INTEGER,
  PRIMARY KEY(mail_id, n)
) STRICT;

-- Attempts to send. Written before the attempt. stage: 0 begun, 1 about to send the final dot, 2 settled.
-- A row that is found at stage 1 after a crash makes its mail unknown: the server may hold it.
CREATE TABLE delivery_attempt(
  id BLOB NOT NULL PRIMARY KEY,
  mail_id BLOB NOT NULL REFERENCES outbox_mail(id),
  server_id BLOB NOT NULL,
  started_at INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  ended_at INTEGER,
  outcome TEXT,
  problem TEXT,
  transcript TEXT
) STRICT;
CREATE INDEX delivery_attempt_mail ON delivery_attempt(mail_id, started_at);
