"""Texts that tokenizers disagree about: a seeded generator, and the corpora of the shared data."""

import pathlib
import random
import sys
import unicodedata

# First and last code point of blocks that real text comes from; unassigned ones inside are left out.
BLOCKS = [
    (0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x17F), (0x1F00, 0x1FFF), (0x300, 0x36F),
    (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF),
    (0x3040, 0x30FF), (0x4E00, 0x4FFF), (0xAC00, 0xAEFF), (0x2000, 0x206F), (0x2070, 0x20CF), (0x2100, 0x214F),
    (0x2150, 0x218F), (0x2460, 0x24FF), (0x2580, 0x259F), (0x3000, 0x303F), (0xFF00, 0xFFEF), (0x1F300, 0x1F64F),
    (0x1D400, 0x1D7FF), (0x10400, 0x1044F), (0x1E900, 0x1E95F), (0x20000, 0x200FF), (0xE0000, 0xE007F),
]  # fmt: skip
PARTS = [
    "'s", "'S", "'T", "'re", "'RE", "'Ve", "'ll", "'lL", "'d", "'m", "'\u017f", "\u2019s", "''", "don't", "I'M", "y'all",
    "  ", "    ", " \n", "\n\n", "\r\n", "\n \n", "\t\t", " \t ", "\u00a0", "\u3000", "\u2028", "\x85", "\u200b", "\u2581", "\u2581\u2581",
    "<s>", "</s>", "<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<0x0A>", "[INST]", "<tool_call>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>", "[PAD50300]", "\u00f8", "\u00ff",
    "1", "12", "123", "1234567", "3.14", "\u0663\u0664", "\u00bd", "\u2167", "0x1F",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "e\u0301", "\u1e9b\u0323", "q\u0307\u0323", "\u0344", "\u2126",
    "\x00", "\x01", "\x1b[0m", "\x7f", "\ufeff", "\ufffd", "http://a.b/c?d=e&f", "a_b", "C++", "--", "...", "==", "/*", "`", "$",
    "the", " of", "and ", "Hello", " World", "TOKEN", "camelCase", "naïve", "straße", "Привет", "мир", "你好", "こんにちは", "안녕",
    "שלום", "مرحبا", "नमस्ते", "สวัสดี",
]  # fmt: skip


def _assigned():
    pools = []
    for first, last in BLOCKS:
        pool = [chr(c) for c in range(first, last + 1) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
        pools.append(pool)
    return pools


def generated(count, seed=20240229):
    """`count` strings of 0 to about 60 characters that mix scripts, digits, spaces, marks and special tokens."""
    rng = random.Random(seed)
    pools = _assigned()
    out = []
    for _ in range(count):
        parts = []
        for _ in range(rng.choice((0, 1, 1, 2, 3, 4, 6, 9))):
            kind = rng.random()
            if kind < 0.35:
                parts.append(rng.choice(PARTS))
            elif kind < 0.5:
                parts.append(rng.choice((" ", " ", "  ", "\n", "\t", "\r", "   ")) * rng.randint(1, 3))
            elif kind < 0.6:
                parts.append("".join(rng.choice("0123456789") for _ in range(rng.randint(1, 8))))
            elif kind < 0.65:
                parts.append(rng.choice("aA0 .-\n") * rng.randint(2, 40))
            else:
                pool = rng.choice(pools)
                parts.append("".join(rng.choice(pool) for _ in range(rng.randint(1, 8))))
        out.append("".join(parts))
    return out


def corpora(shared):
    """Name and text of every corpus that is there."""
    data = pathlib.Path(shared) / "data"
    paths = [data / "wikitext-2" / "wiki.test.raw", data / "tinyshakespeare" / "input.txt"]
    paths += sorted((data / "text-calibration").glob("*"))
    return [(p.name, p.read_bytes().decode("utf-8")) for p in paths if p.is_file()]


if __name__ == "__main__":
    sys.stdout.write("\n".join(generated(20)))
