-- max_connections: sessions with the server at a time at most (OutgoingServers). Outlook's is Microsoft's 3, another server's 1 to 50.
ALTER TABLE outgoing_server ADD COLUMN max_connections INTEGER NOT NULL DEFAULT 5;
UPDATE outgoing_server SET max_connections = 3 WHERE kind = 'outlook';
