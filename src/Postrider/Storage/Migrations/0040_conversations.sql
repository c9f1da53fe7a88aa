-- Conversations (Discuss): contacts, threads, their messages and files.
-- Ids are UUIDv7 as 16 bytes, instants UTC microseconds, addresses twice: as written, and in lower case for comparing.

create table contact (
    id             blob    not null primary key,
    address        text    not null,
    address_key    text    not null unique,       -- lower case: mailboxes of Microsoft 365 do not tell case apart
    name           text,                          -- the last name a message gave; null when none did
    created_at     integer not null
) strict;

create table conversation (
    id              blob    not null primary key,
    subject         text    not null,             -- as its first message said, without Re:
    started_at      integer not null,
    last_message_at integer not null,             -- orders the list; by arrival, never by the Date header
    message_count   integer not null
) strict;
create index conversation_by_time on conversation (last_message_at desc, id desc);

-- Who takes part. Only these people's answers join the conversation (docs/flows/receive-a-mail.md, step 5).
create table conversation_participant (
    conversation_id blob    not null references conversation (id) on delete cascade,
    address_key     text    not null,
    contact_id      blob    not null references contact (id),
    joined_at       integer not null,
    primary key (conversation_id, address_key)
) strict;

create table thread_message (
    id                  blob    not null primary key,
    conversation_id     blob    not null references conversation (id) on delete cascade,
    number              integer not null,         -- 1, 2, 3... in its conversation: the order of the thread
    direction           text    not null check (direction in ('incoming', 'outgoing', 'report')),
    author_name         text,
    author_address      text    not null,
    author_user_id      blob,                     -- the person of the hub who wrote it; null for what came in
    subject             text    not null,
    header_id           text,                     -- Message-ID without angle brackets; null when it had none
    reference_ids       text    not null,         -- Message-IDs it refers to, oldest first, one blank between
    dated_at            integer,                  -- what its Date header claims; null when absent or unreadable
    created_at          integer not null,         -- when it entered here
    text_body           text,                     -- the text alternative, or what the HTML reads like; null when there is neither
    text_cut            integer not null,         -- 1: longer than what is kept here; the original holds all
    html_body_id        blob    references body (id),                     -- HTML as sent, hostile; sanitised each time it is shown
    raw_body_id         blob    references body (id),                     -- the original bytes; null for what was written here
    sent_from           text,                     -- outgoing: the address it left with, where a server replaced the author's; lower case
    fingerprint         blob,                     -- SHA-256 of author, subject and body: tells a second copy from another message
    automatic           integer not null,         -- 1: it says of itself that no person wrote it (RFC 3834)
    explanation         text,                     -- why it stands in this conversation; null for what was written here
    outbox_mail_id      blob    unique,           -- outgoing only
    delivery_state      text,                     -- outgoing only: waiting, sent, refused...; the reason stands with the mail
    delivery_changed_at integer,
    unique (conversation_id, number)
) strict;

create table thread_message_recipient (
    message_id  blob    not null references thread_message (id) on delete cascade,
    position    integer not null,
    field       text    not null check (field in ('to', 'cc', 'reply-to')),
    name        text,
    address     text    not null,
    address_key text    not null,
    primary key (message_id, position)
) strict;

-- Every Message-ID a message is known by: its own, and the one it had before Exchange rewrote it.
create table known_header_id (
    header_id  text not null,
    message_id blob not null references thread_message (id) on delete cascade,
    primary key (header_id, message_id)
) strict;

create table thread_attachment (
    id          blob    not null primary key,
    message_id  blob    not null references thread_message (id) on delete cascade,
    position    integer not null,                 -- incoming: the index among the attachments of the original
    file_name   text    not null,
    media_type  text    not null,
    size        integer not null,                 -- decoded bytes
    content_id  text,
    body_id     blob    references body (id)     -- null: it is read out of the original
) strict;
create index thread_attachment_by_message on thread_attachment (message_id, position);

-- Up to which message a person has read a conversation.
create table conversation_seen (
    conversation_id blob    not null references conversation (id) on delete cascade,
    user_id         blob    not null,
    seen_until      integer not null,             -- the number of the last message seen
    primary key (conversation_id, user_id)
) strict;
