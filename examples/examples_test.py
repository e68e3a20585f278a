"""The examples do what their first comment says, on models/babyllama-tok105."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system"))
from cli import STORIES, MOTE, STORY, CliTest  # noqa: E402
from synthetic import write_llama  # noqa: E402

EXAMPLES = pathlib.Path(os.environ.get("MOTE_EXAMPLES", pathlib.Path(MOTE).parents[1] / "examples"))


def example(name, *arguments):
    done = subprocess.run([EXAMPLES / name, *map(str, arguments)], capture_output=True, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Generate(CliTest):
    def test_the_text_is_that_of_the_program(self):
        status, out, err = example("generate", STORIES, "Once upon a time", 40)
        self.assertEqual(status, 0, err)
        expected = self.json("run", STORIES, "--raw", "-p", "Once upon a time", "-n", "40", "-c", "128", "--temp", "0")
        self.assertEqual(out, "Once upon a time" + expected["text"] + "\n")
        self.assertGreater(len(expected["text"]), 20)
        self.assertIn("40 tokens, finish reason length", err)

    def test_it_streams_and_stops_at_ctrl_c(self):
        model = write_llama(self.folder / "slow.gguf")
        wanted = 50_000  # minutes of work
        running = subprocess.Popen([EXAMPLES / "generate", model, "Once", str(wanted)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        try:
            first = running.stdout.read(5)  # more than the prompt: text came while it runs
            self.assertEqual(len(first), 5)
            self.assertIsNone(running.poll())
            running.send_signal(signal.SIGINT)
            _, err = running.communicate(timeout=60)
        finally:
            running.kill()
            running.wait()
        self.assertEqual(running.returncode, 130, err)
        done = re.match(rb"(\d+) tokens, finish reason cancelled", err)
        self.assertTrue(done, err)
        self.assertLess(int(done[1]), wanted)

    def test_errors_have_their_code_and_status(self):
        status, out, err = example("generate", self.folder / "none.gguf", "Once")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("error[INPUT_MISSING]", err)
        self.assertEqual(example("generate")[0], 2)


class Quantize(CliTest):
    def test_the_table_is_what_the_file_holds(self):
        path = self.folder / "small.gguf"
        status, out, err = example("quantize", STORIES, path, "Q4_0")
        self.assertEqual(status, 0, err)
        rows = re.findall(r"^(\S+) +(\S+) +-> (\S+) +(\S+) +(\d+) bytes  error (\S+)$", out, re.MULTILINE)
        held = {t["name"]: (t["type"], t["bytes"]) for t in self.json("inspect", path)["tensors"]}
        self.assertEqual({r[0]: (r[2], int(r[4])) for r in rows}, held)
        # Of 32 normal values the largest is some 2.2 sigma. Steps of 2.2 / 2^(bits - 1) sigma lose step^2 / 12 of the
        # square: 6.3e-3 for 4 bits, 2.5e-5 for 8. Real rows are less even, hence a factor of 8 both ways. What is copied
        # loses nothing.
        for name, _, kind, method, _, error in rows:
            with self.subTest(name):
                usual = 0 if method == "copy" else {"Q4_0": 6.3e-3, "Q8_0": 2.5e-5}[kind]
                self.assertTrue(usual / 8 <= float(error) <= usual * 8, f"{kind} {error}")
        self.assertIn(f"Q4_0: {path.stat().st_size} bytes", out)
        self.assertIn(f"tensor {len(rows)} of {len(rows)}", err)

    def test_unknown_types_are_refused(self):
        status, _, err = example("quantize", STORIES, self.folder / "x.gguf", "Q4_X")
        self.assertEqual(status, 2)
        self.assertIn("error[QUANT_TYPE_UNKNOWN]", err)


class Compare(CliTest):
    def figures(self, *arguments):
        status, out, err = example("compare", *arguments)
        self.assertEqual(status, 0, err)
        return [float(x) for x in re.findall(r"(?:perplexity|reference|divergence|token) +([\d.]+)", out)]

    def test_a_model_is_its_own_equal(self):
        text = self.write("t.txt", STORY)
        own, reference, divergence, same = self.figures(STORIES, STORIES, text, 128)
        self.assertEqual((own, divergence, same), (reference, 0, 1))

    def test_a_smaller_one_loses_what_the_program_says(self):
        text = self.write("t.txt", STORY)
        small = self.folder / "small.gguf"
        self.good("quantize", STORIES, "-o", small, "--type", "Q4_0")
        own, reference, divergence, same = self.figures(STORIES, small, text, 128)
        expected = self.json("compare", "--reference", STORIES, small, "-f", text, "-c", "128")
        self.assertAlmostEqual(own, expected["models"][0]["ppl"], places=5)
        self.assertAlmostEqual(reference, expected["reference"]["ppl"], places=5)
        self.assertAlmostEqual(divergence, expected["models"][0]["kld_mean"], places=8)
        self.assertAlmostEqual(same, expected["models"][0]["top1_agreement"], places=5)
        self.assertGreater(divergence, 1e-4)

    def test_a_short_text_is_refused(self):
        status, _, err = example("compare", STORIES, STORIES, self.write("t.txt", "Once."))
        self.assertEqual(status, 2)
        self.assertIn("error[MEASURE_TEXT_SHORT]", err)


if __name__ == "__main__":
    unittest.main()
