-- A draft goes with its writer. Whoever else deletes a file's row has deleted its body already, or given it to another owner; what is left is the sweep's (Storage/Bodies.cs).
create function message_draft_file_deleted() returns trigger language plpgsql as $$
begin
    update body set settled = 0 where id = old.body_id;
    return old;
end $$;
create trigger message_draft_file_deleted after delete on message_draft_file for each row execute function message_draft_file_deleted();
