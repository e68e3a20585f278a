#!/usr/bin/env python3
"""Write the texts that tests/system/golden_test.py compares: help and error lines of the program.

  scripts/update_goldens.py [build/release/bin/mote]

Look at `git diff tests/golden/cli` afterwards: each change there is one that users see.
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMANDS = ("demo", "calibrate", "quantize", "compare", "perplexity", "run", "bench", "doctor", "inspect", "tokenize", "render", "embed", "logits",
            "completion", "man")
CASES = {
    "help.txt": ["--help"],
    "limits.txt": ["--limits"],
    **{f"help_{name}.txt": [name, "--help"] for name in COMMANDS},
    "error_unknown_command.txt": ["quantise"],
    "error_unknown_option.txt": ["bench", "--thread", "4"],
    "error_later_command.txt": ["serve"],
    "error_later_option.txt": ["run", "--schema", "s.json"],
    "error_missing_file.txt": ["inspect", "nowhere.gguf"],
    "error_missing_argument.txt": ["compare"],
    "error_value.txt": ["run", "-n", "many"],
    "error_type.txt": ["quantize", "models/babyllama-tok105/model5000.bin", "-o", "x.gguf", "--type", "Q4_K_N"],
}


def text_of(run, arguments):
    """What a person sees: status, stdout, stderr."""
    status, out, err = run(*arguments)
    return f"$ mote {' '.join(arguments)}\n{out}{err}[{status}]\n"


def main():
    mote = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/bin/mote").resolve()

    def run(*arguments):
        done = subprocess.run([mote, *arguments], capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    folder = ROOT / "tests/golden/cli"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.txt"):
        if old.name not in CASES:
            old.unlink()
    for name, arguments in CASES.items():
        (folder / name).write_text(text_of(run, arguments))
    print(f"wrote {len(CASES)} texts to {folder.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
