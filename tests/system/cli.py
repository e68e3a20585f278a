"""Running the built program in tests: standard library only, one place for paths, one for JSON."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOTE = os.environ.get("MOTE_BINARY", str(ROOT / "build/release/bin/mote"))
STORIES = ROOT / "models/babyllama-tok105/model5000.bin"  # tiny, without a chat template
AGENT = ROOT / "models/agent"  # the one that is used where no MODEL is given
BASE = pathlib.Path(os.environ.get("MOTE_MODELS", pathlib.Path.home() / ".cache/mote-models")) / "base/base-f16.gguf"

SANITIZED = os.environ.get("MOTE_SANITIZED") == "1"
PATIENCE = 10 if SANITIZED else 1  # sanitizers take their time

STORY = ("Once upon a time there was a little dog who lived in a big house near the sea. Every day he ran to the "
         "water and looked at the boats. ") * 12


def run(*arguments, environment=None, stdin=None, timeout=120):
    """Exit status, stdout, stderr of `mote ARGUMENTS`."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith("MOTE_") and k != "NO_COLOR"}
    settings.update(environment or {})
    feed = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    done = subprocess.run([MOTE, *map(str, arguments)], capture_output=True, timeout=PATIENCE * timeout, env=settings, cwd=ROOT, **feed)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class CliTest(unittest.TestCase):
    """A folder of its own per test, and assertions on runs."""

    def setUp(self):
        held = tempfile.TemporaryDirectory(prefix="mote-test-")
        self.addCleanup(held.cleanup)
        self.folder = pathlib.Path(held.name)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def good(self, *arguments, **options):
        status, out, err = run(*arguments, **options)
        self.assertEqual(status, 0, f"mote {' '.join(map(str, arguments))}: {err}{out[-2000:]}")
        return out

    def json(self, *arguments, **options):
        """The one JSON object of a good run."""
        out = self.good(arguments[0], "--json", *arguments[1:], **options)
        result = json.loads(out)
        self.assertIsInstance(result, dict)
        self.assertEqual(result["schema"], 1)
        return result

    def fails(self, expected_status, expected_code, *arguments, **options):
        """Fails the same way for people and as JSON; returns the line for people."""
        status, out, err = run(*arguments, **options)
        self.assertEqual(status, expected_status, f"mote {' '.join(map(str, arguments))}: {err}")
        self.assertEqual(out, "", "a failure prints nothing on stdout")
        self.assertIn(f"error[{expected_code}]", err)
        self.assertEqual(err.count("\n"), 1, f"one line: {err}")
        status, out, _ = run(arguments[0], "--json", *arguments[1:], **options)
        self.assertEqual(status, expected_status)
        result = json.loads(out)
        self.assertEqual(set(result), {"schema", "error"})
        self.assertLessEqual({"code", "message", "hint"}, set(result["error"]))
        self.assertEqual(result["error"]["code"], expected_code)
        return err

    def has(self, result, **types):
        """Named members of these types."""
        for name, kind in types.items():
            self.assertIn(name, result)
            self.assertIsInstance(result[name], kind, f"{name} is {result[name]!r}")


NUMBER = (int, float)
