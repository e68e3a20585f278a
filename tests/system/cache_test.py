"""`--cache` through the whole program: the second start maps what the first one packed, says the same, and whatever
happens to the file beside the model is at most a line on stderr."""
import json
import shutil
import signal
import subprocess
import time
import unittest

import synthetic
from cli import MOTE, NUMBER, STORIES, CliTest, run


class Cache(CliTest):
    def setUp(self):
        super().setUp()
        original = synthetic.write_llama(self.folder / "original.gguf")
        self.model = self.folder / "model.gguf"
        self.good("quantize", original, "-o", self.model, "--type", "Q4_0")
        self.cache = self.folder / "model.gguf.mote-cache"
        self.question = ("run", self.model, "--raw", "-p", "Once upon a time", "-n", "12", "--temp", "0", "-t", "2")
        self.answer = self.good(*self.question)

    def answers(self, says=None):
        status, out, err = run(*self.question, "--cache")
        self.assertEqual(status, 0, err)
        self.assertEqual(out, self.answer)
        if says is None:
            self.assertEqual(err, "")
        else:
            self.assertIn(says, err)

    def test_second_start_maps(self):
        self.assertFalse(self.cache.exists(), "nobody asked for it")
        self.answers(says="are kept in")
        size = self.cache.stat().st_size
        self.assertGreater(size, self.model.stat().st_size // 2)
        self.answers()
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()),
                         ["model.gguf", "model.gguf.mote-cache", "original.gguf"])
        self.assertEqual(self.good(*self.question), self.answer)

    def test_damage_and_exchange(self):
        self.answers(says="are kept in")
        data = bytearray(self.cache.read_bytes())
        for at in (0, 17, 200, len(data) // 2, len(data) - 1):
            broken = bytearray(data)
            broken[at] ^= 0x10
            self.cache.write_bytes(broken)
            self.answers(says="CACHE_UNUSABLE")
            self.answers()
        for length in (0, 50, 5000, len(data) - 1):
            self.cache.write_bytes(data[:length])
            self.answers(says="CACHE_UNUSABLE")
            self.answers()
        # Another model of the same shape and size takes the name.
        other = synthetic.write_llama(self.folder / "other.gguf", seed=2)
        self.good("quantize", other, "-o", self.model, "--type", "Q4_0")
        self.answer = self.good(*self.question)
        self.answers(says="another model")
        self.answers()

    def test_cut_while_in_use(self):
        """As for the model itself: one error, never a signal, never a result."""
        self.answers(says="are kept in")
        data = self.cache.read_bytes()
        seen = set()
        for step in range(12):
            self.cache.write_bytes(data)
            job = subprocess.Popen([MOTE, "run", str(self.model), "--raw", "-p", "x" * 200, "-n", "40", "--cache", "--temp", "0",
                                    "--ignore-eos"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
            time.sleep(0.02 * step)
            with open(self.cache, "r+b") as file:
                file.truncate(8192)
            _, err = job.communicate(timeout=120)
            err = err.decode()
            self.assertIn(job.returncode, (0, 5), err)
            if job.returncode == 5:
                self.assertIn("error[MODEL_CHANGED]", err)
            seen.add(job.returncode)
        self.assertIn(0, seen)

    def test_kill_while_writing(self):
        started = time.monotonic()
        self.answers(says="are kept in")
        whole = time.monotonic() - started
        for step in range(10):
            self.cache.unlink(missing_ok=True)
            job = subprocess.Popen([MOTE, *map(str, self.question), "--cache"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            time.sleep(whole * step / 12)
            job.send_signal(signal.SIGKILL)
            job.wait()
            there = self.cache.exists()
            self.answers(says=None if there else "are kept in")
        names = {p.name for p in self.folder.iterdir()}
        self.assertLessEqual(names, {"model.gguf", "model.gguf.mote-cache", "original.gguf", "model.gguf.mote-cache.part"})

    def test_many_at_once(self):
        for _ in range(3):
            self.cache.unlink(missing_ok=True)
            jobs = [subprocess.Popen([MOTE, *map(str, self.question), "--cache"], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) for _ in range(4)]
            for job in jobs:
                out, err = job.communicate(timeout=120)
                self.assertEqual(job.returncode, 0, err)
                self.assertEqual(out.decode(), self.answer)
            self.answers()

    def test_folder_that_takes_no_file(self):
        (self.folder / "model.gguf.mote-cache.part").mkdir()
        self.answers(says="are not kept")
        self.assertFalse(self.cache.exists())

    def test_bench_and_measuring(self):
        def bench():
            return self.json("bench", self.model, "-p", "8", "-n", "4", "-r", "1", "-t", "1", "--cache")["results"]

        plain = self.json("bench", self.model, "-p", "8", "-n", "4", "-r", "1", "-t", "1")["results"]
        for results in (bench(), bench()):
            self.assertEqual([set(r) for r in results], [set(r) for r in plain])
            self.has(results[0], load_seconds=NUMBER)
            self.assertGreater(results[0]["load_seconds"], 0)
        text = self.write("text.txt", "Once upon a time there was a little dog. " * 40)
        expected = self.json("perplexity", self.model, "-f", text, "-c", "64")
        self.assertEqual(self.json("perplexity", self.model, "-f", text, "-c", "64", "--cache")["nll"], expected["nll"])

    def test_nothing_to_keep(self):
        status, _, err = run("run", STORIES, "--raw", "-p", "Once", "-n", "2", "--cache")
        self.assertEqual(status, 0)
        self.assertIn("nothing to cache", err)
        shutil.copy(self.model, self.folder / "exact.gguf")
        status, _, err = run("run", self.folder / "exact.gguf", "--raw", "-p", "Once", "-n", "2", "--cache", "--activations", "f32")
        self.assertEqual(status, 0)
        self.assertIn("nothing to cache", err)

    def test_json_stays_one_object(self):
        for _ in range(2):
            result = json.loads(self.good(*self.question, "--cache", "--json"))
            self.assertEqual(set(result), set(json.loads(self.good(*self.question, "--json"))))


if __name__ == "__main__":
    unittest.main()
