-- What came out of a mailbox: the original bytes first, then what became of them.
create table incoming_mail (
    id              blob    not null primary key,
    server_id       blob    not null,             -- no foreign key: the mail stays when its server is deleted
    folder          text    not null,
    uid_validity    integer not null,
    uid             integer not null,
    internal_date   integer,                      -- when the mailbox got it; null when the server did not say
    stored_at       integer not null,
    size            integer not null,
    raw_sha256      blob    not null,
    raw_body_id     blob    not null references body (id),
    state           text    not null check (state in ('stored', 'done', 'quarantined')),
    outcome         text,                         -- reply, new, report, duplicate, own-copy; null until decided
    explanation     text,                         -- why, in one sentence
    conversation_id blob,
    message_id      blob,
    problem_code    text,                         -- quarantined only
    problem_text    text,
    tries           integer not null default 0,
    settled_at      integer,
    -- The promise "exactly once": RFC 3501 section 2.3.1.1 makes the three unique for ever.
    unique (server_id, folder, uid_validity, uid)
) strict;
create index incoming_mail_waiting on incoming_mail (id) where state <> 'done';
create index incoming_mail_by_content on incoming_mail (raw_sha256);
