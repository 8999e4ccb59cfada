"""The anchor of a public key, made from its definition in src/wire/PROTOCOL.md, "Channel": no code of rcopy.

anchor.py KIND HEX: KIND is ed25519, p256, p384 or rsa, HEX the SubjectPublicKeyInfo. Prints the certificate in hexadecimal,
and the server name.
"""
import base64
import hashlib
import sys


def element(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 + len(digits)]) + digits + content


def sequence(*parts):
    return element(0x30, *parts)


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    out = bytes([first * 40 + second])
    for number in rest:
        digits = [number & 127]
        while number := number >> 7:
            digits.append(number & 127 | 128)
        out += bytes(reversed(digits))
    return element(6, out)


def extension(number, critical, value):
    return sequence(oid(number), element(1, b"\xff") if critical else b"", element(4, value))


kind, spki = sys.argv[1], bytes.fromhex(sys.argv[2])
algorithm = {
    "ed25519": sequence(oid("1.3.101.112")),
    "p256": sequence(oid("1.2.840.10045.4.3.2")),
    "p384": sequence(oid("1.2.840.10045.4.3.3")),
    "rsa": sequence(oid("1.2.840.113549.1.1.11"), element(5)),
}[kind]
digest = hashlib.sha256(spki).digest()
label = base64.b32encode(digest).decode().rstrip("=").lower()
name = sequence(element(0x31, sequence(oid("2.5.4.3"), element(12, label.encode()))))
body = sequence(
    element(0xA0, element(2, b"\x02")),  # version 3
    element(2, b"\x01"),
    algorithm,
    name,
    sequence(element(0x17, b"000101000000Z"), element(0x18, b"99991231235959Z")),
    name,
    spki,
    element(
        0xA3,
        sequence(
            extension("2.5.29.19", True, sequence(element(1, b"\xff"))),
            extension("2.5.29.15", True, bytes.fromhex("03020106")),
            extension("2.5.29.14", False, element(4, digest[:20])),
        ),
    ),
)
print(sequence(body, algorithm, element(3, b"\0" + bytes(64))).hex(), f"{label}.rcopy.invalid")
