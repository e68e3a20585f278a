#!/usr/bin/env python3
"""Shows that the fuzzers still bite: builds a copy of the tree with one planted bug at a time and fuzzes until it is found.

usage: find_planted.py [--seconds 300] [--build FOLDER] [NAME...]    all of planted/*.patch, or those whose name has NAME
       find_planted.py --check                                       only see that every patch still applies to the tree
Each patch begins with `target: NAME` and a sentence. The copy and its build lie in FOLDER (build/planted); the first build
takes minutes, the next ones recompile what the patch touches. Exit status 1 where a bug was not found in time.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LEAST = 10
# The fuzzer's own limits: what a planted bug may take before it counts as found.
LIMITS = ["-timeout=5", "-rss_limit_mb=2048", "-malloc_limit_mb=128", "-max_len=16384", "-print_final_stats=1"]


def patches(names):
    found = sorted((HERE / "planted").glob("*.patch"))
    return [p for p in found if not names or any(n in p.name for n in names)]


def target_of(patch):
    return patch.read_text().split("\n", 1)[0].removeprefix("target: ")


def apply(folder, patch, *options):
    return subprocess.run(["git", "apply", "-C1", *options, str(patch)], cwd=folder, capture_output=True, text=True)


def check():
    problems = []
    found = patches([])
    if len(found) < LEAST:
        problems.append(f"{len(found)} planted bugs, at least {LEAST} are promised")
    for patch in found:
        if not (HERE / f"{target_of(patch)}_fuzz.cc").exists():
            problems.append(f"{patch.name}: there is no fuzz target {target_of(patch)}")
        done = apply(ROOT, patch, "--check")
        if done.returncode:
            problems.append(f"{patch.name} no longer applies: plant the same bug in the code as it is now\n{done.stderr.strip()}")
    print("\n".join(problems) or f"{len(found)} planted bugs apply")
    return 1 if problems else 0


def copy_tree(folder):
    """What git knows of the working tree, uncommitted changes included; unchanged files keep their time."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                             capture_output=True, text=True)
    names = {n for n in listing.stdout.split("\0") if n and (ROOT / n).is_file()}
    for name in names:
        source, copy = ROOT / name, folder / name
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    if not (folder / ".git").exists():  # so that git apply takes the copy for the whole tree
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)


def build(folder, target, jobs):
    if not (folder / "build/fuzz/build.ninja").exists():
        subprocess.run(["cmake", "--preset", "fuzz"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(["cmake", "--build", "build/fuzz", "--target", target, "-j", str(jobs)], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{target} does not build:\n{done.stdout[-3000:]}")


def hunt(folder, target, seconds):
    """Seconds until the fuzzer stopped at something, or None; and what it said."""
    work = folder / "build/fuzz/tests/fuzz"
    corpus = work / "hunt"
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir()
    start = time.monotonic()
    done = subprocess.run([str(work / f"fuzz_{target}"), f"-max_total_time={seconds}", *LIMITS, "-seed=1", f"-artifact_prefix={corpus}/",
                           f"-dict={HERE}/dictionaries/{target}.dict", str(corpus), str(work / "seeds" / target)],
                          capture_output=True, text=True, errors="replace", cwd=corpus)
    taken = time.monotonic() - start
    telling = [l for l in done.stderr.splitlines() if "does not hold" in l or "ERROR: " in l or "runtime error" in l or "SUMMARY" in l]
    return (taken if done.returncode else None), (telling[0].strip() if telling else done.stderr[-300:].strip())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/planted")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.check:
        return check()
    folder = options.build.resolve() / "tree"
    folder.mkdir(parents=True, exist_ok=True)
    copy_tree(folder)
    build(folder, "fuzz_targets", options.jobs)
    missed = 0
    for patch in patches(options.names):
        target = target_of(patch)
        done = apply(folder, patch)
        if done.returncode:
            raise SystemExit(f"{patch.name}: {done.stderr}")
        try:
            build(folder, f"fuzz_{target}", options.jobs)
            seconds, said = hunt(folder, target, options.seconds)
        finally:
            apply(folder, patch, "--reverse")
        missed += seconds is None
        print(f"{patch.stem:32} {target:15} {'not found' if seconds is None else f'{seconds:6.1f} s'}  {said[:150]}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
