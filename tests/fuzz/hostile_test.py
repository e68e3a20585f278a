#!/usr/bin/env python3
"""Runs the program on every file of the hostile corpus (hostile/*_cases.py) and on flipped bits of good files.

usage: hostile_test.py [--sanitized] [--only TEXT] [--show] [-j N]
For each case: exactly its error code and exit status, never a signal, at most 1 s of processor time and 64 MiB of memory
over what the idle program has. A build with sanitizers (--sanitized) may take 10 s and 768 MiB: its shadow memory, its
allocator's redzones and its quarantine are not the program's. MOTE_BINARY names the program.
"""
import argparse
import concurrent.futures
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import gguf_file  # noqa: E402
import safetensors_file  # noqa: E402
from hostile.case import FIFO, FOLDER, Case, Lazy, Link, Repeated, Sparse  # noqa: E402

MOTE = os.environ.get("MOTE_BINARY", str(HERE.parents[1] / "build/release/bin/mote"))
FORMATS = {"gguf": (["gguf_header", "gguf_tensor", "gguf_model"], 120), "safetensors": (["safetensors"], 60),
           "quantized": (["quantized"], 60),
           "tokenizer": (["tokenizer"], 40), "template": (["template"], 40), "statistics": (["statistics"], 30)}
WALL_SECONDS = 30  # when the machine is busy; a hang ends here
MIB = 1 << 20
# One thread, so that memory does not depend on the machine. A failed allocation is an error as anywhere, not the end.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("MOTE_")} | {
    "MOTE_THREADS": "1", "ASAN_OPTIONS": "allocator_may_return_null=1:quarantine_size_mb=16:detect_leaks=1"}


