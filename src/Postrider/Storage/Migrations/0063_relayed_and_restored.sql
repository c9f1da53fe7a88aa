-- Reports of success (OutgoingMail/SubmitterReports). relayed: 1 while its submitter is still to be told that a server without DSN took the mail for this recipient.
-- relay_owed_at: since when such a report of the mail is owed; NULL: none is.
ALTER TABLE outbox_recipient ADD COLUMN relayed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox_mail ADD COLUMN relay_owed_at INTEGER;
CREATE INDEX outbox_mail_relayed ON outbox_mail(relay_owed_at) WHERE relay_owed_at IS NOT NULL;

-- Counts on as mail is sent, and stands in the file postrider.mark as well (OutgoingMail/RestoreWatch): a database that is behind the file is an older backup.
CREATE TABLE sending_mark(
  only_row INTEGER NOT NULL PRIMARY KEY CHECK(only_row = 1),
  mark INTEGER NOT NULL
) STRICT;
INSERT INTO sending_mark(only_row, mark) VALUES(1, 0);

-- With a million mails in the queue: a body that is deleted asks whether a mail has it, and a user's own list begins with the newest.
CREATE INDEX outbox_mail_body ON outbox_mail(body_id);
CREATE INDEX outbox_mail_creator ON outbox_mail(creator, id);
