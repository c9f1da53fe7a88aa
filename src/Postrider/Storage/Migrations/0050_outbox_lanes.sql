-- Outgoing mail in lanes, claimed in batches, within budgets (OutgoingMail, OutgoingServers/SendingBudget).
-- lane: 0 urgent, 1 usual, 2 bulk. life_from: when its five days began: put, the time it was scheduled for, or a person's Retry.
-- begun: claims since an attempt was last settled; a mail that ends the process each time is set aside by it.
-- attempt_at, stage: of the attempt that is under way. stage: 0 claimed, 1 about to send the final dot; after a crash stage 1 makes the mail unknown: the server may hold it.
-- report_to: who is told of delay and failure (RFC 3464), NULL for nobody. delay_told_at, failure_told_at: when that was done.
ALTER TABLE outbox_mail ADD COLUMN lane INTEGER NOT NULL DEFAULT 1;
ALTER TABLE outbox_mail ADD COLUMN life_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox_mail ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox_mail ADD COLUMN attempt_at INTEGER;
ALTER TABLE outbox_mail ADD COLUMN stage INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox_mail ADD COLUMN report_to TEXT;
ALTER TABLE outbox_mail ADD COLUMN delay_told_at INTEGER;
ALTER TABLE outbox_mail ADD COLUMN failure_told_at INTEGER;
UPDATE outbox_mail SET life_from = put_at;
-- An attempt that was under way when the older version stopped.
UPDATE outbox_mail SET attempt_at = a.started_at, stage = a.stage
FROM (SELECT mail_id, started_at, stage FROM delivery_attempt WHERE stage < 2) AS a
WHERE a.mail_id = outbox_mail.id AND outbox_mail.state = 2;
DELETE FROM delivery_attempt WHERE stage < 2;
ALTER TABLE delivery_attempt DROP COLUMN stage;

DROP INDEX outbox_mail_due;
DROP INDEX outbox_mail_idempotency;
CREATE INDEX outbox_mail_due ON outbox_mail(server_id, lane, due_at) WHERE state <= 1;
CREATE UNIQUE INDEX outbox_mail_idempotency ON outbox_mail(idempotency_key) WHERE idempotency_key IS NOT NULL;
-- How much of one submitter waits, for the lane of the next.
CREATE INDEX outbox_mail_submitter ON outbox_mail(server_id, creator) WHERE state <= 1 AND lane = 1;
CREATE INDEX outbox_mail_delayed ON outbox_mail(life_from) WHERE report_to IS NOT NULL AND delay_told_at IS NULL AND state <= 1;
CREATE INDEX outbox_mail_untold ON outbox_mail(finished_at) WHERE report_to IS NOT NULL AND failure_told_at IS NULL AND state IN (4, 5, 6);

-- The rows of one mail lie together and are found by its id: no second tree.
CREATE TABLE outbox_recipient_new(
  mail_id BLOB NOT NULL REFERENCES outbox_mail(id),
  n INTEGER NOT NULL,
  role TEXT NOT NULL,
  name TEXT,
  address TEXT NOT NULL,
  state INTEGER NOT NULL,
  reply TEXT,
  settled_at INTEGER,
  PRIMARY KEY(mail_id, n)
) STRICT, WITHOUT ROWID;
INSERT INTO outbox_recipient_new SELECT mail_id, n, role, name, address, state, reply, settled_at FROM outbox_recipient;
DROP TABLE outbox_recipient;
ALTER TABLE outbox_recipient_new RENAME TO outbox_recipient;

-- What a mailbox or a tenant may send. meter: "mailbox:" and the address in lower case, or "tenant:" and its id. NULL in a column: as it is by default; 0: no limit.
-- licences: of the tenant, for Microsoft's limit of external recipients (TERRL).
CREATE TABLE sending_budget(
  meter TEXT NOT NULL PRIMARY KEY,
  messages_per_minute INTEGER,
  recipients_per_day INTEGER,
  external_per_day INTEGER,
  licences INTEGER,
  changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was sent, by minute (UTC minutes since 1970), for a day. For a tenant recipients are those outside it.
CREATE TABLE sending_use(
  meter TEXT NOT NULL,
  minute INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  PRIMARY KEY(meter, minute)
) STRICT, WITHOUT ROWID;
