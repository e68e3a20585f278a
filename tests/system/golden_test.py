"""Help texts and error lines are what tests/golden/cli holds; scripts/update_goldens.py writes them anew."""
import pathlib
import sys
import unittest

from cli import ROOT, run

sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True
import update_goldens  # noqa: E402


class Golden(unittest.TestCase):
    maxDiff = None

    def test_texts_are_those_that_were_agreed(self):
        folder = ROOT / "tests/golden/cli"
        expected = {p.name for p in folder.glob("*.txt")}
        self.assertEqual(expected, set(update_goldens.CASES), "run scripts/update_goldens.py")
        for name, arguments in update_goldens.CASES.items():
            with self.subTest(name):
                self.assertEqual(update_goldens.text_of(run, arguments), (folder / name).read_text())


if __name__ == "__main__":
    unittest.main()
