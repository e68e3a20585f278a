"""Completion in real bash, zsh and fish, and the manual pages, against what --help says.

The help texts are read here by their columns, without the program's option table. A shell that is missing is a skip
with its reason, and a failure where MOTE_REQUIRE_ORACLES=1. The last classes ask a program of the same parts with a
table of awkward texts (completion_probe.cc, MOTE_COMPLETION_PROBE) whether every one of them is quoted right.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import shells
from cli import MOTE, ROOT
from help_text import Help, need

PROBE = os.environ.get("MOTE_COMPLETION_PROBE", "")
BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")
# What stands where a value is due; what has no row here is a text or a number.
PATHS = {"MODEL", "IN", "FILE", "REF"}


def choices_of(row):
    """The values that a help text lists by itself, as `a: ...; b: ...`, `a or b`, `: a, b, c`."""
    flags, value, text = row
    named = re.findall(r"(?:^|[;,] |: )([a-z]\w*)(?=: )", text)
    if len(named) > 1:
        return sorted(named)
    listed = re.fullmatch(r"(?:.*: )?(\w+(?:, \w+)*(?:,| or) \w+)", text)
    return sorted(re.split(r", | or ", listed[1])) if listed and value in ("T", "KIND") else None


class Shell:
    """Questions for each shell, answered by open(self) -> an object with complete(line)."""

    @classmethod
    def setUpClass(cls):
        cls.help = Help()
        cls.held = tempfile.TemporaryDirectory(prefix="mote-test-")
        cls.share = pathlib.Path(cls.held.name) / "share"
        subprocess.run(["cmake", f"-DMOTE={MOTE}", f"-DSHARE={cls.share}", "-P", ROOT / "cmake/write_share.cmake"], check=True)
        cls.folder = pathlib.Path(cls.held.name) / "work"
        (cls.folder / "models").mkdir(parents=True)
        for name in ("text.txt", "model.gguf", "it's $5 [a] b:c.gguf", "models/inner.gguf"):
            (cls.folder / name).write_text("x")
        cls.shell = None

    @classmethod
    def tearDownClass(cls):
        if cls.shell:
            cls.shell.close()
        cls.held.cleanup()

    def setUp(self):
        need(self, *self.needs())
        if type(self).shell is None:
            type(self).shell = self.open()

    def offered(self, line):
        return sorted(word.rstrip("=") if word.startswith("--") and word.endswith("=") else word for word in self.shell.complete(line))

    def files(self, line):
        return sorted(word.rstrip("/") for word in self.shell.complete(line))

    def test_commands(self):
        self.assertEqual(self.offered("mote "), sorted(self.help.commands))
        self.assertEqual(self.offered("mote qu"), ["quantize"])
        self.assertEqual(self.offered("mote co"), ["compare", "completion"])

    def test_options_before_a_command(self):
        self.assertEqual(self.offered("mote --"), sorted([*self.help.globals, "--json"]))

    def test_every_option_of_every_command_in_every_spelling(self):
        for command in self.help.commands:
            with self.subTest(command):
                self.assertEqual(self.offered(f"mote {command} -"), self.help.flags(command))

    def test_commands_without_arguments_offer_options_at_once(self):
        self.assertEqual(self.help.arguments["doctor"], [])
        self.assertEqual(set(self.offered("mote doctor --th")), {"--threads"})

    def test_values_that_the_help_lists(self):
        seen = 0
        for command in self.help.commands:
            for row in self.help.options[command]:
                choices = choices_of(row)
                if choices is None:
                    continue
                for flag in row[0]:
                    with self.subTest(f"{command} {flag}"):
                        self.assertEqual(self.offered(f"mote {command} {flag} "), choices)
                        seen += 1
        self.assertGreater(seen, 30)

    def test_types_of_quantize(self):
        out = subprocess.run([MOTE, "quantize", "--help"], capture_output=True, text=True, check=True).stdout
        types = re.search(r"^Types: (.*)$", out, re.MULTILINE)[1].split()
        self.assertGreater(len(types), 30)
        groups = [f"int{bits}-{group}-{kind}" for bits in (2, 3, 4, 8) for group in ("g32", "g64", "g128", "row")
                  for kind in ("sym", "asym")]
        self.assertEqual(self.offered("mote quantize model.gguf --type "), sorted([*types, *groups, "nf4", "fp4", "fp8"]))
        self.assertEqual(self.offered("mote quantize --type Q4_K"), sorted(t for t in types if t.startswith("Q4_K")))
        self.assertIn("Q8_0", self.offered("mote quantize --embedding-type "))

    def test_commands_and_shells_as_arguments(self):
        self.assertEqual(self.offered("mote man "), sorted(self.help.commands))
        self.assertEqual(self.offered("mote completion "), ["bash", "fish", "zsh"])

    def test_files_where_a_file_is_due_and_only_there(self):
        everything = sorted(["text.txt", "model.gguf", "models", "it's $5 [a] b:c.gguf"])
        self.assertEqual(self.files("mote inspect "), everything)
        self.assertEqual(self.files("mote inspect mod"), ["model.gguf", "models"])
        self.assertEqual(self.files("mote inspect models/"), ["models/inner.gguf"])
        self.assertEqual(self.files("mote compare a.gguf b.gguf mod"), ["model.gguf", "models"])
        self.assertEqual(self.files("mote quantize model.gguf te"), [])
        self.assertEqual(self.files("mote run --seed "), [])
        seen = 0
        for command in self.help.commands:
            for flags, value, _ in self.help.options[command]:
                for flag in flags:
                    expected = everything if value in PATHS else None
                    if value == "DIR":
                        expected = ["models"]
                    if expected is None:
                        continue
                    with self.subTest(f"{command} {flag}"):
                        self.assertEqual(self.files(f"mote {command} {flag} "), expected)
                        seen += 1
        self.assertGreater(seen, 30)

    def test_texts_and_numbers_get_no_offer(self):
        for command in self.help.commands:
            for row in self.help.options[command]:
                flags, value, text = row
                if value in ("N", "X", "TEXT", "IDS", "K", "RE=T"):
                    with self.subTest(f"{command} {flags[0]}"):
                        self.assertEqual(self.offered(f"mote {command} {flags[0]} "), [])

    def test_the_command_is_the_first_word_and_not_any_word(self):
        self.assertEqual(self.offered("mote run doctor -"), self.without("run", "-m", "--model"))
        self.assertEqual(self.offered("mote run -p inspect --ign"), ["--ignore-eos"])

    def test_an_option_takes_its_value_from_the_arguments(self):
        self.assertEqual(self.files("mote inspect --tokenizer text.txt mod"), ["model.gguf", "models"])
        self.assertEqual(self.files("mote quantize -o out.gguf --type Q8_0 mod"), ["model.gguf", "models"])
        self.assertEqual(self.offered("mote man -o . "), sorted(self.help.commands))

    def without(self, command, *excluded):
        """What is offered after an argument: zsh leaves out what the argument stands for."""
        return self.help.flags(command)


class Bash(Shell, unittest.TestCase):
    def needs(self):
        return shutil.which("bash"), "bash"

    def open(self):
        return shells.Bash(f"source {self.share}/bash-completion/completions/mote", self.folder)

    def test_value_after_an_equals_sign(self):
        self.assertEqual(self.shell.complete("mote perplexity --protocol="), ["--protocol=hf", "llama"])
        self.assertEqual(self.shell.complete("mote perplexity --protocol=l"), ["--protocol=llama"])

    def test_value_after_an_equals_sign_that_does_not_break_words(self):
        shell = shells.Bash(f"COMP_WORDBREAKS=${{COMP_WORDBREAKS//=}}; source {self.share}/bash-completion/completions/mote", self.folder)
        self.addCleanup(shell.close)
        self.assertEqual(shell.complete("mote perplexity --protocol="), ["--protocol=hf", "--protocol=llama"])
        self.assertEqual(shell.complete("mote perplexity --protocol=l"), ["--protocol=llama"])

    def test_strict_settings_of_the_user(self):
        shell = shells.Bash(f"source {self.share}/bash-completion/completions/mote; set -u", self.folder)
        self.addCleanup(shell.close)
        self.assertEqual(sorted(shell.complete("mote man ")), sorted(self.help.commands))
        self.assertEqual(shell.complete("mote run --seed "), [])

    def test_model_by_name_closes_its_place(self):
        self.assertEqual(self.files("mote inspect -m model.gguf mod"), [])


class BashWithItsCompletionPackage(Bash):
    """Loaded by the package when the command is completed first."""

    def needs(self):
        return BASH_COMPLETION.exists(), "bash-completion"

    def open(self):
        return shells.Bash(f"source {BASH_COMPLETION}", self.folder, {"XDG_DATA_DIRS": str(self.share)})


class Zsh(Shell, unittest.TestCase):
    def needs(self):
        return shutil.which("zsh"), "zsh"

    def open(self):
        return shells.Zsh(self.share / "zsh/site-functions", self.folder)

    def without(self, command, *excluded):
        return sorted(set(self.help.flags(command)) - set(excluded))

    def test_sourced_instead_of_installed(self):
        shell = shells.Zsh("/nonexistent", self.folder, f"source {self.share}/zsh/site-functions/_mote")
        self.addCleanup(shell.close)
        self.assertEqual(sorted(shell.complete("mote ")), sorted(self.help.commands))

    def test_descriptions_are_the_help_texts(self):
        listing = self.shell.listing("mote ")
        for command, summary in self.help.commands.items():
            self.assertRegex(listing, rf"{command} +-- {re.escape(summary)}")
            options = self.shell.listing(f"mote {command} -")
            for _, _, text in self.help.options[command]:
                self.assertIn(f"-- {text}", options)

    def test_value_after_an_equals_sign(self):
        self.assertEqual(sorted(self.shell.complete("mote perplexity --protocol=")), ["--protocol=hf", "--protocol=llama"])


class Fish(Shell, unittest.TestCase):
    def needs(self):
        return shutil.which("fish"), "fish"

    def open(self):
        # Fish looks for completions of commands that there are.
        return shells.Fish("function mote; end", self.folder, self.share)

    def test_descriptions_are_the_help_texts(self):
        self.assertEqual(dict(self.shell.described("mote ")), self.help.commands)
        for command in self.help.commands:
            with self.subTest(command):
                expected = {flag: text for flags, _, text in self.help.options[command] for flag in flags}
                self.assertEqual(dict(self.shell.described(f"mote {command} -")), expected)

    def test_value_after_an_equals_sign(self):
        self.assertEqual(sorted(self.shell.complete("mote perplexity --protocol=")), ["--protocol=hf", "--protocol=llama"])


class Awkward:
    """Texts and choices with everything that a shell could take for something else (completion_probe.cc)."""

    WORDS = sorted(["it's", "a b", "$HOME", "`id`", "x:y", "[z]", "{1,2}", "back\\slash", "semi;colon", '"d"', "~t", "#n", "*", "?",
                    "a=b", "!h", "(p)", "a&b|c<d>e", "caf\u00e9"])

    def setUp(self):
        need(self, *self.needs())
        self.assertTrue(PROBE, "MOTE_COMPLETION_PROBE names the program")
        held = tempfile.TemporaryDirectory(prefix="mote-test-")
        self.addCleanup(held.cleanup)
        self.folder = pathlib.Path(held.name)
        self.help = Help(PROBE)
        self.shell = self.open(subprocess.run([PROBE, "completion", self.name], capture_output=True, check=True).stdout)
        self.addCleanup(self.shell.close)

    def source(self, name, script):
        (self.folder / "scripts").mkdir()
        (self.folder / "scripts" / name).write_bytes(script)
        return self.folder / "scripts" / name

    def test_choices_arrive_as_they_are(self):
        for line in ("mote awkward ", "mote awkward -w ", "mote awkward --word ", "mote awkward -l "):
            with self.subTest(line):
                self.assertEqual(sorted(self.shell.complete(line)), self.WORDS)

    def test_options(self):
        offered = [word.rstrip("=") for word in self.shell.complete("mote awkward -")]
        self.assertEqual(sorted(offered), self.help.flags("awkward"))


class AwkwardBash(Awkward, unittest.TestCase):
    name = "bash"

    def needs(self):
        return shutil.which("bash"), "bash"

    def open(self, script):
        return shells.Bash(f"source {self.source('mote', script)}", self.folder)


class AwkwardZsh(Awkward, unittest.TestCase):
    name = "zsh"

    def needs(self):
        return shutil.which("zsh"), "zsh"

    def open(self, script):
        return shells.Zsh(self.source("_mote", script).parent, self.folder)

    def test_descriptions_are_the_help_texts(self):
        self.assertIn(self.help.commands["awkward"], self.shell.listing("mote "))
        listing = self.shell.listing("mote awkward -")
        for _, _, text in self.help.options["awkward"]:
            self.assertIn(text, listing)


class AwkwardFish(Awkward, unittest.TestCase):
    name = "fish"

    def needs(self):
        return shutil.which("fish"), "fish"

    def open(self, script):
        return shells.Fish(f"source {self.source('mote.fish', script)}", self.folder)

    def test_descriptions_are_the_help_texts(self):
        self.assertEqual(dict(self.shell.described("mote "))["awkward"], self.help.commands["awkward"])
        expected = {flag: text for flags, _, text in self.help.options["awkward"] for flag in flags}
        self.assertEqual(dict(self.shell.described("mote awkward -")), expected)


if __name__ == "__main__":
    unittest.main()
