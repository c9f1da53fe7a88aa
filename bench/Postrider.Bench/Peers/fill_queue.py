"""Puts waiting mails into the database of a hub that is stopped: copies of its only mail, on the lane of usual mail. Prints the seconds."""
import sqlite3
import sys
import time

# Microseconds: postponed for a hundred days, so that nothing of it is sent meanwhile.
LATER = 100 * 86_400_000_000
file, count = sys.argv[1], int(sys.argv[2])
started = time.perf_counter()
database = sqlite3.connect(file, isolation_level=None)
server, body, creator, now = database.execute("SELECT server_id, body_id, creator, put_at FROM outbox_mail LIMIT 1").fetchone()
database.execute("BEGIN")
database.executemany(
    "INSERT INTO outbox_mail(id, message_id, state, lane, subject, written_from, header_from, envelope_from, server_id, rule, why, body_id, size, creator, put_at, due_at, life_from)"
    " VALUES(?, ?, 1, 1, 'filler', 'ann@example.com', 'ann@example.com', 'ann@example.com', ?, 'Domain', 'filler', ?, 5120, ?, ?, ?, ?)",
    # Ids older than any that the hub makes, in the order of time, as its own are.
    ((b"\x01\x00" + n.to_bytes(14, "big"), f"{n}@filler.example", server, body, creator, now - count + n, now + LATER + n, now - count + n) for n in range(count)))
database.executemany("INSERT INTO outbox_recipient(mail_id, n, role, address, state) VALUES(?, 0, 'to', 'ben@example.org', 0)", ((b"\x01\x00" + n.to_bytes(14, "big"),) for n in range(count)))
database.execute("COMMIT")
database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
database.close()
print(f"{time.perf_counter() - started:.1f} seconds for {count} mails")
