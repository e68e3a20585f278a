"""The manual pages are good roff, say what --help says, and the commands that write them answer like all others."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from cli import MOTE, CliTest, run
from help_text import Help, need

PROBE = os.environ.get("MOTE_COMPLETION_PROBE", "")


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()


class Pages(unittest.TestCase):
    """Of the program, and of the one with awkward texts."""

    def setUp(self):
        need(self, shutil.which("mandoc"), "mandoc")
        held = tempfile.TemporaryDirectory(prefix="mote-test-")
        self.addCleanup(held.cleanup)
        self.folder = pathlib.Path(held.name)

    def pages(self, program):
        folder = self.folder / pathlib.Path(program).name
        subprocess.run([program, "man", "-o", folder], check=True, stdout=subprocess.DEVNULL)
        return {path.name: path for path in sorted(folder.iterdir())}

    def shown(self, page):
        """As a wide terminal shows it, without bold and underline."""
        done = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=1000", page], capture_output=True, text=True, check=True)
        return squeezed(re.sub(".\x08", "", done.stdout))

    def programs(self):
        self.assertTrue(PROBE, "MOTE_COMPLETION_PROBE names the program")
        return (MOTE, PROBE)

    def test_no_page_has_a_warning(self):
        for program in self.programs():
            for name, page in self.pages(program).items():
                with self.subTest(f"{program} {name}"):
                    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
                    self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_there_is_a_page_for_each_command_that_help_lists(self):
        for program in self.programs():
            listed = {f"mote-{command}.1" for command in Help(program).commands}
            self.assertEqual(set(self.pages(program)), listed | {"mote.1"})

    def test_every_option_with_its_help_stands_on_the_page(self):
        for program in self.programs():
            listed = Help(program)
            pages = self.pages(program)
            for command in listed.commands:
                shown = self.shown(pages[f"mote-{command}.1"])
                usage = squeezed(listed.usage[command].removeprefix("Usage: "))
                with self.subTest(f"{program} {command}"):
                    self.assertIn(f"SYNOPSIS {usage} DESCRIPTION {squeezed(listed.commands[command])}.", shown)
                    for flags, value, text in listed.options[command]:
                        spelled = ", ".join(flags)
                        if value in listed.arguments[command]:
                            spelled = f"{value}, {spelled}"
                        elif value:
                            spelled += f" {value}"
                        self.assertIn(squeezed(f"{spelled} {text}"), shown)

    def test_the_first_page_lists_commands_and_options(self):
        for program in self.programs():
            listed = Help(program)
            shown = self.shown(self.pages(program)["mote.1"])
            for command, summary in listed.commands.items():
                self.assertIn(f"mote-{command}(1) {squeezed(summary)}", shown)
            for option, text in listed.globals.items():
                self.assertIn(f"{option} {squeezed(text)}", shown)

    def test_examples_stand_on_the_page_as_they_are(self):
        shown = self.shown(self.pages(PROBE)["mote-awkward.1"])
        self.assertIn(".TH is no request here 'nor \\fIthis\\fR back\\slash \"q\"", shown)


class Commands(CliTest):
    def test_a_page_is_printed_as_it_is_written(self):
        folder = self.folder / "new" / "folder"
        files = self.json("man", "-o", folder)["files"]
        self.assertGreater(len(files), 10)
        for file in files:
            command = pathlib.Path(file).stem.removeprefix("mote-")
            arguments = [] if command == "mote" else [command]
            self.assertEqual(self.good("man", *arguments), pathlib.Path(file).read_text())
            self.assertEqual(self.json("man", *arguments)["page"], pathlib.Path(file).name)

    def test_a_folder_that_cannot_be_made(self):
        self.fails(1, "MAN_FOLDER", "man", "-o", self.write("file", "") / "man1")

    def test_unknown_commands_are_answered_like_everywhere(self):
        self.assertIn("did you mean quantize?", self.fails(2, "USAGE_COMMAND", "man", "quantise"))
        self.fails(2, "USAGE_NOT_YET", "man", "serve")

    def test_completion_names_its_shells(self):
        self.assertIn("expected bash, zsh or fish, found 'tcsh'", self.fails(2, "USAGE_VALUE", "completion", "tcsh"))
        self.fails(2, "USAGE_MISSING", "completion")
        for shell in ("bash", "zsh", "fish"):
            self.assertEqual(self.json("completion", shell)["script"], self.good("completion", shell))

    def test_exit_statuses_of_the_page_are_those_of_the_document(self):
        page = self.good("man")
        listed = re.findall(r"^\.TP\n(\d+)$", page.split('.SH "EXIT STATUS"')[1].split(".SH")[0], re.MULTILINE)
        self.assertEqual(listed, ["0", "1", "2", "3", "4", "5", "6", "130"])
        self.assertEqual(run("man", "quantise")[0], 2)


if __name__ == "__main__":
    unittest.main()
