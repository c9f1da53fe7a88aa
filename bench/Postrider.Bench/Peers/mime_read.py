"""Reads the corpora's messages as MimeReadBench does, with Python's email package, and prints the seconds it took."""
import email
import email.policy
import os
import time

FOLDERS = ["bounces-sisimai", "ham-spamassassin", "mime-cpython", "mime-enmime", "mime-mime4j", "mime-mimekit", "mime-nodemailer", "mime-rubymail", "mime-stalwart", "mime-zbateson", "reply-talon"]
NO_MESSAGES = {".xml", ".json", ".out", ".html", ".bin", ".list", ".dat", ".rtf", ".doc", ".jpg", ".tnef", ".md"}

messages = []
for folder in FOLDERS:
    for path, _, names in os.walk(os.path.join(os.environ["POSTRIDER_CORPORA"], folder, "files")):
        for name in names:
            if os.path.splitext(name)[1].lower() not in NO_MESSAGES and "_decoded" not in name:
                with open(os.path.join(path, name), "rb") as file:
                    messages.append(file.read())

began = time.process_time()
failed = 0
for raw in messages:
    try:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        for field in ("from", "to", "cc", "reply-to", "subject", "date", "message-id", "references"):
            str(message[field])
        for part in message.walk():
            if not part.is_multipart():
                part.get_content() if part.get_content_maintype() == "text" else part.get_payload(decode=True)
    except Exception:
        failed += 1
took = time.process_time() - began
print(f"{took:.2f} seconds for {len(messages)} messages, {sum(map(len, messages)) / took / 1e6:.1f} MB/s, {failed} could not be read")
