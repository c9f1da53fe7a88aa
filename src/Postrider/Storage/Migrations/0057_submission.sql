-- What came with mail that another program handed in by SMTP (Submission, OutgoingMail/WireForms.cs).
-- body_form: what the bytes ask of a server: 1 8BITMIME, 2 SMTPUTF8 too; NULL nothing.
-- dsn_*: RFC 3461 as the program asked, NULL for not asked. dsn_return_whole: RET, 1 FULL, 0 HDRS. dsn_envelope_id: ENVID, decoded.
ALTER TABLE outbox_mail ADD COLUMN body_form INTEGER;
ALTER TABLE outbox_mail ADD COLUMN dsn_return_whole INTEGER;
ALTER TABLE outbox_mail ADD COLUMN dsn_envelope_id TEXT;
-- dsn_notify: NOTIFY, the sum of 1 SUCCESS, 2 FAILURE, 4 DELAY; 0 is NEVER. dsn_original: ORCPT, decoded, as rfc822;ann@example.com.
ALTER TABLE outbox_recipient ADD COLUMN dsn_notify INTEGER;
ALTER TABLE outbox_recipient ADD COLUMN dsn_original TEXT;
