-- Conversations as a shared inbox: state, whose it is, who follows it, and what people did in it besides writing mail.

alter table conversation add column closed_at integer;                                            -- null: open; a new message opens it again
alter table conversation add column assigned_to blob references person (id) on delete set null;   -- null: nobody
alter table conversation add column last_incoming integer not null default 0;                     -- number of the last message that came in, reports included; 0: none did
update conversation set last_incoming = coalesce((select max(m.number) from thread_message m where m.conversation_id = conversation.id and m.direction <> 'outgoing'), 0);
create index conversation_by_assigned on conversation (assigned_to, last_message_at);

-- Who is told when something happens in it.
create table conversation_follower (
    conversation_id blob    not null references conversation (id) on delete cascade,
    person_id       blob    not null references person (id) on delete cascade,
    followed_at     integer not null,
    primary key (conversation_id, person_id)
) strict;
create index conversation_follower_by_person on conversation_follower (person_id);

-- Internal notes, and who assigned, closed and reopened. None of it is a message: nothing here has a header, a recipient or a mail.
create table conversation_act (
    id              blob    not null primary key,
    conversation_id blob    not null references conversation (id) on delete cascade,
    after_number    integer not null,         -- stands in the thread behind the message of this number; 0: before all
    kind            text    not null check (kind in ('note', 'assigned', 'closed', 'reopened', 'moved')),
    person_id       blob,                     -- who; null: the hub, because a message came
    person_name     text    not null,         -- as it was then; empty for the hub
    words           text,                     -- the note; whom it was assigned to, null for nobody; the inbox it was moved to, null for none
    done_at         integer not null
) strict;
create index conversation_act_by_conversation on conversation_act (conversation_id, done_at);

-- Notes have no number of their own: they are new to a person by their time.
alter table conversation_seen add column seen_at integer not null default 0;
update conversation_seen set seen_at = coalesce((select c.last_message_at from conversation c where c.id = conversation_seen.conversation_id), 0);

-- Recipients that no header named: addresses with commas between them; null for none.
alter table thread_message add column hidden_recipients text;

-- The contacts page: found by any part of name and address, and a name given by hand stays.
alter table contact add column search_key text not null default '';           -- address and name, folded
alter table contact add column named_by_hand integer not null default 0;
update contact set search_key = address_key || ' ' || lower(coalesce(name, ''));
create index contact_by_search_key on contact (search_key);
create index conversation_participant_by_contact on conversation_participant (contact_id);
