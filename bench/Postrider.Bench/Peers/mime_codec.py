"""Puts transfer encodings on and takes them off as MimeCodecBench does, with Python's binascii, and prints the seconds it took."""
import binascii
import random
import time

SIZE = 10_000_000
random.seed(1)
binary = random.randbytes(SIZE)
sentence = "Die Bäckerei öffnet um sechs Uhr, wie jeden Tag, und schließt erst am späten Nachmittag; so steht es an der Tür.\r\n".encode()
text = (sentence * (SIZE // len(sentence) + 1))[:SIZE]
lines = [binary[at : at + 57] for at in range(0, SIZE, 57)]
base64 = b"\r\n".join(binascii.b2a_base64(line, newline=False) for line in lines)
quoted = binascii.b2a_qp(text, istext=True)
assert binascii.a2b_qp(quoted) == text and binascii.a2b_base64(base64) == binary

total = 0.0
said = []
for name, work in [
    ("encode base64", lambda: b"\r\n".join([binascii.b2a_base64(line, newline=False) for line in lines])),
    ("encode quoted-printable", lambda: binascii.b2a_qp(text, istext=True)),
    ("decode base64", lambda: binascii.a2b_base64(base64)),
    ("decode quoted-printable", lambda: binascii.a2b_qp(quoted)),
]:
    best = min(took for _ in range(3) for began in [time.process_time()] for _ in [work()] for took in [time.process_time() - began])
    total += best
    said.append(f"{name} {SIZE / best / 1e6:.0f} MB/s")
print(f"{total:.3f} seconds: " + ", ".join(said))
