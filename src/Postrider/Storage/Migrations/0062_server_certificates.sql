-- client_certificate: PKCS #12 with certificate, issuers and key, sealed (OutgoingServers). A server that has one is signed in to by it. NULL: by user name and password, or not at all.
-- client_certificate_subject, client_certificate_ends_at: of it, to be shown and warned of. trusted_authorities: PEM; certificate authorities that this server alone trusts besides the system's.
ALTER TABLE outgoing_server ADD COLUMN client_certificate BLOB;
ALTER TABLE outgoing_server ADD COLUMN client_certificate_subject TEXT;
ALTER TABLE outgoing_server ADD COLUMN client_certificate_ends_at INTEGER;
ALTER TABLE outgoing_server ADD COLUMN trusted_authorities TEXT;
