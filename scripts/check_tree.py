#!/usr/bin/env python3
"""Checks of the tree that no compiler makes. Each finding is one line with the file; exit status 0 where none.

- every *_test.cc is listed in the CMakeLists.txt of its folder or module, so that no test is forgotten
- no source file has over 600 lines, unless its header comment gives the reason ("Long because ...")
- every error code is declared (`constexpr ErrorCode kX{"X", ...}`, not built in place), has one kind, has its row in
  docs/errors.md with the exit status of that kind, and every row its code
- every relative link of a document leads somewhere
- no absolute path of a home or work folder stands in a source or document
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = re.compile(r'ErrorCode\s+\w+\s*\{\s*"([A-Z0-9_]+)"\s*,\s*(?:mote::)?ErrorKind::(\w+)')
IN_PLACE = re.compile(r'"([A-Z][A-Z0-9_]+)"\s*,\s*(?:mote::)?ErrorKind::')
KIND = re.compile(r"^\s*(\w+),\s*//.*exit (\d+)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
ABSOLUTE = re.compile(r"(?<![\w.$}])/(?:home|root|work|Users)/\w")
MAX_LINES = 600


def tracked(*patterns):
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
                             cwd=ROOT, capture_output=True, text=True)
    if listing.returncode == 0:
        names = [n for n in listing.stdout.split("\0") if n]
        return [ROOT / n for n in sorted(names) if (ROOT / n).is_file()]
    return sorted(p for pattern in patterns for p in ROOT.rglob(pattern.lstrip("*")) if p.is_file())


def unregistered_tests():
    for path in tracked("*_test.cc"):
        folder = path.parent
        while not (folder / "CMakeLists.txt").exists():
            folder = folder.parent
        name = path.relative_to(folder).as_posix()
        if not re.search(rf"(?<![\w/]){re.escape(name)}(?!\w)", (folder / "CMakeLists.txt").read_text()):
            yield f"{path.relative_to(ROOT)}: no test program builds it; add {name} to {folder.relative_to(ROOT)}/CMakeLists.txt"


def long_files():
    for path in tracked("*.cc", "*.h", "*.py", "*.sh"):
        lines = path.read_text(errors="replace").splitlines()
        if len(lines) > MAX_LINES and not any("Long because" in line for line in lines[:30]):
            yield f"{path.relative_to(ROOT)}: {len(lines)} lines; which two ideas are in here?"


def error_codes():
    statuses = dict(KIND.findall((ROOT / "include/mote/error.h").read_text()))
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (\d+) \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    documented = dict(rows)
    for code in sorted({code for code, _ in rows if sum(c == code for c, _ in rows) > 1}):
        yield f"docs/errors.md: {code} has two rows"
    raised = {}
    for path in tracked("src/*.cc", "src/*.h", "apps/*.cc", "apps/*.h", "include/*.h"):
        if path.name.endswith("_test.cc"):
            continue
        text = path.read_text()
        declared = CODE.findall(text)
        for code, kind in declared:
            first = raised.setdefault(code, (path, kind))
            if first[1] != kind:
                yield f"{path.relative_to(ROOT)}: {code} is {kind} here and {first[1]} in {first[0].relative_to(ROOT)}"
        for code in sorted(set(IN_PLACE.findall(text)) - {code for code, _ in declared}):
            yield f"{path.relative_to(ROOT)}: {code} is built in place; declare it as a constant"
    for code, (path, kind) in sorted(raised.items()):
        if code not in documented:
            yield f"{path.relative_to(ROOT)}: {code} has no row in docs/errors.md"
        elif documented[code] != statuses.get(kind):
            yield f"docs/errors.md: {code} has exit {documented[code]}, its kind {kind} means {statuses.get(kind)}"
    for code in sorted(set(documented) - set(raised)):
        yield f"docs/errors.md: {code} is raised nowhere"


def dead_links():
    for path in tracked("*.md"):
        for target in LINK.findall(path.read_text()):
            if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
                yield f"{path.relative_to(ROOT)}: {target} is not there"


def absolute_paths():
    for path in tracked("*.cc", "*.h", "*.py", "*.sh", "*.md", "*.txt", "*.cmake", "*.json", ".ci/*"):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if ABSOLUTE.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: an absolute path: {line.strip()[:100]}"


def main():
    findings = [f for check in (unregistered_tests, long_files, error_codes, dead_links, absolute_paths) for f in check()]
    print("\n".join(findings) if findings else "tree: nothing found")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
