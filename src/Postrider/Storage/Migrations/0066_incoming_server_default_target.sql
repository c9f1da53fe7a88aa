-- Where mail of this mailbox goes that answers nothing and names no alias: a new conversation, in an inbox where one is named; or quarantine.
ALTER TABLE incoming_server ADD COLUMN unrouted TEXT NOT NULL DEFAULT 'conversation' CHECK (unrouted IN ('conversation', 'quarantine'));
ALTER TABLE incoming_server ADD COLUMN default_inbox_id BLOB REFERENCES inbox(id);
