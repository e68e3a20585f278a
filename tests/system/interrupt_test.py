"""A quantize job that is killed leaves no short file under the final name, and the next one gives the same bytes."""
import hashlib
import os
import pathlib
import random
import signal
import subprocess
import time
import unittest

import synthetic
from cli import BASE, STORIES, MOTE, CliTest, run

KILLS = 50


class Interrupt(CliTest):
    def start(self, *arguments):
        return subprocess.Popen([MOTE, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, start_new_session=True)

    def test_kill_9_at_random_moments(self):
        if BASE.exists():
            source, type_name = BASE, "Q4_0"
        else:
            source, type_name = synthetic.write_llama(self.folder / "synthetic.gguf"), "Q4_0"
        arguments = lambda out: ("quantize", source, "-o", out, "--type", type_name, "-t", "2")
        whole = self.folder / "whole.gguf"
        started = time.monotonic()
        self.good(*arguments(whole))
        duration = time.monotonic() - started
        expected = hashlib.sha256(whole.read_bytes()).hexdigest()
        out = self.folder / "out.gguf"
        rng = random.Random(20240601)
        interrupted = 0
        for attempt in range(KILLS):
            job = self.start(*arguments(out))
            time.sleep(rng.uniform(0, duration))
            job.send_signal(signal.SIGKILL)
            job.wait()
            job.stderr.close()
            interrupted += job.returncode == -signal.SIGKILL
            if out.exists():
                self.assertEqual(hashlib.sha256(out.read_bytes()).hexdigest(), expected,
                                 f"attempt {attempt}: a file under the final name that is not the whole one")
                out.unlink()
        self.assertGreater(interrupted, KILLS // 4, "the moments were too late to test anything")
        result = self.json(*arguments(out))
        self.assertEqual(hashlib.sha256(out.read_bytes()).hexdigest(), expected)
        leftovers = {p.name for p in self.folder.iterdir()} - {"whole.gguf", "out.gguf", "synthetic.gguf"}
        self.assertEqual(leftovers, set(), "temporary files remain after a job that finished")
        print(f"{interrupted} of {KILLS} jobs killed; last one took over "
              f"{sum(t['resumed'] for t in result['tensors'])} of {len(result['tensors'])} tensors")

    def test_kill_9_while_several_files_are_written(self):
        source = synthetic.write_llama(self.folder / "synthetic.gguf")
        made = self.folder / "made"
        made.mkdir()
        arguments = lambda folder: ("quantize", source, "-o", folder / "out.gguf", "--type", "Q5_K", "-t", "1",
                                    "--split-max-size", "1M")
        hashes = lambda folder: {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
        whole = self.folder / "whole"
        whole.mkdir()
        started = time.monotonic()
        self.good(*arguments(whole))
        duration = time.monotonic() - started
        expected = hashes(whole)
        self.assertGreater(len(expected), 5)
        rng = random.Random(20240602)
        interrupted = 0
        for attempt in range(KILLS // 4):
            job = self.start(*arguments(made))
            time.sleep(rng.uniform(0, duration))
            job.send_signal(signal.SIGKILL)
            job.wait()
            job.stderr.close()
            interrupted += job.returncode == -signal.SIGKILL
            found = hashes(made)
            named = {name: value for name, value in found.items() if ".part" not in name}
            for name, value in named.items():
                self.assertEqual(value, expected[name], f"attempt {attempt}: {name}")
            if min(expected) in named:
                self.assertEqual(named, expected, f"attempt {attempt}: the first file without the others")
                for path in made.iterdir():
                    path.unlink()
        self.assertGreater(interrupted, KILLS // 16, "the moments were too late to test anything")
        result = self.json(*arguments(made))
        self.assertEqual(hashes(made), expected)
        self.assertEqual([pathlib.Path(f["path"]).name for f in result["files"]], sorted(expected))

    def test_an_interrupted_run_says_so_by_its_status(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            job = self.start("run", STORIES, "-p", "Once upon a time", "--ignore-eos", "-n", "100000", "-c", "100000",
                             "-t", "1")
            time.sleep(0.5)
            job.send_signal(number)
            _, err = job.communicate(timeout=20)
            self.assertEqual(job.returncode, status, err)

    def test_a_closed_pipe_is_an_error_and_no_crash(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run([MOTE, "inspect", "--tensors"], stdout=write_end, stderr=subprocess.PIPE, timeout=30)
        os.close(write_end)
        self.assertEqual(done.returncode, 1, done.stderr)

    def test_an_output_that_cannot_be_made_is_an_error_before_work(self):
        status, _, err = run("quantize", STORIES, "-o", self.folder / "no" / "such" / "folder.gguf", "--type", "Q8_0")
        self.assertEqual(status, 1, err)


if __name__ == "__main__":
    unittest.main()
