"""Time and peak memory of `mote COMMAND` on one file, measured from outside, against what an idle run takes.

    limits_probe.py FILE [COMMAND...]     commands: inspect logits tokenize render (default: all four)

Prints one JSON object per command: {command, status, code, seconds, peak_bytes, over_idle_bytes}. Exit 1 where one died by
a signal, took over a second, or over 64 MiB more than `mote --version` (with sanitizers, MOTE_SANITIZED=1: 10 s and 768 MiB,
as in the hostile corpus). Used as a module too: probe(command, file).
A child's peak starts at its parent's when it is forked, so peaks below this script's own (some 15 MB) show as that.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

from cli import MOTE

SANITIZED = os.environ.get("MOTE_SANITIZED") == "1"
MAX_SECONDS = 10.0 if SANITIZED else 1.0
MAX_OVER_IDLE_BYTES = (768 if SANITIZED else 64) << 20
CHATS = '[{"role": "user", "content": "hello"}]'
TIMEOUT_SECONDS = 30


def _arguments(command, file, messages):
    return {"inspect": ["inspect", file], "logits": ["logits", file, "--tokens", "1"],
            "tokenize": ["tokenize", file, "-p", "hello"],
            "render": ["render", file, "--messages", messages]}[command] + ["--json"]


def measure(arguments):
    """(status, stdout, seconds, peak bytes) of one run; the status is negative for a signal."""
    with tempfile.TemporaryFile() as out:
        started = time.monotonic()
        job = subprocess.Popen([MOTE, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=out,
                               stderr=subprocess.DEVNULL)
        while True:  # wait4 gives this child's own peak, unlike getrusage(RUSAGE_CHILDREN)
            pid, status, usage = os.wait4(job.pid, os.WNOHANG)
            if pid != 0:
                break
            if time.monotonic() - started > TIMEOUT_SECONDS:
                job.kill()
            time.sleep(0.001)
        seconds = time.monotonic() - started
        job.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return job.returncode, out.read().decode(errors="replace"), seconds, usage.ru_maxrss * 1024


_idle_bytes = None


def probe(command, file):
    """What one command did with a file; `ok` says whether it kept the promise of docs/limits.md."""
    global _idle_bytes
    if _idle_bytes is None:
        _idle_bytes = max(measure(["--version"])[3] for _ in range(3))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as messages:
        messages.write(CHATS)
        messages.flush()
        status, out, seconds, peak = measure(_arguments(command, file, messages.name))
    try:
        code = json.loads(out).get("error", {}).get("code")
    except ValueError:
        code = None
    over = max(0, peak - _idle_bytes)
    return {"command": command, "status": status, "code": code, "seconds": round(seconds, 3), "peak_bytes": peak,
            "over_idle_bytes": over, "ok": status >= 0 and seconds <= MAX_SECONDS and over <= MAX_OVER_IDLE_BYTES}


if __name__ == "__main__":
    results = [probe(command, sys.argv[1]) for command in sys.argv[2:] or ["inspect", "logits", "tokenize", "render"]]
    for result in results:
        print(json.dumps(result))
    sys.exit(0 if all(r["ok"] for r in results) else 1)
