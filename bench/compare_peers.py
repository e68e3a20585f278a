#!/usr/bin/env python3
"""Compares mote's speed with other engines on the same files, side by side.

  bench/compare_peers.py --mote BIN --peer NAME=LLAMA_BENCH[,OPTION...]... --model NAME=FILE.gguf... [-o FOLDER] [options]

A peer is llama.cpp's llama-bench or a program that takes its options and prints its JSON (ik_llama.cpp's does); OPTIONs are given to it
each time (`ik-rtr=DIR/llama-bench,-rtr,1`). How to build them is in docs/peers.md.

  -t 1,2           threads
  -p 512           tokens of prompt tests
  -n 128           tokens of generation tests
  -d 0             tokens in the session before
  --kv f16         types of keys and values
  --passes 5       each pass runs every arm of a row once, in an order that turns from pass to pass
  -r 2             repetitions within a run, after one to warm up
  --cpus 0,1       run on these processors only

A row is one model, test, depth, thread count and KV type. Per row and arm: the median and the range over passes. The ratio is mote's figure
over a peer's of the same pass; its median and a bootstrap interval over passes (95 %) are given against the best peer of the row, and a row counts as won
or lost only where the interval leaves out 1. Bandwidth is read before and after each row (`mote doctor`); a row whose two readings differ by more than 15 %
is measured again, once.

FOLDER gets rows.json, table.md and table.svg. Exit status 0, or 2 where an argument is wrong or a program fails.
"""
import argparse
import json
import math
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

RESAMPLES = 4000
STEADY = 0.15  # two readings of the bandwidth beside a row may differ by so much


@dataclass(frozen=True)
class Row:
    model: str
    test: str  # pp512, tg128
    depth: int
    threads: int
    kv: str

    @property
    def name(self):
        return f"{self.model} {self.test}" + (f" @{self.depth}" if self.depth else "") + f" T{self.threads}" + (f" {self.kv}" if self.kv != "f16" else "")


@dataclass
class Measured:
    speeds: dict = field(default_factory=dict)  # arm -> tokens a second, one per pass
    bandwidth: tuple = (0.0, 0.0)               # GB/s before and after


class Failure(Exception):
    pass


def run_json(command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{(done.stderr or done.stdout)[-2000:]}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise Failure(f"{' '.join(map(str, command))}: no JSON: {error}") from error


def counts(test):
    """-p and -n of a test's name."""
    return ["-p", test[2:], "-n", "0"] if test.startswith("pp") else ["-p", "0", "-n", test[2:]]


def mote_speed(binary, path, row, repetitions):
    out = run_json([binary, "bench", "--json", path, *counts(row.test), "-d", row.depth, "-t", row.threads, "-r", repetitions,
                    "-ctk", row.kv, "-ctv", row.kv])
    return out["results"][0]["tokens_per_second"]["median"]


def peer_speed(command, path, row, repetitions):
    depth = ["-d", row.depth] if row.depth else []
    out = run_json([command[0], "-m", path, *counts(row.test), *depth, "-t", row.threads, "-r", repetitions, "-ctk", row.kv, "-ctv", row.kv,
                    "-o", "json", *command[1:]])
    result = out[0]
    return statistics.median(result["samples_ts"]) if result.get("samples_ts") else result["avg_ts"]


def bootstrap_median(values, resamples=RESAMPLES, seed=1):
    """(median, low, high): the middle 95 % of the medians of resampled values."""
    rng = random.Random(seed)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(resamples))
    return statistics.median(values), medians[round(0.025 * (resamples - 1))], medians[round(0.975 * (resamples - 1))]


def against_best(measured):
    """(name of the best peer, its paired ratio: median, low, high); nothing without a peer."""
    peers = [arm for arm in measured.speeds if arm != "mote"]
    if not peers:
        return None
    best = max(peers, key=lambda arm: statistics.median(measured.speeds[arm]))
    return best, bootstrap_median([a / b for a, b in zip(measured.speeds["mote"], measured.speeds[best], strict=True)])


def verdict(ratio):
    _, low, high = ratio
    return "faster" if low > 1 else "slower" if high < 1 else "even"


def measure(row, arms, passes, bandwidth, log):
    """`arms`: {name: function of a row, tokens a second}. Every pass begins with another arm."""
    out = Measured(speeds={name: [] for name in arms})
    before = bandwidth(row.threads)
    names = list(arms)
    for number in range(passes):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            out.speeds[name].append(arms[name](row))
            log(f"{row.name}, pass {number + 1} of {passes}: {name} {out.speeds[name][-1]:.1f}")
    out.bandwidth = (before, bandwidth(row.threads))
    return out


def is_steady(measured):
    low, high = sorted(measured.bandwidth)
    return high <= low * (1 + STEADY)


