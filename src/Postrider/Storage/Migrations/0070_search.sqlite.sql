-- Full-text search over conversations (Conversations/SearchIndex.cs): one entry for each message and each internal note.
-- Both engines are given words that SearchWords has folded already: letters and digits in lower case, without accents, one blank between.

create table search_entry (
    number          integer not null primary key,  -- ascending as they were written: the newest is found first
    entry_id        blob    not null unique,       -- of a thread_message or a conversation_act
    conversation_id blob    not null references conversation (id) on delete cascade,
    has_attachment  integer not null
) strict;
create index search_entry_by_conversation on search_entry (conversation_id);

-- Contentless: the words stand with their messages already. rowid is search_entry.number.
create virtual table search_text using fts5 (subject, sender, recipients, words, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2');

create trigger search_entry_deleted after delete on search_entry begin
    delete from search_text where rowid = old.number;
end;
create trigger thread_message_unsearchable after delete on thread_message begin
    delete from search_entry where entry_id = old.id;
end;

-- What is there already.
insert into search_entry (entry_id, conversation_id, has_attachment)
select m.id, m.conversation_id, exists (select 1 from thread_attachment a where a.message_id = m.id) from thread_message m order by m.created_at, m.id;

insert into search_text (rowid, subject, sender, recipients, words)
select e.number, m.subject, coalesce(m.author_name, '') || ' ' || m.author_address,
    coalesce((select string_agg(coalesce(r.name, '') || ' ' || r.address, ' ') from thread_message_recipient r where r.message_id = m.id and r.field <> 'reply-to'), ''),
    coalesce(substr(m.text_body, 1, 100000), '') || ' ' || coalesce((select string_agg(a.file_name, ' ') from thread_attachment a where a.message_id = m.id), '')
from search_entry e join thread_message m on m.id = e.entry_id;
