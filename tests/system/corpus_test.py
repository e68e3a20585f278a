"""Data sets as the texts of perplexity, compare and quantize: conversations go through the template, texts stay texts."""
import json
import math
import shutil
import struct
import unittest

from cli import AGENT, STORIES, STORY, CliTest, run

TALK = [{"role": "system", "content": "You are the voice of a house."}, {"role": "user", "content": "Turn the lamp in the kitchen on, please."},
        {"role": "assistant", "content": "The lamp in the kitchen is on."}, {"role": "user", "content": "And what is the time?"},
        {"role": "assistant", "content": "It is ten past four in the afternoon, and the sun will set at half past six."}]
GPT = {"system": "system", "user": "human", "assistant": "gpt"}


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


class Conversations(CliTest):
    def setUp(self):
        super().setUp()
        self.chat = self.write("chat.jsonl", lines({"messages": TALK}))

    def test_a_model_sees_what_its_template_wrote(self):
        """Against render, tokenize and logits: the mean negative log-likelihood by hand."""
        messages = self.write("messages.json", json.dumps(TALK))
        rendered = self.json("render", AGENT, "--messages", messages, "--no-generation-prompt")["text"]
        ids = self.json("tokenize", AGENT, "-p", rendered, "--parse-special")["tokens"][:64]
        self.assertEqual(len(ids), 64)
        npy = self.folder / "logits.npy"
        self.json("logits", AGENT, "--tokens", ",".join(map(str, ids)), "--npy", npy)
        content = npy.read_bytes()
        begin = 10 + struct.unpack_from("<H", content, 8)[0]
        width = (len(content) - begin) // 4 // 64
        nll = 0.0
        for position in range(63):
            row = struct.unpack_from(f"<{width}f", content, begin + 4 * width * position)
            top = max(row)
            nll += top + math.log(sum(math.exp(value - top) for value in row)) - row[ids[position + 1]]
        got = self.json("perplexity", AGENT, "-f", self.chat, "-c", "64", "--chunks", "1", "--protocol", "hf")
        # The program sums the same floats, in another order: 63 terms of some 10 nats, each within 1e-6 of its own.
        self.assertAlmostEqual(got["nll"], nll / 63, delta=1e-4)

    def test_shapes_of_one_conversation_are_one(self):
        sharegpt = {"conversations": [{"from": GPT[m["role"]], "value": m["content"]} for m in TALK]}
        parts = {"messages": [{"role": m["role"], "content": [{"type": "text", "value": m["content"]}]} for m in TALK]}
        alpaca = {"system": TALK[0]["content"], "history": [[TALK[1]["content"], TALK[2]["content"]]], "instruction": TALK[3]["content"],
                  "input": "", "output": TALK[4]["content"]}
        expected = self.json("perplexity", AGENT, "-f", self.chat, "-c", "32")
        for name, content in (("a.jsonl", lines(sharegpt)), ("b.ndjson", lines(parts)), ("c.json", json.dumps([alpaca])), ("d.JSON", json.dumps(sharegpt))):
            with self.subTest(name):
                self.assertEqual(self.json("perplexity", AGENT, "-f", self.write(name, content), "-c", "32"), expected)

    def test_compare_reads_the_same(self):
        ppl = self.json("perplexity", AGENT, "-f", self.chat, "-c", "32")["ppl"]
        compared = self.json("compare", AGENT, "--reference", AGENT, "-f", self.chat, "-c", "32")
        self.assertEqual(compared["models"][0]["ppl"], ppl)
        self.assertEqual(compared["models"][0]["kld_mean"], 0)

    def test_the_name_decides(self):
        content = self.chat.read_text()
        text = self.json("perplexity", AGENT, "-f", self.write("chat.txt", content), "-c", "32")
        self.assertNotEqual(text["nll"], self.json("perplexity", AGENT, "-f", self.chat, "-c", "32")["nll"])
        self.assertEqual(self.json("perplexity", AGENT, "-f", "-", "-c", "32", stdin=content.encode()), text)

    def test_texts_are_a_text_with_blank_lines(self):
        halves = STORY[:700], STORY[700:]
        records = self.write("stories.jsonl", lines({"text": halves[0]}, {"content": halves[1]}))
        text = self.write("stories.txt", "\n\n".join(halves))
        self.assertEqual(self.json("perplexity", STORIES, "-f", records, "-c", "64"), self.json("perplexity", STORIES, "-f", text, "-c", "64"))

    def test_quantize_calibrates_with_them(self):
        data = self.write("data.jsonl", lines(*[{"messages": TALK}] * 8))
        outputs = []
        for name, arguments in (("a", (data,)), ("b", (self.write("data.json", json.dumps([{"messages": TALK}] * 8)),)), ("c", (self.write("data.txt", data.read_text()),))):
            outputs.append(self.folder / f"{name}.gguf")
            self.json("quantize", AGENT, "-o", outputs[-1], "--type", "Q4_0", "--chunks", "1", "--data", *arguments)
        self.assertEqual(outputs[0].read_bytes(), outputs[1].read_bytes())
        self.assertNotEqual(outputs[0].read_bytes(), outputs[2].read_bytes())

    def test_what_the_template_refuses_is_one_warning(self):
        model = self.folder / "strict"
        shutil.copytree(AGENT, model, ignore=shutil.ignore_patterns("training"))
        source = (model / "chat_template.jinja").read_text()
        (model / "chat_template.jinja").write_text("{% if messages[0].role != 'system' %}{{ raise_exception('no system') }}{% endif %}" + source)
        strict = self.write("mixed.jsonl", lines({"messages": TALK[1:]}, {"messages": TALK}))
        expected = self.json("perplexity", model, "-f", self.chat, "-c", "32")
        for arguments in (("perplexity", model, "-f", strict, "-c", "32"), ("compare", model, "--reference", model, "-f", strict, "-c", "32"),
                          ("quantize", model, "-o", self.folder / "out.gguf", "--type", "Q4_0", "--chunks", "1",
                           "--data", self.write("long.jsonl", strict.read_text() + lines(*[{"messages": TALK}] * 7)))):
            with self.subTest(arguments[0]):
                status, out, err = run(*arguments, "--json")
                self.assertEqual((status, err.count("warning:")), (0, 1), err)
                self.assertRegex(err, r"warning: \S+\.jsonl: the model's chat template refuses 1 of \d records, which are left out; "
                                      r"record 1 \(line 1\): .*no system")
                if arguments[0] == "perplexity":
                    self.assertEqual(json.loads(out), expected)
        self.assertIn("no system", self.fails(2, "CORPUS_REFUSED", "perplexity", model, "-f", self.write("all.jsonl", lines({"messages": TALK[1:]}))))

    def test_errors_name_file_and_line(self):
        broken = self.write("broken.jsonl", lines({"messages": TALK}) + "\n{\"messages\": [}\n")
        unknown = self.write("unknown.jsonl", lines({"messages": TALK}, {"premise": "a", "hypothesis": "b"}))
        for command in (("perplexity", AGENT, "-f"), ("quantize", AGENT, "-o", self.folder / "out.gguf", "--type", "Q4_0", "--data")):
            with self.subTest(command[0]):
                self.assertIn("broken.jsonl: line 3: ", self.fails(5, "JSON_SYNTAX", *command, broken))
                message = self.fails(2, "CORPUS_RECORD", *command, unknown)
                self.assertIn("unknown.jsonl: record 2 (line 2): ", message)
                self.assertIn('"premise", "hypothesis"', message)
        self.assertIn("use a model with a template", self.fails(1, "TEMPLATE_ABSENT", "perplexity", STORIES, "-f", self.chat))
        self.assertFalse((self.folder / "out.gguf").exists())


if __name__ == "__main__":
    unittest.main()
