"""Runs a program on a terminal of its own: terminal.py ANSWER PROGRAM ARGS... types ANSWER when it is asked [y/N].

Before that it runs the shell command WHEN_ASKED, and prints what that says. A program that Deno stops to ask for a
permission ("Allow?") is killed. With HOLD_UNTIL the terminal stands still (Ctrl-S) from the first output on, until a file
of that name is there (Ctrl-Q).
"""
import os, pty, select, signal, subprocess, sys

answer, command = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
said = b""
hold_until = os.environ.get("HOLD_UNTIL")
is_held = False
while True:
    if is_held and os.path.exists(hold_until):
        os.write(terminal, b"\x11")
        hold_until, is_held = None, False
    if is_held and not select.select([terminal], [], [], 0.05)[0]:
        continue
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    said += chunk
    if hold_until and not is_held:
        os.write(terminal, b"\x13")
        is_held = True
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
