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
from cli import BASE, STORIES, MOTE, SANITIZED, CliTest, run

KILLS = 10 if SANITIZED else 50


class Interrupt(CliTest):
    def start(self, *arguments, stdout=subprocess.DEVNULL):
        return subprocess.Popen([MOTE, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, start_new_session=True)

    def killed_at_random(self, rng, arguments, kills):
        """Starts the job over and over and kills it at moments drawn from its duration; yields after each one, until
        `kills` of them were still at work. The duration is the shortest that was seen of a job with all its work to
        do: the first one of all may read its input from a slow disk, and moments drawn from that would mostly come
        after the end."""
        duration, killed = 60.0, 0
        for attempt in range(20 * kills):
            anew = not any(self.made.iterdir())
            moment = rng.uniform(0, duration) if attempt else duration
            started = time.monotonic()
            job = self.start(*arguments(self.made))
            try:
                job.communicate(timeout=moment)
                if anew:
                    duration = min(duration, time.monotonic() - started)
            except subprocess.TimeoutExpired:
                job.send_signal(signal.SIGKILL)
                job.communicate()
            self.assertIn(job.returncode, (0, -signal.SIGKILL))
            killed += job.returncode == -signal.SIGKILL
            yield attempt
            if killed == kills:
                return
        self.fail(f"{killed} of {20 * kills} jobs were still at work at their moment: too few to test anything")

    def hashes(self, folder):
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if ".part" not in p.name}

    def setUp(self):
        super().setUp()
        self.made = self.folder / "made"
        self.made.mkdir()

    def test_kill_9_at_random_moments(self):
        source = BASE if BASE.exists() else synthetic.write_llama(self.folder / "synthetic.gguf")
        arguments = lambda folder: ("quantize", source, "-o", folder / "out.gguf", "--type", "Q4_0", "-t", "2")
        whole = self.folder / "whole"
        whole.mkdir()
        self.good(*arguments(whole))
        expected = self.hashes(whole)
        finished = 0
        for attempt in self.killed_at_random(random.Random(20240601), arguments, KILLS):
            if found := self.hashes(self.made):
                self.assertEqual(found, expected, f"attempt {attempt}: a final name that is not the whole file")
                (self.made / "out.gguf").unlink()
                finished += 1
        result = self.json(*arguments(self.made))
        self.assertEqual(self.hashes(self.made), expected)
        self.assertEqual([p.name for p in self.made.iterdir()], ["out.gguf"],
                         "temporary files remain after a job that finished")
        print(f"{KILLS} jobs killed, {finished} finished between them; last one took over "
              f"{sum(t['resumed'] for t in result['tensors'])} of {len(result['tensors'])} tensors")

    def test_kill_9_while_several_files_are_written(self):
        source = synthetic.write_llama(self.folder / "synthetic.gguf")
        arguments = lambda folder: ("quantize", source, "-o", folder / "out.gguf", "--type", "Q5_K", "-t", "1",
                                    "--split-max-size", "1M")
        whole = self.folder / "whole"
        whole.mkdir()
        self.good(*arguments(whole))
        expected = self.hashes(whole)
        self.assertGreater(len(expected), 5)
        for attempt in self.killed_at_random(random.Random(20240602), arguments, KILLS // 4):
            named = self.hashes(self.made)
            for name, value in named.items():
                self.assertEqual(value, expected[name], f"attempt {attempt}: {name}")
            if min(expected) in named:
                self.assertEqual(named, expected, f"attempt {attempt}: the first file without the others")
                for path in self.made.iterdir():
                    path.unlink()
        result = self.json(*arguments(self.made))
        self.assertEqual({p.name for p in self.made.iterdir()}, set(expected))
        self.assertEqual(self.hashes(self.made), expected)
        self.assertEqual([pathlib.Path(f["path"]).name for f in result["files"]], sorted(expected))

    def test_an_interrupted_run_says_so_by_its_status(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            job = self.start("run", STORIES, "-p", "Once upon a time", "--ignore-eos", "-n", "100000", "-c", "100000",
                             "-t", "1", stdout=subprocess.PIPE)
            self.assertNotEqual(job.stdout.read(1), b"", "the run ended before it wrote anything")
            job.send_signal(number)
            _, err = job.communicate(timeout=60)
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
