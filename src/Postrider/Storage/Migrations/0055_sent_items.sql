-- Sent Items: the folder of each mailbox that an outgoing server signs in to (OutgoingServers). mailbox: normalised address. folder: as IMAP names it.
CREATE TABLE sent_items_folder(
  server_id BLOB NOT NULL REFERENCES outgoing_server(id),
  mailbox TEXT NOT NULL,
  folder TEXT NOT NULL,
  PRIMARY KEY(server_id, mailbox)
) STRICT;

-- Mails of which the line broke after the final dot (OutgoingMail). The row stays when the mail is settled.
-- times: how often that happened. since: when it was noted last. next_look_at: when Sent Items is looked into; NULL: a person decides.
CREATE TABLE unknown_mail(
  mail_id BLOB NOT NULL PRIMARY KEY REFERENCES outbox_mail(id),
  times INTEGER NOT NULL,
  since INTEGER NOT NULL,
  next_look_at INTEGER
) STRICT;
CREATE INDEX unknown_mail_next ON unknown_mail(next_look_at) WHERE next_look_at IS NOT NULL;
-- What a person found to have been sent kept its problem.
UPDATE outbox_mail SET problem = NULL WHERE state = 3 AND problem IS NOT NULL;
INSERT INTO unknown_mail(mail_id, times, since, next_look_at)
SELECT m.id, 1, m.due_at, CASE WHEN s.kind = 'outlook' THEN m.due_at END FROM outbox_mail m JOIN outgoing_server s ON s.id = m.server_id WHERE m.state = 8;

-- Each look into Sent Items. outcome: found, absent, cannot-search. mailbox, folder, uid, message_id: where it was found, and the Message-ID it bears there.
-- problem: why it could not be searched. by_user: who asked for the look, NULL for the hub itself.
CREATE TABLE sent_items_look(
  id BLOB NOT NULL PRIMARY KEY,
  mail_id BLOB NOT NULL REFERENCES outbox_mail(id),
  at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  mailbox TEXT,
  folder TEXT,
  uid INTEGER,
  message_id TEXT,
  problem TEXT,
  by_user BLOB
) STRICT;
CREATE INDEX sent_items_look_mail ON sent_items_look(mail_id, id);

-- What reports told of a recipient after the mail had been sent. fate: see Fate. permanent: of a bounce, 1 when trying again is of no use.
-- reason: see BounceReason, by its name. diagnostic: the server's words.
CREATE TABLE recipient_fate(
  mail_id BLOB NOT NULL REFERENCES outbox_mail(id),
  n INTEGER NOT NULL,
  fate INTEGER NOT NULL,
  permanent INTEGER NOT NULL,
  status TEXT,
  reason TEXT NOT NULL,
  diagnostic TEXT,
  at INTEGER NOT NULL,
  PRIMARY KEY(mail_id, n)
) STRICT;

-- Hard bounces of an address since the last delivery, each mail once. address: normalised.
CREATE TABLE hard_bounce(
  address TEXT NOT NULL,
  mail_id BLOB NOT NULL REFERENCES outbox_mail(id),
  at INTEGER NOT NULL,
  PRIMARY KEY(address, mail_id)
) STRICT;

-- Addresses that no mail goes to. address: normalised. reason: see SuppressionReason. detail: the server's words, or the note of who added it.
-- mail_id: the mail whose bounce or complaint it was. by_user: who added it by hand.
CREATE TABLE suppressed_address(
  id BLOB NOT NULL PRIMARY KEY,
  address TEXT NOT NULL UNIQUE,
  reason INTEGER NOT NULL,
  detail TEXT,
  since INTEGER NOT NULL,
  mail_id BLOB REFERENCES outbox_mail(id),
  by_user BLOB
) STRICT;
