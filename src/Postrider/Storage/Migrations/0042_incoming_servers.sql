create table incoming_server (
    id                 blob    not null primary key,
    name               text    not null,
    kind               text    not null check (kind in ('outlook', 'imap')),
    user_name          text    not null,
    host               text    not null,
    port               integer not null,
    security           text    not null check (security in ('tls', 'starttls', 'none')),
    sealed_password    blob,                      -- Data Protection; null for Outlook
    outlook_account_id blob,                      -- null until connected
    folder             text    not null,
    starts             text    not null check (starts in ('now', 'everything')),
    mark_seen          integer not null,          -- 1: \Seen is set after the message is safe here
    state              text    not null check (state in ('draft', 'confirmed')),
    version            integer not null,          -- counts changes: a watcher of an older version starts again
    created_at         integer not null,
    confirmed_at       integer,
    last_contact_at    integer,                   -- when the mailbox last answered
    last_mail_at       integer,                   -- when a message last came in
    problem            text,                      -- the last failure as JSON; null while all is well
    problem_at         integer,                   -- since when
    next_try_at        integer
) strict;
create index incoming_server_by_name on incoming_server (name, id);

-- How far a folder has been read. Written together with the messages it counts.
create table mailbox_cursor (
    server_id    blob    not null references incoming_server (id) on delete cascade,
    folder       text    not null,
    uid_validity integer not null,
    next_uid     integer not null,                -- the lowest UID not yet taken
    not_before   integer,                         -- messages the mailbox got before this are passed over; null: none are
    updated_at   integer not null,
    primary key (server_id, folder)
) strict;
