#!/usr/bin/env python3
"""Counts the instructions of kernels and holds them to a list, which time on a shared machine cannot do.

  bench/count_instructions.py PROBE --compiler NAME --objects FOLDER [--golden FILE] [--update]

Reference and AVX2 run under valgrind (PROBE is instruction_probe): instructions of one call. What valgrind does not know, AVX-512 and AMX, is
counted in the disassembly: instructions of a whole function per dot product in it, for the functions named below. A figure that is more than 3 %
above the list fails; so does one more than 3 % below it, since the list is then no guard. --update writes it anew.

Exit status 0, 1 where figures differ, 77 where valgrind is missing or the list is of another compiler.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ALLOWED = 0.03
SKIPPED = 77
# (object, function, dot product): the products with one column and the blocks of prompts.
FUNCTIONS = (
    ("avx512_vnni", "tile_product<4, false, 1>", "vpdpbusd"), ("avx512_vnni", "tile_product<4, false, 4>", "vpdpbusd"),
    ("avx512_vnni", "pairs_product<4, false, false>", "vpdpbusd"), ("avx512_vnni", "pairs_product<6, true, false>", "vpdpbusd"),
    ("avx512_vnni", "pairs_product<8, false, false>", "vpdpbusd"), ("amx", "tile_matmul<ProcessorTiles, 4, false>", "tdpbssd"),
    ("amx", "tile_matmul<ProcessorTiles, 6, true>", "tdpbssd"))


def collected(probe, isa, case, calls):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(probe), case, str(calls)],
                          capture_output=True, text=True, env={**os.environ, "MOTE_ISA": isa})
    if done.returncode != 0:
        raise SystemExit(f"{probe} {case} {calls} with MOTE_ISA={isa}: {done.stderr[-800:]}")
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def dynamic(probe):
    cases = subprocess.run([str(probe)], capture_output=True, text=True, check=True).stdout.split()
    keys = [(isa, case) for isa in ("reference", "avx2") for case in cases]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = list(pool.map(lambda k: (collected(probe, *k, 3) - collected(probe, *k, 1)) / 2, keys))
    return {f"{isa} {case}": round(count) for (isa, case), count in zip(keys, counts)}


def static(objects):
    out = {}
    listings = {}
    for name, function, dot in FUNCTIONS:
        if name not in listings:
            path, = objects.glob(f"**/mote_kernels_{name}.dir/**/integer.cc.o")
            listings[name] = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-C", str(path)], capture_output=True, text=True, check=True).stdout
        total = dots = 0
        for block in listings[name].split("\n\n"):
            head, _, body = block.partition("\n")
            if f"::{function}(" not in head.replace("mote::kernels::(anonymous namespace)::ProcessorTiles", "ProcessorTiles"):
                continue
            instructions = [line.split("\t")[1] for line in body.splitlines() if "\t" in line]
            total += len(instructions)
            dots += sum(i.startswith(dot) for i in instructions)
        if not dots:
            raise SystemExit(f"{name}: no {dot} in a function {function}: it has another name or was inlined; see FUNCTIONS")
        out[f"{name} {function} per {dot}"] = round(total / dots, 2)
    return out


def read_list(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    return lines[0].removeprefix("# "), {name: float(value) for name, value in (line.split("\t") for line in lines[1:])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("probe", type=pathlib.Path)
    parser.add_argument("--compiler", required=True, help="what the list is of: figures of another compiler differ")
    parser.add_argument("--objects", type=pathlib.Path, required=True, help="folder of the build, for the disassembly")
    parser.add_argument("--golden", type=pathlib.Path, default=pathlib.Path(__file__).with_name("instructions.txt"))
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is missing")
        return SKIPPED
    if not arguments.update and read_list(arguments.golden)[0] != arguments.compiler:
        print(f"{arguments.golden} is of {read_list(arguments.golden)[0]}, this is {arguments.compiler}")
        return SKIPPED
    counts = dynamic(arguments.probe) | static(arguments.objects)
    if arguments.update:
        arguments.golden.write_text(f"# {arguments.compiler}\n" + "".join(f"{name}\t{value:g}\n" for name, value in counts.items()), encoding="utf-8")
        return 0
    listed = read_list(arguments.golden)[1]
    wrong = [f"{name}: {counts.get(name)} instructions, {listed.get(name)} in the list" for name in sorted(counts.keys() | listed.keys())
             if name not in counts or name not in listed or not 1 - ALLOWED <= counts[name] / listed[name] <= 1 + ALLOWED]
    print("\n".join(wrong) or f"{len(counts)} figures are within {ALLOWED:.0%} of {arguments.golden}")
    if wrong:
        print("where that is meant: --update")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
