"""Runs a program on a terminal of its own: terminal.py ANSWER PROGRAM ARGS... types ANSWER when it is asked [y/N].

Before that it runs the shell command WHEN_ASKED, and prints what that says. A program that Deno stops to ask for a
permission ("Allow?") is killed.
"""
import os, pty, signal, subprocess, sys

answer, command = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
said = b""
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    said += chunk
    sys.stdout.buffer.write(chunk)
    sys.stdout.flush()
    if b"Allow?" in said:
        os.kill(pid, signal.SIGKILL)
    if said.count(b"[y/N]") > 0:
        said = b""
        if "WHEN_ASKED" in os.environ:
            sys.stdout.buffer.write(subprocess.run(["sh", "-c", os.environ["WHEN_ASKED"]], capture_output=True).stdout)
        os.write(terminal, answer.encode() + b"\n")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