class Run:
    """One run of the program: how it ended and what it took."""

    def __init__(self, arguments):
        done = subprocess.Popen([MOTE, *arguments, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=ENVIRONMENT)
        timer = threading.Timer(WALL_SECONDS, done.send_signal, (signal.SIGKILL,))
        timer.start()
        errors = []
        reader = threading.Thread(target=lambda: errors.append(done.stderr.read()))
        reader.start()
        self.out = done.stdout.read()
        reader.join()
        _, status, usage = os.wait4(done.pid, 0)
        done.returncode = os.waitstatus_to_exitcode(status)  # Popen must not wait again
        timer.cancel()
        for pipe in (done.stdout, done.stderr):
            pipe.close()
        self.err = errors[0].decode(errors="replace")
        self.status = done.returncode
        self.seconds = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * 1024

    @property
    def code(self):
        try:
            return json.loads(self.out)["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None


def idle_memory():
    """Peak of a program that waits for its text and has opened nothing."""
    process = subprocess.Popen([MOTE, "tokenize", "-f", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        peak, deadline = 0, time.monotonic() + WALL_SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.05)
            lines = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            now = int(next(l for l in lines.splitlines() if l.startswith("VmHWM")).split()[1]) * 1024
            waits = "S (sleeping)" in lines
            if waits and now == peak:
                return now
            peak = now
        raise SystemExit("the idle program does not come to rest")
    finally:
        process.kill()
        process.communicate()


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Lazy):
            content = content.make()
        if content is FIFO:
            os.mkfifo(path)
        elif content is FOLDER:
            path.mkdir()
        elif isinstance(content, Link):
            path.symlink_to(content.target)
        elif isinstance(content, Sparse):
            path.write_bytes(content.head)
            os.truncate(path, content.size)
        elif isinstance(content, Repeated):
            with path.open("wb") as out:
                out.write(content.head)
                for _ in range(content.count // 4096):
                    out.write(content.unit * 4096)
                out.write(content.unit * (content.count % 4096) + content.tail)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)


class Corpus:
    def __init__(self, sanitized, show):
        self.sanitized = sanitized
        self.show = show
        self.seconds = 10.0 if sanitized else 1.0
        self.memory = idle_memory() + (768 if sanitized else 64) * MIB
        self.findings, self.runs = [], 0
        self.slowest, self.largest = (0.0, ""), (0, "")

    def arguments(self, folder, command):
        return [str(folder) + "/" * (len(a) > 1) + a[1:] if a.startswith("@") else a for a in command]

    def limits(self, run, where):
        """What no run may break, whatever it answers."""
        if run.status < 0:
            yield f"{where}: ended by signal {-run.status}: {run.err[-2000:]}"
        if "Sanitizer" in run.err or "runtime error" in run.err:
            yield f"{where}: {run.err[-2000:]}"
        if run.seconds > self.seconds:
            yield f"{where}: {run.seconds:.2f} s, at most {self.seconds} are allowed"
        if run.memory > self.memory:
            yield f"{where}: {run.memory / MIB:.0f} MiB, at most {self.memory / MIB:.0f} are allowed"

    def note(self, runs):
        for run, where in runs:
            self.runs += 1
            self.slowest = max(self.slowest, (run.seconds, where))
            self.largest = max(self.largest, (run.memory, where))

    def check(self, case):
        findings, runs = [], []
        with tempfile.TemporaryDirectory(prefix="mote-hostile-") as held:
            folder = pathlib.Path(held)
            write(folder, case.files)
            before = sorted(folder.rglob("*"))
            for command in case.commands:
                run = Run(self.arguments(folder, command))
                where = f"{case.name} ({command[0]})"
                runs.append((run, where))
                findings += self.limits(run, where)
                if self.sanitized and run.code == "TPL_LIMIT" and b" milliseconds " in run.out:
                    continue  # a template's 250 ms are those of a program without sanitizers
                if (run.code, run.status) != (case.code, case.status):
                    findings.append(f"{where}: {case.code}, exit {case.status} expected, got {run.code}, exit {run.status}: "
                                    f"{(run.out.decode(errors='replace') + run.err)[:600]}")
                elif self.show:
                    print(f"{where}: {json.loads(run.out)['error']['message'][:150]}")
            if sorted(folder.rglob("*")) != before:
                findings.append(f"{case.name}: a file was left behind")
        return findings, runs

    def flip(self, job):
        """Any answer will do for a flipped bit, as long as it is one."""
        name, content, bit = job
        with tempfile.TemporaryDirectory(prefix="mote-hostile-") as held:
            folder = pathlib.Path(held)
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            files = {"m.gguf": bytes(changed)}
            model = folder / "m.gguf"
            if name == "safetensors":
                files = {"model.safetensors": bytes(changed), "config.json": json.dumps(safetensors_file.CONFIG)}
                model = folder
            write(folder, files)
            run = Run(["logits", str(model), "--tokens", "1,2"])
        where = f"{name} with bit {bit} flipped"
        findings = list(self.limits(run, where))
        if run.status not in (0, 1, 4, 5) or (run.status != 0 and run.code is None):
            findings.append(f"{where}: exit {run.status}, {run.out[:200]} {run.err[:500]}")
        return findings, [(run, where)]

    def go(self, pool, work, jobs):
        for findings, runs in pool.map(work, jobs):
            self.findings += findings
            self.note(runs)


def flips():
    """A sample of the headers' bits, 400 of each; the readers' own tests flip every one."""
    header, data = safetensors_file.tensors()
    g = gguf_file.model(width=8, hidden=8, heads=2)
    for name, content, bits in (("gguf", g.bytes(), 8 * len(g.header())),
                                ("safetensors", safetensors_file.file(header, data), 8 * (8 + len(json.dumps(header))))):
        bits = min(bits, 8 * len(content))
        step = bits // 400 | 1  # odd, so that every bit of a byte has its turn
        yield from ((name, content, bit) for bit in range(0, bits, step))


def all_cases():
    for name, (modules, least) in FORMATS.items():
        cases = [c for m in modules for c in importlib.import_module(f"hostile.{m}_cases").CASES]
        names = [c.name for c in cases]
        if len(set(names)) != len(names):
            raise SystemExit(f"{name}: two cases have one name: {sorted(n for n in names if names.count(n) > 1)}")
        if len(cases) < least:
            raise SystemExit(f"{name}: {len(cases)} cases, at least {least} are promised")
        yield name, cases


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("--only", default="", help="cases whose name has this text, and no flipped bits")
    parser.add_argument("--show", action="store_true", help="print the messages")
    parser.add_argument("-j", type=int, default=2, help="runs at a time")
    options = parser.parse_args()
    corpus = Corpus(options.sanitized, options.show)
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        for name, cases in all_cases():
            cases = [c for c in cases if options.only in c.name]
            corpus.go(pool, corpus.check, cases)
            print(f"{name}: {len(cases)} cases")
        if not options.only:
            jobs = list(flips())
            corpus.go(pool, corpus.flip, jobs)
            print(f"{len(jobs)} flipped bits")
    print(f"{corpus.runs} runs; slowest {corpus.slowest[0]:.2f} s ({corpus.slowest[1]}), largest {corpus.largest[0] / MIB:.0f} MiB "
          f"({corpus.largest[1]}), allowed {corpus.memory / MIB:.0f} MiB")
    print("\n".join(corpus.findings))
    return 1 if corpus.findings else 0


if __name__ == "__main__":
    sys.exit(main())
