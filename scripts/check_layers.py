#!/usr/bin/env python3
"""Hold every #include of a module to docs/layers.txt.

A module may include its own headers, public ones (mote/...) of those or of nobody, and those of modules on lower lines. Each breach is
one sentence: "src/codec/q4_0.cc:7 includes engine/session.h; codec may use base, sys, telemetry and tensor".
Exit status 0 where there is none.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
SUFFIXES = {".h", ".cc", ".inc"}


def read_layers(path):
    lines = [line.split("#")[0] for line in path.read_text().splitlines()]
    layers = [line.split() for line in lines if line.strip() and ":" not in line]
    owners = {header: line.split(":")[0].strip() for line in lines if ":" in line for header in line.split(":")[1].split()}
    return layers, owners


def sentence(names):
    names = sorted(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "nothing"


def check(root):
    layers, owners = read_layers(root / "docs/layers.txt")
    rank = {module: i for i, line in enumerate(layers) for module in line}
    folders = [p for p in sorted((root / "src").iterdir()) if p.is_dir()] + [root / "apps"]
    breaches = []
    for folder in folders:
        module = folder.name
        if module not in rank:
            breaches.append(f"{folder.relative_to(root)} is a module that docs/layers.txt does not name")
            continue
        allowed = {m for m, r in rank.items() if r < rank[module]}
        for path in sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES):
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                target = owners.get(match.group(1), match.group(1).split("/")[0])
                if target in ("mote", module) or target in allowed:
                    continue
                if target == "testing" and path.name.endswith("_test.cc"):
                    continue
                where = f"{path.relative_to(root)}:{number} includes {match.group(1)}"
                if target in rank:
                    breaches.append(f"{where}; {module} may use {sentence(allowed)}")
                else:
                    breaches.append(f"{where}, which is not a path below src/; write it as \"module/header.h\"")
    for path in sorted((root / "include").rglob("*.h")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and not match.group(1).startswith("mote/"):
                breaches.append(f"{path.relative_to(root)}:{number} includes {match.group(1)}; "
                                "a public header may include public headers only")
    return breaches


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    breaches = check(root)
    print("\n".join(breaches) if breaches else "layers: every include follows docs/layers.txt")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
