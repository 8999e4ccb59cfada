"""Makes a tree of everything that copies badly. Python, because Deno cannot spell names that are not UTF-8.

odd_tree.py ROOT          makes ROOT and all below it
odd_tree.py ROOT --utf8   leaves out names and link texts that are not UTF-8
"""

import os
import sys

root = os.fsencode(sys.argv[1])
exact = "--utf8" not in sys.argv[2:]
day = 86_400 * 10**9
now = 1_700_000_000 * 10**9


def pattern(size, seed):
    """Bytes that differ from file to file and from block to block."""
    block = b"".join(((seed + 1) * (i + 7919) & 0xFFFFFFFF).to_bytes(4, "little") for i in range(1021))
    return (block * (size // len(block) + 1))[:size]


def file(directory, name, size=11, mode=0o644, mtime=now):
    path = os.path.join(directory, name)
    with open(path, "wb") as out:
        out.write(pattern(size, len(name) + size))
    os.chmod(path, mode)
    os.utime(path, ns=(mtime, mtime))


def link(directory, name, target, mtime=now):
    path = os.path.join(directory, name)
    os.symlink(target, path)
    os.utime(path, ns=(mtime, mtime), follow_symlinks=False)


later = []


def folder(directory, name, mode=0o755, mtime=now):
    """Its mode and time are set at the end, when everything in it is there."""
    path = os.path.join(directory, name)
    os.mkdir(path)
    later.append((path, mode, mtime))
    return path


os.mkdir(root)

names = folder(root, b"names")
for i in list(range(1, 32)) + [127]:
    file(names, b"control-" + bytes([i]) + b"-x")
for name in [
    b"-rf", b"--help", b" ", b" leading", b"trailing ", b"a\nb", b"\n", b"tab\there", b"\x1b[1A\rok", b"\x1b]52;c;A\x07",
    b"\\", b"a\\b", b"C:\\x", b"*", b"?", b"$HOME", b"`id`", b"'", b'"', b"...", b"..a", b".hidden", b"~", b"#", b"%41",
    "é".encode(), "e\u0301".encode(), "ß".encode(), b"ss", b"A", b"a", "\u202egnp.exe".encode(), "\u009b2J".encode(),
    "\ufffd".encode(), "\U0001f4c1".encode(), b"n" * 255, "é".encode() * 127, b".rcopy", b"CON", b"aux.txt",
]:
    file(names, name)
if exact:
    for name in [b"\xe9", b"\xea", b"\xff\xfe", b"caf\xe9", b"\xc3", b"\x80" * 255, b"\xed\xa0\x80", b"\x9b2J"]:
        file(names, name)
    file(folder(names, b"directory-\xff"), b"inside")
    link(names, b"link-\xfe", b"\xff\xfe")

sizes = folder(root, b"sizes")
for size in [0, 1, 4095, 4096, 4097, 65535, 65536, 65537]:
    file(sizes, b"%d" % size, size)
for size in [2**20 - 1, 2**20, 2**20 + 1, 2**22 - 1, 2**22, 2**22 + 1, 10_000_000]:
    file(sizes, b"%d" % size, size)

modes = folder(root, b"modes")
for mode in [0, 0o111, 0o200, 0o222, 0o400, 0o444, 0o600, 0o640, 0o644, 0o700, 0o755, 0o777, 0o070, 0o007, 0o421, 0o356]:
    file(modes, b"file-%03o" % mode, mode=mode)
    file(folder(modes, b"directory-%03o" % mode, mode), b"inside")
    folder(modes, b"empty-%03o" % mode, mode)

times = folder(root, b"times")
for name, mtime in [
    (b"epoch", 0), (b"1ns", 1), (b"999999999ns", 999_999_999), (b"now-and-1ns", now + 1), (b"now-999999999ns", now + 999_999_999),
    (b"before-1970", -day), (b"before-1970-and-1ns", -day + 1), (b"minus-1ns", -1), (b"1901", -2_147_483_648 * 10**9),
    (b"2106", 4_294_967_295 * 10**9), (b"1ms", now + 1_000_000),
]:
    file(times, name, mtime=mtime)
    link(times, b"link-" + name, b"x", mtime)
    folder(times, b"directory-" + name, mtime=mtime)

folder(root, b"empty")
read_only = folder(root, b"read-only", 0o555)
file(folder(folder(read_only, b"below", 0o555), b"deeper", 0o500), b"file", mode=0o444)
folder(read_only, b"empty", 0o555)

deep = folder(root, b"deep")
for i in range(120):
    deep = folder(deep, b"d%d" % i)
file(deep, b"bottom", 5000)

links = folder(root, b"links")
file(links, b"target")
for name, target in [
    (b"relative", b"target"), (b"up", b"../sizes/1"), (b"absolute", b"/etc/hostname"), (b"dangling", b"nowhere"),
    (b"self", b"self"), (b"loop-a", b"loop-b"), (b"loop-b", b"loop-a"), (b"parent", b".."), (b"dot", b"."),
    (b"outside", b"../../../../../../../../etc/passwd"), (b"to-directory", b"../names"), (b"long", b"l" * 3000),
    (b"control", b"a\x1b[2J\nb"),
]:
    link(links, name, target)

many = folder(root, b"many")
for i in range(600):
    file(many, b"f%03d" % i, i * 7 % 9000, mtime=now + i)

for path, mode, mtime in reversed(later):
    os.utime(path, ns=(mtime, mtime))
    os.chmod(path, mode)
