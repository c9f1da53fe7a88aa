-- What ends on a day known beforehand and stops mail then (Journal): how far the administrators have been told of it. what: its place, such as server-certificate:{server id}; name: in a person's words.
-- days: the last of 60, 30, 7 and 1 days before the end that was told. Another ends_at means another secret or certificate, and begins anew.
CREATE TABLE end_notice(
  what TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  ends_at INTEGER NOT NULL,
  days INTEGER NOT NULL,
  told_at INTEGER NOT NULL
) STRICT;
