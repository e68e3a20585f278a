#!/usr/bin/env python3
"""Run clang-tidy over every library and program source of a build folder; warnings are errors (.clang-tidy).

Test sources are left to the compilers' warnings: reading GoogleTest's headers again for each of them would
take longer than all the rest.

usage: check_tidy.py BUILD_DIR [FILE...]
A file whose preprocessed sources have not changed since it last passed is not read again: passes are remembered
in BUILD_DIR/tidy-passed by a hash of the file, every project header and the configuration.
Exit status: 0 clean, 1 findings, 77 clang-tidy is missing.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = os.environ.get("CLANG_TIDY", "clang-tidy-19")
# GCC options that clang does not know, and deprecations inside the standard library that GCC 12 ships.
QUIET = ["-extra-arg=-Wno-unknown-warning-option", "-extra-arg=-Wno-deprecated-declarations"]


def digest(paths):
    h = hashlib.sha256()
    for path in sorted(paths):
        h.update(str(path).encode())
        h.update(path.read_bytes())
    return h.hexdigest()


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    wanted = {pathlib.Path(f).resolve() for f in sys.argv[2:]}
    if not shutil.which(TIDY):
        print(f"skipped: {TIDY} is missing (Debian package clang-tidy-19)")
        return 1 if os.environ.get("MOTE_REQUIRE_ORACLES") == "1" else 77
    units = sorted({pathlib.Path(c["file"]).resolve() for c in json.loads((build / "compile_commands.json").read_text())})
    units = [u for u in units if u.is_relative_to(ROOT) and not u.is_relative_to(build) and not u.is_relative_to(ROOT / "tests")
             and not u.name.endswith("_test.cc") and (not wanted or u in wanted)]
    common = digest([p for d in ("include", "src", "apps", "tests") for p in (ROOT / d).rglob("*.h")] + [ROOT / ".clang-tidy"])
    passed = build / "tidy-passed"
    passed.mkdir(exist_ok=True)

    def run(unit):
        mark = passed / hashlib.sha256((common + str(unit) + digest([unit])).encode()).hexdigest()
        if mark.exists():
            return unit, 0, ""
        done = subprocess.run([TIDY, "-quiet", *QUIET, "-p", str(build), str(unit)], capture_output=True, text=True)
        if done.returncode == 0:
            mark.touch()
        return unit, done.returncode, done.stdout

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for unit, status, output in pool.map(run, units):
            if status:
                failed += 1
                print(f"{unit.relative_to(ROOT)}:\n{output}")
    print(f"tidy: {len(units)} files, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
