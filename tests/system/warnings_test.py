"""What there is to know of a tokenizer is said by every command that uses it: once, on stderr, with --json too."""
import hashlib
import json
import re
import unittest

import tiny_folder
from cli import CliTest, run


class UnknownSplitter(CliTest):
    def setUp(self):
        super().setUp()
        tokenizer, pattern = tiny_folder.with_unknown_splitter()
        self.pattern = hashlib.sha256(pattern.encode()).hexdigest()
        self.model = tiny_folder.write(self.folder / "model", tokenizer)
        self.other = tiny_folder.write(self.folder / "other", tokenizer)
        self.plain = tiny_folder.write(self.folder / "plain")
        self.text = self.write("text.txt", "hello a hello " * 40)

    def commands(self, model):
        yield "tokenize", model, "-p", "hello"
        yield "run", model, "-p", "hello", "-n", "2", "-c", "32"
        yield "logits", model, "-p", "hello"
        yield "embed", model, "-p", "hello"
        yield "perplexity", model, "-f", self.text, "-c", "16"
        yield "compare", model, self.other if model == self.model else model, "--reference", model, "-f", self.text, "-c", "16"
        yield "calibrate", model, "--data", self.text, "-c", "16", "-o", self.folder / "s.gguf"
        yield "quantize", model, "-o", self.folder / f"{model.name}.gguf", "--type", "F16"

    def test_every_command_warns_once(self):
        for arguments in self.commands(self.model):
            with self.subTest(arguments[0]):
                status, out, err = run(*arguments)
                self.assertEqual(status, 0, err)
                found = re.findall(r"^warning: .*PCRE2.*pattern ([0-9a-f]{64}), .* text ([0-9a-f]{64})\)$", err, re.MULTILINE)
                self.assertEqual([pattern for pattern, _ in found], [self.pattern], err)
                self.assertEqual(err.count("warning:"), 1)
                self.assertNotIn("warning", out)

    def test_json_stays_one_object_on_stdout(self):
        for arguments in self.commands(self.model):
            with self.subTest(arguments[0]):
                status, out, err = run(*arguments, "--json")
                self.assertEqual((status, err.count("warning:")), (0, 1), err)
                self.assertEqual(json.loads(out)["schema"], 1)

    def test_nothing_is_said_of_a_known_one(self):
        for arguments in self.commands(self.plain):
            with self.subTest(arguments[0]):
                status, _, err = run(*arguments)
                self.assertEqual((status, err.count("warning")), (0, 0), err)


if __name__ == "__main__":
    unittest.main()
