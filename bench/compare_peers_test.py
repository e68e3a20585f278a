"""The protocol of compare_peers.py with programs whose speeds are known."""
import json
import pathlib
import stat
import statistics
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import compare_peers as peers  # noqa: E402

# A program that notes how it was called and prints the speed that stands in a file beside it, or fails.
PROGRAM = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__)
calls = here.with_suffix(".calls")
calls.write_text((calls.read_text() if calls.exists() else "") + json.dumps(sys.argv[1:]) + "\\n")
order = here.parent / "order"
order.write_text((order.read_text() if order.exists() else "") + here.stem + "\\n") if "doctor" not in sys.argv else None
speeds = json.loads(here.with_suffix(".speeds").read_text())
if speeds is None:
    sys.exit("no such model")
n = calls.read_text().count("\\n")
if "doctor" in sys.argv:
    print(json.dumps({{"read_bandwidth_gbps": 40.0}}))
elif sys.argv[1] == "bench":
    print(json.dumps({{"results": [{{"tokens_per_second": {{"median": speeds[n % len(speeds)]}}}}]}}))
else:
    print(json.dumps([{{"avg_ts": 1.0, "samples_ts": [speeds[n % len(speeds)]] * 3}}]))
"""


class ComparePeers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = self.folder / "m.gguf"
        self.model.write_bytes(b"x")

    def program(self, name, speeds):
        path = self.folder / f"{name}.py"
        path.write_text(PROGRAM.format(python=sys.executable))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        path.with_suffix(".speeds").write_text(json.dumps(speeds))
        return path

    def compare(self, *arguments):
        done = subprocess.run([sys.executable, "-B", HERE / "compare_peers.py", *map(str, arguments)], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def calls(self, program):
        return [json.loads(line) for line in program.with_suffix(".calls").read_text().splitlines()]

    def test_the_ratio_is_to_the_best_peer_of_the_row(self):
        mote, slow, fast = self.program("mote", [120.0]), self.program("slow", [50.0]), self.program("fast", [100.0])
        out = self.folder / "out"
        status, text, error = self.compare("--mote", mote, "--peer", f"slow={slow}", "--peer", f"fast={fast},-rtr,1", "--model", f"M={self.model}",
                                           "-t", "1", "-p", "512", "-n", "0", "--passes", "3", "-o", out)
        self.assertEqual(status, 0, error)
        [row] = [line for line in text.splitlines() if line.startswith("| M pp512")]
        self.assertIn("| fast | 1.20 [1.20-1.20] | faster |", row)
        self.assertEqual((out / "table.md").read_text().strip(), text.strip())
        self.assertIn("mote / best peer", (out / "table.svg").read_text())
        self.assertEqual(json.loads((out / "rows.json").read_text())[0]["speeds"], {"mote": [120.0] * 3, "slow": [50.0] * 3, "fast": [100.0] * 3})

    def test_every_arm_gets_the_same_work_and_its_own_options(self):
        mote, peer = self.program("mote", [1.0]), self.program("peer", [1.0])
        status, _, error = self.compare("--mote", mote, "--peer", f"p={peer},-rtr,1", "--model", f"M={self.model}", "-t", "2", "-p", "0", "-n", "64",
                                        "-d", "4096", "--kv", "q8_0", "--passes", "1", "-r", "3")
        self.assertEqual(status, 0, error)
        work = ["-p", "0", "-n", "64", "-d", "4096", "-t", "2", "-r", "3", "-ctk", "q8_0", "-ctv", "q8_0"]
        self.assertEqual([c for c in self.calls(mote) if c[0] == "bench"], [["bench", "--json", str(self.model), *work]])
        self.assertEqual(self.calls(peer), [["-m", str(self.model), *work, "-o", "json", "-rtr", "1"]])

    def test_each_pass_begins_with_another_arm(self):
        mote, a, b = (self.program(name, [1.0]) for name in ("mote", "a", "b"))
        self.compare("--mote", mote, "--peer", f"a={a}", "--peer", f"b={b}", "--model", f"M={self.model}", "-t", "1", "-n", "0", "--passes", "3")
        order = (self.folder / "order").read_text().split()
        self.assertEqual(order, ["mote", "a", "b", "a", "b", "mote", "b", "mote", "a"])

    def test_a_row_is_won_only_where_the_interval_leaves_out_one(self):
        even = peers.Measured({"mote": [90.0, 120.0, 100.0, 101.0], "p": [100.0] * 4})
        self.assertEqual(peers.verdict(peers.against_best(even)[1]), "even")
        self.assertEqual(peers.verdict((1.1, 1.01, 1.2)), "faster")
        self.assertEqual(peers.verdict((0.9, 0.8, 0.99)), "slower")

    def test_ratios_are_paired(self):
        # A machine that slows down in the middle slows both.
        m = peers.Measured({"mote": [110.0, 55.0, 220.0], "p": [100.0, 50.0, 200.0]})
        name, (middle, low, high) = peers.against_best(m)
        self.assertEqual(name, "p")
        for value in (middle, low, high):
            self.assertAlmostEqual(value, 1.1)

    def test_the_interval_is_that_of_all_resamples(self):
        values = [1.0, 1.1, 1.3]
        # All 27 samples of three, by enumeration.
        every = sorted(statistics.median((a, b, c)) for a in values for b in values for c in values)
        low, high = every[round(0.025 * 26)], every[round(0.975 * 26)]
        self.assertEqual(peers.bootstrap_median(values), (1.1, low, high))

    def test_a_row_with_an_unsteady_bandwidth_is_told(self):
        row = peers.Row("M", "tg128", 0, 1, "f16")
        readings = iter((40.0, 50.0))
        m = peers.measure(row, {"mote": lambda _: 2.0, "p": lambda _: 1.0}, 2, lambda _: next(readings), lambda _: None)
        self.assertFalse(peers.is_steady(m))
        self.assertTrue(peers.is_steady(peers.Measured({}, (40.0, 46.0))))
        text = peers.table({row: m}, {"M": 9e9})
        self.assertIn("(unsteady)", text)
        self.assertIn("| 40% |", text)  # 2 tokens a second of 9 GB, of 45 GB/s
        self.assertNotIn("%", peers.table({peers.Row("M", "pp512", 0, 1, "f16"): m}, {"M": 9e9}).splitlines()[-1])

    def test_failures_name_the_program(self):
        mote, broken = self.program("mote", [1.0]), self.program("broken", None)
        status, _, error = self.compare("--mote", mote, "--peer", f"b={broken}", "--model", f"M={self.model}", "-n", "0", "-t", "1")
        self.assertEqual(status, 2)
        self.assertIn("broken.py", error)
        self.assertIn("no such model", error)
        for wrong in (("--peer", "nothing"), ("--peer", "mote=x")):
            status, _, error = self.compare("--mote", mote, "--model", f"M={self.model}", *wrong)
            self.assertEqual(status, 2)
            self.assertIn("NAME=", error)


if __name__ == "__main__":
    unittest.main()
