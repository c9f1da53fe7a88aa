-- What a list of incoming mail shows without opening its bytes, and what loops are counted by.
ALTER TABLE incoming_mail ADD COLUMN sender TEXT;             -- as it names itself; NULL: nobody that can be read
ALTER TABLE incoming_mail ADD COLUMN sender_key TEXT;         -- its address for comparing
ALTER TABLE incoming_mail ADD COLUMN subject TEXT;
CREATE INDEX incoming_mail_by_sender ON incoming_mail(sender_key, settled_at);

-- A person put it away: state 'done', outcome 'discarded', and the reason stays so that it can be taken back.
ALTER TABLE incoming_mail ADD COLUMN discarded_at INTEGER;
ALTER TABLE incoming_mail ADD COLUMN discarded_by BLOB;
CREATE INDEX incoming_mail_discarded ON incoming_mail(id) WHERE outcome = 'discarded';

-- Automatic answers of ours: who was told that a mail was not accepted (IncomingMail/Refusals). state: due, told, dropped.
CREATE TABLE refusal(
  incoming_mail_id BLOB NOT NULL PRIMARY KEY REFERENCES incoming_mail(id),
  recipient TEXT NOT NULL,
  recipient_key TEXT NOT NULL,
  refused_by TEXT NOT NULL,                     -- the address that did not accept it
  subject TEXT NOT NULL,
  header_id TEXT,                               -- Message-ID of the refused mail; NULL: it had none
  text TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('due', 'told', 'dropped')),
  decided_at INTEGER NOT NULL
) STRICT;
CREATE INDEX refusal_due ON refusal(decided_at) WHERE state = 'due';
CREATE INDEX refusal_recipient ON refusal(recipient_key, decided_at);
