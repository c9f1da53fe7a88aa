-- Full-text search over conversations (Conversations/SearchIndex.cs): one entry for each message and each internal note.
-- Both engines are given words that SearchWords has folded already: letters and digits in lower case, without accents, one blank between.
-- Weights: A subject, B sender, C recipients, D words and names of files.

create table search_entry (
    number          bigint   not null generated always as identity primary key,  -- ascending as they were written: the newest is found first
    entry_id        bytea    not null unique,       -- of a thread_message or a conversation_act
    conversation_id bytea    not null references conversation (id) on delete cascade,
    has_attachment  bigint   not null,
    words           tsvector not null
);
create index search_entry_by_conversation on search_entry (conversation_id);
create index search_entry_by_words on search_entry using gin (words);

create function thread_message_unsearchable() returns trigger language plpgsql as $$
begin
    delete from search_entry where entry_id = old.id;
    return old;
end $$;
create trigger thread_message_unsearchable after delete on thread_message for each row execute function thread_message_unsearchable();

-- What is there already.
insert into search_entry (entry_id, conversation_id, has_attachment, words)
select m.id, m.conversation_id, case when exists (select 1 from thread_attachment a where a.message_id = m.id) then 1 else 0 end,
    setweight(to_tsvector('simple', regexp_replace(lower(m.subject), '[^[:alnum:]]+', ' ', 'g')), 'A')
    || setweight(to_tsvector('simple', regexp_replace(lower(coalesce(m.author_name, '') || ' ' || m.author_address), '[^[:alnum:]]+', ' ', 'g')), 'B')
    || setweight(to_tsvector('simple', regexp_replace(lower(coalesce((select string_agg(coalesce(r.name, '') || ' ' || r.address, ' ') from thread_message_recipient r where r.message_id = m.id and r.field <> 'reply-to'), '')), '[^[:alnum:]]+', ' ', 'g')), 'C')
    || setweight(to_tsvector('simple', regexp_replace(lower(substr(coalesce(m.text_body, ''), 1, 100000) || ' ' || coalesce((select string_agg(a.file_name, ' ') from thread_attachment a where a.message_id = m.id), '')), '[^[:alnum:]]+', ' ', 'g')), 'D')
from thread_message m order by m.created_at, m.id;
