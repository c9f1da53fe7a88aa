-- What a server has shown about the senders its account may use (OutgoingServers): address stands in From, normalised.
-- allowed: 1 it took a mail from that address, 0 it refused one as Exchange does (SendAsDenied, 5.7.60). reply: its last word.
CREATE TABLE send_as(
  server_id BLOB NOT NULL REFERENCES outgoing_server(id),
  address TEXT NOT NULL,
  allowed INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  reply TEXT,
  PRIMARY KEY(server_id, address)
) STRICT;

-- Each user has one server of one's own at most.
CREATE UNIQUE INDEX outgoing_server_owner ON outgoing_server(owner) WHERE owner IS NOT NULL;
