"""What --help lists, read by its columns and without the program's option table."""
import os
import re
import subprocess

from cli import MOTE

HELP_COLUMN = 30


def need(test, found, package):
    if not found:
        if os.environ.get("MOTE_REQUIRE_ORACLES") == "1":
            raise AssertionError(f"the Debian package {package} is missing")
        test.skipTest(f"the Debian package {package} is missing")


class Help:
    """What `mote --help` and `mote COMMAND --help` list."""

    def __init__(self, program=MOTE):
        def text(*arguments):
            return subprocess.run([program, *arguments, "--help"], capture_output=True, text=True, check=True).stdout

        overview = text()
        self.commands = dict(re.findall(r"^  (\w+) {2,}(\S.*)$", overview.split("Commands:")[1].split("Options:")[0], re.MULTILINE))
        self.globals = dict(re.findall(r"^  (--\w+) {2,}(\S.*)$", overview.split("Options:")[1], re.MULTILINE))
        self.options, self.arguments, self.usage = {}, {}, {}
        for command in self.commands:
            page = text(command)
            self.usage[command] = page.splitlines()[0]
            listed = page.split("\nOptions:\n")[1].split("\n\n")[0]
            first = page.split("\nArguments:\n")[1].split("\n\n")[0] if "\nArguments:\n" in page else ""
            self.options[command] = self._rows(listed) + [r for r in self._rows(first) if r[0]]
            self.arguments[command] = [left.split(",")[0].strip() for left, _ in self._split(first)]

    @staticmethod
    def _split(listed):
        """(left column, help) of each option; a left column that is too wide has its help on the next line."""
        lines = listed.splitlines()
        while lines:
            line = lines.pop(0)
            if len(line) <= HELP_COLUMN or line[HELP_COLUMN - 2:HELP_COLUMN] != "  ":
                yield line.strip(), lines.pop(0).strip()
            else:
                yield line[:HELP_COLUMN].strip(), line[HELP_COLUMN:]

    def _rows(self, listed):
        """[(spellings, name of the value or "", help)]"""
        rows = []
        for left, text in self._split(listed):
            flags = re.findall(r"(?<!\S)--?[A-Za-z][\w-]*", left)
            value = left.split(" ")[-1] if not left.split(" ")[-1].startswith("-") else ""
            if re.match(r"[A-Z]+,", left):
                value = left.split(",")[0]
            rows.append((flags, value, text))
        return rows

    def flags(self, command):
        return sorted(flag for flags, _, _ in self.options[command] for flag in flags)
