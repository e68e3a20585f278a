"""What mutate_kernels.py says of made-up mutations and test programs, and that each real mutation still finds its text."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
import kernel_mutations as mutations  # noqa: E402
import mutate_kernels as mutate  # noqa: E402

SUITE = "Sum.IsRight"


def mutation(old="a + b", new="a - b", only="", isa="avx2"):
    return mutations.Mutation(isa, "1", "the wrong sign", "sum.cc", old, new, SUITE, only)


class FakeBuild:
    """A tree whose tests are red unless its file is as at first; "no" does not compile."""

    def __init__(self, tree, red, died=""):
        self.tree, self.red, self.died = tree, red, died
        self.seen = []

    def build(self, _):
        self.seen.append((self.tree / "sum.cc").read_text())
        return subprocess.CompletedProcess([], 1 if "no" in self.seen[-1] else 0, "sum.cc:1: error: no such name", "")

    def test(self, _):
        return self.red, self.died


class MutateKernels(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "sum.cc").write_text("int sum(int a, int b) { return a + b; }\n")

    def try_one(self, m, red=frozenset({SUITE}), died=""):
        build = FakeBuild(self.folder, set(red), died)
        verdict = mutate.try_one(build, m)
        self.assertEqual((self.folder / "sum.cc").read_text(), "int sum(int a, int b) { return a + b; }\n")
        return verdict, build.seen

    def test_a_mutation_that_a_test_sees_is_red_and_the_file_is_put_back(self):
        (verdict, red), seen = self.try_one(mutation())
        self.assertEqual((verdict, red), ("red", {SUITE}))
        self.assertEqual(seen, ["int sum(int a, int b) { return a - b; }\n"])

    def test_other_verdicts_are_told_apart(self):
        self.assertEqual(self.try_one(mutation(), red=())[0][0], "SURVIVED")
        self.assertEqual(self.try_one(mutation(), red={"Sum.Other"})[0][0], f"red, but not {SUITE}")
        self.assertEqual(self.try_one(mutation(), died="SIGSEGV")[0][0], "red (SIGSEGV)")
        self.assertEqual(self.try_one(mutation(old="a * b"))[0][0], "text not found")
        self.assertIn("does not compile: error: no such name", self.try_one(mutation(new="no"))[0][0])

    def test_a_file_of_several_sets_is_broken_for_one(self):
        text = mutation(only="defined(__AVX512F__)").applied("return a + b;")
        for defined, expected in ((["-D__AVX512F__"], "return a - b ;"), ([], "return a + b ;")):
            out = subprocess.run(["c++", "-E", "-P", "-x", "c++", "-U__AVX512F__", *defined, "-"], input=text, capture_output=True, text=True, check=True).stdout
            self.assertEqual(" ".join(out.replace(";", " ;").split()), expected)

    def test_a_text_that_stands_twice_is_as_good_as_lost(self):
        self.assertEqual(list(mutate.lost([mutation()], self.folder)), [])
        (self.folder / "sum.cc").write_text("a + b, a + b")
        [line] = mutate.lost([mutation()], self.folder)
        self.assertIn("finds its text 2 times", line)
        [line] = mutate.lost([mutations.Mutation("avx2", "1", "x", "gone.cc", "a", "b", SUITE)], self.folder)
        self.assertIn("gone.cc", line)

    def test_a_program_that_dies_leaves_its_last_test_red(self):
        output = "[ RUN      ] A.Good\n[       OK ] A.Good (0 ms)\n[ RUN      ] A.Bad\nx\n[  FAILED  ] A.Bad (1 ms)\n[ RUN      ] B.Dies\n"
        self.assertEqual(mutate.red_tests(output, -11), {"A.Bad", "B.Dies"})
        self.assertEqual(mutate.red_tests("[ RUN      ] A.Good\n[       OK ] A.Good (0 ms)\n[  PASSED  ] 1 test.\n", 0), set())
        summary = "[ RUN      ] A.Bad\n[  FAILED  ] A.Bad, where TypeParam = int (0 ms)\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] A.Bad, where TypeParam = int\n"
        self.assertEqual(mutate.red_tests(summary, 1), {"A.Bad"})

    def test_the_table_shows_what_survived(self):
        text = mutate.table([(mutation(), "red", {SUITE, "B.Other"}), (mutation(isa="amx"), "SURVIVED", set()), (mutation(), "red (SIGSEGV)", {SUITE})])
        self.assertIn("| avx2 | 1 | the wrong sign | Sum.IsRight and 1 more |", text)
        self.assertIn("| amx | 1 | the wrong sign | **SURVIVED** |", text)
        self.assertIn("Sum.IsRight (SIGSEGV)", text)

    def test_every_set_has_four_for_every_class_of_columns_together(self):
        for chosen in (mutations.of_x86(), mutations.arm()):
            sets = {m.isa for m in chosen} - {"all"}
            for isa in sets:
                of_set = [m for m in chosen if m.isa == isa]
                self.assertGreaterEqual(len(of_set), 4, isa)
                self.assertLessEqual({"1", "2..16", "17.."}, {m.n for m in of_set}, isa)
            self.assertEqual(len(set(chosen)), len(chosen))

    def test_every_mutation_finds_its_text(self):
        self.assertEqual(list(mutate.lost([*mutations.of_x86(), *mutations.arm()])), [])


if __name__ == "__main__":
    unittest.main()
