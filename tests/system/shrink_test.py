"""A model file that is cut while the program reads it gives one error, MODEL_CHANGED with exit 5: never a signal, never a
result, never a file made of what was no longer there."""
import json
import shutil
import subprocess
import time
import unittest

import synthetic
from cli import MOTE, STORY, CliTest


class Shrink(CliTest):
    def setUp(self):
        super().setUp()
        self.original = synthetic.write_llama(self.folder / "original.gguf")
        self.text = self.write("text.txt", STORY * 40)

    def cut(self, delay, *arguments):
        """Runs mote on a copy, cuts the copy to its header after `delay` seconds; (status, stdout, stderr, seconds)."""
        model = self.folder / "model.gguf"
        shutil.copyfile(self.original, model)
        job = subprocess.Popen([MOTE, *(str(model) if a is None else str(a) for a in arguments)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        time.sleep(delay)
        with open(model, "r+b") as file:
            file.truncate(64 * 1024)
        out, err = job.communicate(timeout=120)
        return job.returncode, out.decode(), err.decode()

    def whole_time(self, *arguments):
        started = time.monotonic()
        self.good(*(self.original if a is None else a for a in arguments))
        return time.monotonic() - started

    def sweep(self, arguments, forbidden=None):
        """Cuts at moments from the start to the end of a run: each one is whole, or MODEL_CHANGED, or, where the cut came
        before the header was read, an error of the reader."""
        duration = self.whole_time(*arguments)
        seen = {}
        if forbidden is not None:
            forbidden.unlink()  # of the whole run
        for step in range(16):
            status, out, err = self.cut(duration * step / 14, *arguments)
            self.assertIn(status, (0, 5), f"step {step}: {err}")
            if status == 5:
                # Lines of progress may come before it: a sanitizer build takes seconds.
                error = err.splitlines()[-1]
                self.assertEqual(err.count("error["), 1, err)
                self.assertTrue(error.startswith("error["), err)
                self.assertEqual(out, "", "a result of what was no longer there")
                code = error[error.index("[") + 1:error.index("]")]
                self.assertIn(code, ("MODEL_CHANGED", "GGUF_TRUNCATED"), err)
                self.assertIn("model.gguf", error)
                if forbidden is not None:
                    self.assertFalse(forbidden.exists(), err)
            else:
                code = "whole"
            seen[code] = seen.get(code, 0) + 1
            if forbidden is not None:
                for path in self.folder.glob(forbidden.name + "*"):
                    path.unlink()
        print(arguments[0], seen)
        self.assertGreaterEqual(seen.get("MODEL_CHANGED", 0), 3, seen)

    def test_during_perplexity_of_mapped_weights(self):
        self.sweep(("perplexity", None, "-f", self.text, "-c", "64", "--chunks", "12", "-t", "2"))

    def test_during_load_and_first_tokens(self):
        self.sweep(("logits", None, "--tokens", "1,5,6,7", "-t", "2"))

    def test_during_verify(self):
        self.sweep(("inspect", None, "--verify"))

    def test_during_quantize(self):
        out = self.folder / "out.gguf"
        self.sweep(("quantize", None, "-o", out, "--type", "Q4_K_M", "-t", "2"), forbidden=out)

    def test_during_calibrate(self):
        out = self.folder / "out.gguf"
        self.sweep(("calibrate", None, "--data", self.text, "-o", out, "-c", "64", "--chunks", "12", "-t", "2"), forbidden=out)

    def test_json_has_the_error_alone(self):
        for delay in (0.1, 0.3, 0.5, 0.8, 1.2, 1.6):
            status, out, _ = self.cut(delay, "perplexity", None, "--json", "-f", self.text, "-c", "64", "--chunks", "40",
                                      "-t", "1")
            if status == 5:
                self.assertEqual(set(json.loads(out)), {"schema", "error"})
                if json.loads(out)["error"]["code"] == "MODEL_CHANGED":
                    return
        self.fail("no moment hit the run")


if __name__ == "__main__":
    unittest.main()
