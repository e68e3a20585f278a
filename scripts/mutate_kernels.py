#!/usr/bin/env python3
"""Breaks kernels on purpose and looks whether a test turns red (the list is in kernel_mutations.py).

  scripts/mutate_kernels.py --work DIR [--arm] [--only TEXT] [-j N] [-o FILE]
  scripts/mutate_kernels.py --check       only looks whether every mutation still finds its text; takes no time

The tree's tracked files are copied to DIR/tree and built there up to the module needed, with -O1: what is asked is whether bits differ, not speed.
Each mutation is put into one file, its test program built and run, the file put back. x86: on a processor with AVX-512 VNNI and AVX-VNNI all
sets run (AMX in emulated tiles); --arm takes the sets of Arm instead, under qemu-aarch64 (scripts/install_packages.sh aarch64).

  --only TEXT   mutations whose set, class, text or file has it, such as amx or 17..
  -j N          compilers at once
  -o FILE       the table as Markdown

Exit status 0; 1 where a mutation survives, does not compile, turns only other tests red or no longer finds its text; 2 where the tree is red before.
"""
import argparse
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import kernel_mutations as mutations  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILTERS = {mutations.KERNELS: "*", mutations.ENGINE: "Attention.*"}
RED = re.compile(r"^\[  FAILED  \] ([\w/.]+)(?:,| \(|$)", re.MULTILINE)
BEGUN = re.compile(r"^\[ RUN      \] ([\w/.]+)$", re.MULTILINE)
ENDED = re.compile(r"^\[(?:       OK|  FAILED|  SKIPPED) \] ([\w/.]+)", re.MULTILINE)
PATIENCE_SECONDS = 600  # of the processor's time for a test program, since a mutation may loop for ever; it takes 5, emulated 60


def lost(chosen, root=ROOT):
    """Sentences on mutations whose text is not in its file exactly once."""
    texts = {}
    for m in chosen:
        if m.file not in texts:
            path = root / m.file
            texts[m.file] = path.read_text(encoding="utf-8") if path.is_file() else ""
        if m.applied(texts[m.file]) is None:
            yield f"{m.file}: \"{m.what}\" ({m.isa}, {m.n}) finds its text {texts[m.file].count(m.old)} times: {m.old.splitlines()[0]}"


def red_tests(output, status):
    """Tests that failed, the one that the program died in included."""
    red = set(RED.findall(output))
    if status != 0:
        red |= set(BEGUN.findall(output)) - set(ENDED.findall(output))
    return red


def copy_tree(work):
    """Tracked files and new ones to work/tree; what is the same there keeps its time, so that nothing is compiled again."""
    tree = work / "tree"
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True).stdout
    names = {n for n in listing.decode().split("\0") if n and (ROOT / n).is_file()}
    for name in names:
        if not (name.endswith((".txt", ".cmake", ".json", ".cc", ".h", ".inc", ".py")) or "/golden/" in name):
            continue
        to = tree / name
        data = (ROOT / name).read_bytes()
        if not to.is_file() or to.read_bytes() != data:
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(data)
    return tree


class Build:
    def __init__(self, tree, arm, jobs):
        self.tree, self.jobs, self.arm = tree, jobs, arm
        self.folder = tree / "build" / ("mutants-aarch64" if arm else "mutants")

    def run(self, command, **options):
        return subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace", **options)

    def configure(self):
        toolchain = [f"-DCMAKE_TOOLCHAIN_FILE={self.tree}/cmake/aarch64.cmake"] if self.arm else []
        return self.run(["cmake", "-G", "Ninja", "-S", self.tree, "-B", self.folder, "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG",
                         "-DMOTE_WERROR=OFF", "-DMOTE_UP_TO_MODULE=engine", "-DMOTE_TESTS=ON", *toolchain])

    def build(self, program):
        return self.run(["cmake", "--build", self.folder, "-j", self.jobs, "--target", f"mote_{program}_test"])

    def test(self, program):
        emulator = ["qemu-aarch64", "-cpu", "max", "-L", "/usr/aarch64-linux-gnu"] if self.arm else []
        command = [*emulator, self.folder / "src" / program / f"mote_{program}_test", f"--gtest_filter={FILTERS[program]}"]
        done = self.run(command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_SECONDS, PATIENCE_SECONDS + 5)))
        died = signal.Signals(-done.returncode).name if done.returncode < 0 else ""
        return red_tests(done.stdout, done.returncode), died


def try_one(build, m):
    """(verdict, red tests): "red" where it is as it should be."""
    path = build.tree / m.file
    before = path.read_text(encoding="utf-8")
    changed = m.applied(before)
    if changed is None:
        return "text not found", set()
    try:
        path.write_text(changed, encoding="utf-8")
        built = build.build(m.program)
        if built.returncode != 0:
            error = re.search(r"error: .*", built.stdout)
            return f"does not compile: {error[0] if error else built.stdout[-300:]}", set()
        red, died = build.test(m.program)
    finally:
        path.write_text(before, encoding="utf-8")
    if not red:
        return "SURVIVED", red
    return ("red" if m.red in red else f"red, but not {m.red}") + (f" ({died})" if died else ""), red


def table(results):
    lines = ["| set | n or kernel | broken | red tests |", "|---|---|---|---|"]
    for m, verdict, red in results:
        shown = [m.red] + sorted(red - {m.red}) if m.red in red else sorted(red)
        died = re.search(r" \((\w+)\)$", verdict)
        text = (", ".join(shown[:1]) + (f" and {len(shown) - 1} more" if len(shown) > 1 else "") + (f" ({died[1]})" if died else "")) if verdict.startswith("red") else ""
        if not verdict.startswith("red") or m.red not in red:
            text = f"**{verdict}** {text}".strip()
        lines.append(f"| {m.isa} | {m.n} | {m.what} | {text} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--arm", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("-j", dest="jobs", type=int, default=2)
    parser.add_argument("-o", dest="output", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        missing = list(lost([*mutations.of_x86(), *mutations.arm()]))
        print("\n".join(missing) or f"{len(mutations.of_x86()) + len(mutations.arm())} mutations find their text")
        return 1 if missing else 0
    if arguments.work is None:
        parser.error("--work says where the copy goes")
    chosen = [m for m in (mutations.arm() if arguments.arm else mutations.of_x86()) if any(arguments.only in field for field in (m.isa, m.n, m.what, m.file))]
    build = Build(copy_tree(arguments.work.resolve()), arguments.arm, arguments.jobs)
    configured = build.configure()
    if configured.returncode != 0:
        print(configured.stdout + configured.stderr, file=sys.stderr)
        return 2
    results = []
    sound = set()
    for m in chosen:
        if m.program not in sound:
            built = build.build(m.program)
            red = {built.stdout[-2000:]} if built.returncode != 0 else build.test(m.program)[0]
            if red:
                print(f"{m.program}: red before anything is broken: {', '.join(sorted(red))}", file=sys.stderr)
                return 2
            sound.add(m.program)
        start = time.monotonic()
        verdict, red = try_one(build, m)
        results.append((m, verdict, red))
        print(f"{m.isa:11} {m.n:14} {m.what:62} {verdict}: {', '.join(sorted(red))[:150]} ({time.monotonic() - start:.0f} s)", flush=True)
    failed = [m for m, verdict, red in results if m.red not in red]
    print(f"{len(results)} mutations, {len(failed)} not as they should be")
    if arguments.output:
        arguments.output.write_text(table(results), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
