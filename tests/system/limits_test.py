"""Limits of experts and vocabularies: what has exactly the limit runs, within the time and memory that limits_probe.py
allows to any file, and what has one more is refused by its code and by name. The numbers are read off docs/limits.md."""
import base64
import json
import re
import struct
import sys
import unittest

import limits_probe
from cli import ROOT, CliTest

sys.path.insert(0, str(ROOT / "tests/fuzz"))
import gguf_file  # noqa: E402

LIMITS = {name: int(value.replace(",", "")) for name, value in
          re.findall(r"^\| `([a-z0-9_.]+)` \| ([0-9,]+) \|", (ROOT / "docs/limits.md").read_text(), re.MULTILINE)}


def mixture(experts, used):
    """A llama of one block with `experts` of width 8, of which a token uses `used`."""
    g = gguf_file.model(width=8, hidden=8)
    g.add("llama.expert_count", gguf_file.U32, experts)
    g.add("llama.expert_used_count", gguf_file.U32, used)
    g.tensors = [t for t in g.tensors if not re.search(r"ffn_(gate|up|down)\.", t.name)]

    def numbers(count):
        return struct.pack(f"<{count}f", *((i * 2654435761 % 997 - 498) / 2000 for i in range(count)))

    g.tensors.append(gguf_file.Tensor("blk.0.ffn_gate_inp.weight", (8, experts), 0, numbers(8 * experts)))
    for name in ("gate", "up", "down"):
        g.tensors.append(gguf_file.Tensor(f"blk.0.ffn_{name}_exps.weight", (8, 8, experts), 0, numbers(64 * experts)))
    return g.bytes()


def unigram(piece_bytes, normalizer=None):
    return json.dumps({"added_tokens": [], "normalizer": normalizer, "pre_tokenizer": None, "post_processor": None, "decoder": None,
                       "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False,
                                 "vocab": [["<unk>", 0.0], ["a" * piece_bytes, -1.0], ["h", -2.0], ["hello", -3.0]]}})


def word_piece(piece_bytes, word_characters):
    return json.dumps({"added_tokens": [], "normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None,
                       "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
                       "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                                 "max_input_chars_per_word": word_characters,
                                 "vocab": {"[UNK]": 0, "a" * piece_bytes: 1, "hello": 2}}})


def _varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _field(number, content):
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def sentencepiece(charsmap):
    """A unigram .model (sentencepiece_model.proto) with this character map."""
    pieces = b""
    for text, score, kind in (("<unk>", 0.0, 2), ("\u2581", -1.0, 1), ("hello", -1.5, 1), ("h", -2.0, 1)):
        pieces += _field(1, _field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind]))
    return pieces + _field(2, b"\x18\x01") + _field(3, _field(1, b"nmt_nfkc") + _field(2, charsmap))


def charsmap(size):
    """A map of `size` bytes that replaces nothing: an empty trie and replacements of no length."""
    trie = (size - 4) // 2 // 4 * 4
    return struct.pack("<I", trie) + bytes(size - 4)


class AtTheLimit(CliTest):
    def allowed(self, command, file):
        found = limits_probe.probe(command, file)
        self.assertEqual((found["status"], found["code"]), (0, None), found)
        self.assertTrue(found["ok"], found)

    def test_experts(self):
        experts, used = LIMITS["model.experts"], LIMITS["model.experts_used"]
        self.assertEqual((experts, used), (4096, 64))
        self.allowed("logits", self.write("m.gguf", mixture(experts, used)))
        err = self.fails(5, "MODEL_HPARAM", "logits", self.write("n.gguf", mixture(experts + 1, used)), "--tokens", "1")
        self.assertRegex(err, r"expert_count.*4,?097.*4,?096")
        err = self.fails(5, "MODEL_HPARAM", "logits", self.write("n.gguf", mixture(experts, used + 1)), "--tokens", "1")
        self.assertRegex(err, r"expert_used_count.*65.*64")

    def test_pieces_of_unigram_and_word_piece(self):
        limit = LIMITS["tokenizer.piece_bytes"]
        self.allowed("tokenize", self.write("u.json", unigram(limit)))
        self.allowed("tokenize", self.write("w.json", word_piece(limit, 100)))
        for content in (unigram(limit + 1), word_piece(limit + 1, 100)):
            err = self.fails(5, "TOK_VOCAB", "tokenize", self.write("n.json", content), "-p", "hello")
            self.assertRegex(err, r"token 1 has 1025 bytes.* 1,024")

    def test_words_of_word_piece(self):
        limit = LIMITS["tokenizer.word_characters"]
        self.allowed("tokenize", self.write("w.json", word_piece(3, limit)))
        err = self.fails(5, "TOK_VOCAB", "tokenize", self.write("n.json", word_piece(3, limit + 1)), "-p", "hello")
        self.assertRegex(err, r"10001 characters.* 10,000")

    def test_the_limit_of_words_is_the_one_that_counts(self):
        """A word of that many characters is looked up, one more character makes it unknown."""
        limit = 1000
        file = self.write("w.json", word_piece(limit, limit))
        self.assertEqual(self.json("tokenize", file, "-p", "a" * limit)["tokens"], [1])
        self.assertEqual(self.json("tokenize", file, "-p", "a" * (limit + 1))["tokens"], [0])

    def test_character_maps(self):
        limit = LIMITS["tokenizer.charsmap_bytes"]
        self.assertEqual(limit, 16 << 20)
        self.allowed("tokenize", self.write("c.model", sentencepiece(charsmap(limit))))
        err = self.fails(5, "TOK_FORMAT", "tokenize", self.write("n.model", sentencepiece(charsmap(limit + 1))), "-p", "hello")
        self.assertRegex(err, r"16777217 bytes.* 16,777,216")
        normalizer = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap(limit + 1)).decode()}
        self.fails(5, "TOK_FORMAT", "tokenize", self.write("n.json", unigram(3, normalizer)), "-p", "hello")


if __name__ == "__main__":
    unittest.main()
