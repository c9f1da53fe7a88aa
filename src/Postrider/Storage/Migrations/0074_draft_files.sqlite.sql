-- A draft goes with its writer. Whoever else deletes a file's row has deleted its body already, or given it to another owner; what is left is the sweep's (Storage/Bodies.cs).
CREATE TRIGGER message_draft_file_deleted AFTER DELETE ON message_draft_file BEGIN
  UPDATE body SET settled = 0 WHERE id = old.body_id;
END;
