-- Whoever deletes a body asks each table that may own it: without these the question reads all of its rows.
CREATE INDEX thread_message_html_body ON thread_message(html_body_id) WHERE html_body_id IS NOT NULL;
CREATE INDEX thread_message_raw_body ON thread_message(raw_body_id) WHERE raw_body_id IS NOT NULL;
CREATE INDEX thread_attachment_body ON thread_attachment(body_id) WHERE body_id IS NOT NULL;
CREATE INDEX incoming_mail_raw_body ON incoming_mail(raw_body_id);
CREATE INDEX message_draft_file_body ON message_draft_file(body_id);
