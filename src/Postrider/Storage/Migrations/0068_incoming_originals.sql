alter table incoming_mail add column keep_original integer not null default 1;  -- 0: raw_body_id becomes an empty body once the message is settled
alter table incoming_mail add column tidy_due integer not null default 0;       -- 1: it is to be marked or moved in its mailbox, and has not been yet
create index incoming_mail_tidy on incoming_mail (server_id) where tidy_due = 1;
-- With the server: else the next index looks as good for finding a second copy, and is not.
drop index incoming_mail_by_content;
create index incoming_mail_by_content on incoming_mail (raw_sha256, server_id);
create index incoming_mail_by_server on incoming_mail (server_id, stored_at);
