#!/usr/bin/env python3
"""Fails where an object compiled with instruction-set flags shows the linker a weak symbol.

An inline function or template with external linkage that such a file compiles with AVX-512 may be the copy that the
linker keeps for the whole program, and an older processor then dies of an illegal instruction. It also fails on
initialisers that run before main, for the same reason.

    check_isa_objects.py [--nm NM] OBJECT...
"""
import argparse
import pathlib
import subprocess
import sys

# nm's letters: weak objects and functions, defined or not, and unique globals.
WEAK = set("vVwWu")
EARLY = ("_GLOBAL__sub_I", "__cxx_global_var_init")


def problems(nm: str, path: str) -> list[str]:
    listing = subprocess.run([nm, path], check=True, capture_output=True, text=True).stdout
    found = []
    for line in listing.splitlines():
        letter, name = line.split()[-2:]
        if letter in WEAK:
            found.append(f"{path}: weak symbol {name}; give it internal linkage (anonymous namespace)")
        if name.startswith(EARLY):
            found.append(f"{path}: initialiser {name} runs before main; make its table constinit")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("objects", nargs="*")
    args = parser.parse_args()
    found = []
    for path in args.objects:
        if not pathlib.Path(path).is_file():
            found.append(f"{path}: missing")
            continue
        found += problems(args.nm, path)
    print("\n".join(found) if found else f"{len(args.objects)} objects without weak symbols")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
