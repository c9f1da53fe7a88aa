-- What a POP3 maildrop holds, or has held until a while ago: so that a message which stays there comes in once.
create table pop_message (
    server_id blob    not null references incoming_server (id) on delete cascade,
    unique_id text    not null,             -- UIDL
    copy      integer not null,             -- from 1: identical messages may share an id
    uid       integer not null,             -- ours: incoming_mail.uid
    state     text    not null check (state in ('due', 'taken', 'passed')),  -- passed: was there before, or is not to be had; never deleted from the maildrop by us
    gone_at   integer,                      -- since when the maildrop does not list it; null while it does
    primary key (server_id, unique_id, copy),
    unique (server_id, uid)
) strict;
create index pop_message_gone on pop_message (server_id, gone_at) where gone_at is not null;
