"""Runs a command in a terminal of its own, types an answer where it asks, and ends as it does.

usage: in_terminal.py ANSWER COMMAND...
"""
import os
import pty
import sys

answer, command = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
said = b""
answered = False
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:  # how Linux reports the end of a terminal
        break
    if not chunk:
        break
    said += chunk
    if not answered and b"Only yes counts" in said:
        answered = True
        os.write(terminal, answer.encode() + b"\n")
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(said)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(status))
