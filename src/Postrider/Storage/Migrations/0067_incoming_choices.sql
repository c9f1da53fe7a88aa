-- What a person chooses for an incoming server, beyond where its mailbox is.
-- How a server without OAuth is spoken to: its kind is 'imap', whatever it speaks.
alter table incoming_server add column protocol text not null default 'imap' check (protocol in ('imap', 'pop3'));
alter table incoming_server add column start_days integer;                  -- with starts = 'everything': no older than this many days when confirmed; null: of any age
alter table incoming_server add column afterwards text not null default 'leave' check (afterwards in ('leave', 'move', 'delete'));
alter table incoming_server add column move_to text;                        -- the folder; with afterwards = 'move' only
alter table incoming_server add column keep_original integer not null default 1;  -- 0: the original bytes go once the message is in its conversation
alter table incoming_server add column lag integer;                         -- microseconds from the mailbox to the conversation, of the newest message that came while it was watched

-- Catching up with what was in a folder already: so many of so many. All four are null when there is nothing to catch up with.
alter table mailbox_cursor add column catch_total integer;
alter table mailbox_cursor add column catch_done integer;
alter table mailbox_cursor add column catch_base integer;                   -- done already when this run began: for the rate
alter table mailbox_cursor add column catch_since integer;                  -- when this run began
