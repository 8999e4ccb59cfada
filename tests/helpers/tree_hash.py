"""The tree hash of a directory from its definition in src/wire/PROTOCOL.md; every hash is made by xxhsum.

tree_hash.py ROOT [STEP]: times are cut to STEP nanoseconds, which is what an engine keeps of them; all are by default.
"""
import os
import struct
import subprocess
import sys

EXTENT = 4 * 1024 * 1024
root = os.fsencode(sys.argv[1])
step = int(sys.argv[2]) if len(sys.argv) > 2 else 1


def xxh3(content):
    """XXH3-128 of bytes, in its canonical order."""
    run = subprocess.run(["xxhsum", "-H2"], input=content, stdout=subprocess.PIPE, check=True)
    return bytes.fromhex(run.stdout.split()[0].decode())


def file_hash(path, size):
    with open(path, "rb") as file:
        if size <= EXTENT:
            return xxh3(file.read())
        return xxh3(b"".join(xxh3(file.read(EXTENT)) for _ in range(-(-size // EXTENT))))


fields = subprocess.run(
    ["find", root, "-mindepth", "1", "-printf", r"%P\0%y\0%m\0%s\0%l\0%T@\0"], stdout=subprocess.PIPE, check=True
).stdout.split(b"\0")[:-1]
count = total = 0
for at in range(0, len(fields), 6):
    path, kind, mode, size, link, time = fields[at : at + 6]
    full = os.path.join(root, path)
    size = int(size) if kind == b"f" else 0
    mode = 0 if kind == b"l" else int(mode, 8) & 0o777
    if kind == b"f":
        content = file_hash(full, size)
    elif kind == b"l":
        content = xxh3(link)
    else:
        content = bytes(16)
    seconds, nanos = time.split(b".")
    nanos = int(nanos[:9]) // step * step
    record = struct.pack("<BBHQ", 1, b" fdl".index(kind), mode, size) + content + bytes(16)
    record += struct.pack("<qI", int(seconds), nanos) + path
    total += int.from_bytes(xxh3(record), "big")
    count += 1
print(f"{count}-{total % 2**128:032x}")