def table(results, weight_bytes):
    """As Markdown. The share of the bandwidth is the file's bytes times tokens a second, so without keys and values, and with an embedding that is
    not the head."""
    arms = list(next(iter(results.values())).speeds)
    head = ["row", *arms, "best peer", "ratio [95 %]", "", "bandwidth, GB/s", "of it"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row, m in results.items():
        cells = [row.name]
        for arm in arms:
            s = m.speeds[arm]
            cells.append(f"{statistics.median(s):.1f} [{min(s):.1f}-{max(s):.1f}]")
        best = against_best(m)
        cells += [best[0], f"{best[1][0]:.2f} [{best[1][1]:.2f}-{best[1][2]:.2f}]", verdict(best[1])] if best else ["", "", ""]
        read = statistics.mean(m.bandwidth)
        cells.append(f"{m.bandwidth[0]:.0f}, {m.bandwidth[1]:.0f}" + ("" if is_steady(m) else " (unsteady)"))
        share = statistics.median(m.speeds["mote"]) * weight_bytes[row.model] / 1e9 / read if row.test.startswith("tg") and read > 0 else None
        cells.append(f"{share:.0%}" if share is not None else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def chart(results):
    """Ratios to the best peer with their intervals, one line each, on a logarithmic axis."""
    rows = [(row.name, against_best(m)) for row, m in results.items()]
    rows = [(name, best) for name, best in rows if best]
    left, width, line = 230, 820, 22
    most = max([2.0, *(best[1][2] for _, best in rows)]) * 1.1
    least = min([0.5, *(best[1][1] for _, best in rows)]) / 1.1

    def x(ratio):
        return left + (math.log(ratio) - math.log(least)) / (math.log(most) - math.log(least)) * (width - left - 20)

    height = line * len(rows) + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for mark in (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4, 6, 8):
        if least <= mark <= most:
            out.append(f'<path d="M{x(mark):.1f} 4V{height - 30}" stroke="{"#333" if mark == 1 else "#ddd"}"/>'
                       f'<text x="{x(mark):.1f}" y="{height - 14}" text-anchor="middle">{mark:g}</text>')
    for i, (name, (peer, (middle, low, high))) in enumerate(rows):
        y = 16 + i * line
        colour = {"faster": "#1a7f37", "slower": "#b42318", "even": "#666"}[verdict((middle, low, high))]
        out.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
                   f'<path d="M{x(low):.1f} {y}H{x(high):.1f}" stroke="{colour}" stroke-width="2"/>'
                   f'<circle cx="{x(middle):.1f}" cy="{y}" r="4" fill="{colour}"><title>{escape(peer)}: {middle:.2f}</title></circle>')
    return "\n".join([*out, f'<text x="{width - 20}" y="{height - 2}" text-anchor="end" fill="#666">mote / best peer</text>', "</svg>"]) + "\n"


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((l.split(":", 1)[1].strip() for l in lines if l.startswith("model name")), platform.processor())


def named(values, what):
    """{name: rest} of NAME=REST."""
    out = {}
    for value in values:
        name, found, rest = value.partition("=")
        if not found or not name or not rest or name in out or name == "mote":
            raise Failure(f"{what}: expected NAME=..., each name once, found {value!r}")
        out[name] = rest
    return out


def numbers(text):
    return [int(part) for part in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mote", type=pathlib.Path, required=True)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=LLAMA_BENCH[,OPTION...]")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("-t", "--threads", type=numbers, default=[1, 2])
    parser.add_argument("-p", "--n-prompt", type=numbers, default=[512])
    parser.add_argument("-n", "--n-gen", type=numbers, default=[128])
    parser.add_argument("-d", "--n-depth", type=numbers, default=[0])
    parser.add_argument("--kv", type=lambda text: text.split(","), default=["f16"])
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("-r", "--repetitions", type=int, default=2)
    parser.add_argument("--cpus", type=numbers)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    arguments = parser.parse_args()
    models, peers = named(arguments.model, "--model"), named(arguments.peer, "--peer")
    if arguments.cpus:
        os.sched_setaffinity(0, arguments.cpus)
    tests = [f"pp{n}" for n in arguments.n_prompt if n] + [f"tg{n}" for n in arguments.n_gen if n]
    rows = [Row(model, test, depth, threads, kv) for model in models for kv in arguments.kv for depth in arguments.n_depth
            for test in tests for threads in arguments.threads]
    arms = {"mote": lambda row: mote_speed(arguments.mote, models[row.model], row, arguments.repetitions)}
    for name, command in peers.items():
        arms[name] = lambda row, command=command.split(","): peer_speed(command, models[row.model], row, arguments.repetitions)

    def bandwidth(threads):
        return run_json([arguments.mote, "doctor", "--json", "-t", threads])["read_bandwidth_gbps"]

    def log(text):
        print(text, file=sys.stderr, flush=True)

    results = {}
    for row in rows:
        results[row] = measure(row, arms, arguments.passes, bandwidth, log)
        if not is_steady(results[row]):
            log(f"{row.name}: the bandwidth went from {results[row].bandwidth[0]:.0f} to {results[row].bandwidth[1]:.0f} GB/s, once more")
            results[row] = measure(row, arms, arguments.passes, bandwidth, log)
    head = f"{processor()}, {len(os.sched_getaffinity(0))} processors; {arguments.passes} passes of {arguments.repetitions} repetitions\n\n"
    text = head + table(results, {name: pathlib.Path(path).stat().st_size for name, path in models.items()})
    print(text)
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "table.md").write_text(text, encoding="utf-8")
        (arguments.output / "table.svg").write_text(chart(results), encoding="utf-8")
        kept = [{"row": row.__dict__, "speeds": m.speeds, "bandwidth_gbps": m.bandwidth} for row, m in results.items()]
        (arguments.output / "rows.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"compare_peers: {failure}", file=sys.stderr)
        sys.exit(2)
