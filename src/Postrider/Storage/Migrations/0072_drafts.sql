-- Messages that are being written: one for each person and conversation, any number of new ones. As entered: nothing in them has been checked.

create table message_draft (
    id              blob    not null primary key,
    person_id       blob    not null references person (id) on delete cascade,
    conversation_id blob    references conversation (id) on delete cascade,   -- null: it would begin one
    once_key        text    not null,         -- of the form: what has been sent with it is not saved again
    to_field        text,
    cc_field        text,
    bcc_field       text,
    subject         text,
    words           text,
    with_quote      integer not null,         -- an answer quotes what it answers
    saved_at        integer not null,
    unique (person_id, conversation_id)
) strict;

create table message_draft_file (
    id         blob    not null primary key,
    draft_id   blob    not null references message_draft (id) on delete cascade,
    position   integer not null,
    file_name  text    not null,
    media_type text    not null,
    size       integer not null,              -- bytes
    body_id    blob    not null references body (id)
) strict;
create index message_draft_by_key on message_draft (person_id, once_key);
create index message_draft_file_by_draft on message_draft_file (draft_id, position);
