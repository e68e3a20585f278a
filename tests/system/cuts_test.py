"""A model file that ends early, through the whole program: an error with its code, never a success, never a signal.

The readers' own tests cut at every byte; here are the boundaries of every structure of the header, each with its
neighbours, and a sample of the rest, at least 200 lengths in all.
"""
import json
import struct
import unittest

from cli import STORIES, CliTest, run


def gguf_boundaries(data):
    """Offsets at which the magic, each number, key, value, array element and tensor entry ends; then the data's start."""
    at, ends = 0, []

    def take(count):
        nonlocal at
        piece = data[at:at + count]
        at += count
        ends.append(at)
        return piece

    def number(code):
        return struct.unpack("<" + code, take(struct.calcsize("<" + code)))[0]

    def value(kind):
        if kind == 8:
            take(number("Q"))
        elif kind == 9:
            inner, count = number("I"), number("Q")
            for _ in range(count):
                value(inner)
        else:
            take({0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}[kind])

    take(4)
    number("I")
    tensors, keys = number("Q"), number("Q")
    for _ in range(keys):
        take(number("Q"))
        value(number("I"))
    for _ in range(tensors):
        take(number("Q"))
        for _ in range(number("I")):
            number("Q")
        number("I")
        number("Q")
    return ends


def spread(values, count):
    """At most `count` of the values, evenly, the ends among them."""
    values = sorted(set(values))
    if len(values) <= count:
        return values
    return sorted({values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)})


class Cuts(CliTest):
    def check_cut(self, path, *arguments):
        status, out, err = run(*arguments)
        self.assertIn(status, (1, 5), f"{path}: {err}")  # a signal would be negative
        self.assertEqual(out, "")
        self.assertRegex(err, r"^error\[[A-Z0-9_]+\] ")
        self.assertEqual(err.count("\n"), 1, err)
        status_json, out, _ = run(arguments[0], "--json", *arguments[1:])
        self.assertEqual(status_json, status)
        result = json.loads(out)
        self.assertEqual(set(result), {"schema", "error"})
        self.assertEqual(f"error[{result['error']['code']}]", err.split()[0])

    def test_gguf(self):
        whole = self.folder / "whole.gguf"
        self.good("quantize", STORIES, "-o", whole, "--type", "Q4_0")
        self.good("inspect", whole)  # uncut it is a model
        data = whole.read_bytes()
        ends = gguf_boundaries(data)
        header = ends[-1]
        # The vocabulary has thousands of alike elements: of every boundary in arrays a sample, of the others all.
        few = [e for e in ends if e < 600 or e > header - 600]
        cuts = set(spread(few, 110)) | set(spread(ends, 60)) | {e - 1 for e in spread(ends, 60)} | {0, header - 1, header + 1}
        cuts |= set(spread(range(header, len(data)), 20))
        cuts = sorted(c for c in cuts if 0 <= c < len(data))
        self.assertGreaterEqual(len(cuts), 200)
        cut = self.folder / "cut.gguf"
        for length in cuts:
            with self.subTest(length=length):
                cut.write_bytes(data[:length])
                self.check_cut(cut, "inspect", cut)

    def test_safetensors_folder(self):
        folder = self.folder / "hf"
        folder.mkdir()
        width, vocab = 32, 64
        shapes = {"model.embed_tokens.weight": [vocab, width], "model.norm.weight": [width]}
        for name, shape in (("input_layernorm", [width]), ("post_attention_layernorm", [width]), ("mlp.gate_proj", [64, width]),
                            ("mlp.up_proj", [64, width]), ("mlp.down_proj", [width, 64]), ("self_attn.q_proj", [width, width]),
                            ("self_attn.k_proj", [width, width]), ("self_attn.v_proj", [width, width]),
                            ("self_attn.o_proj", [width, width])):
            shapes[f"model.layers.0.{name}.weight"] = shape
        header, offset = {}, 0
        for name, shape in shapes.items():
            size = 4
            for d in shape:
                size *= d
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
            offset += size
        text = json.dumps(header).encode()
        data = struct.pack("<Q", len(text)) + text + struct.pack("<f", 0.5) * (offset // 4)
        (folder / "config.json").write_text(json.dumps({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width, "intermediate_size": 64,
            "num_attention_heads": 4, "num_key_value_heads": 4, "num_hidden_layers": 1, "vocab_size": vocab,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True}))
        weights = folder / "model.safetensors"
        weights.write_bytes(data)
        self.good("inspect", folder, "--verify")
        # Ends of the length, of every JSON token group, and of every tensor's data.
        ends = [8] + [8 + i + 1 for i, c in enumerate(text) if c in b"{}[],:"] + [8 + len(text)]
        ends += [8 + len(text) + h["data_offsets"][1] for h in header.values()]
        cuts = set(range(0, 12)) | set(spread(ends, 140)) | {e - 1 for e in spread(ends, 80)}
        cuts |= set(spread(range(8 + len(text), len(data)), 30))
        cuts = sorted(c for c in cuts if c < len(data))
        self.assertGreaterEqual(len(cuts), 200)
        for length in cuts:
            with self.subTest(length=length):
                weights.write_bytes(data[:length])
                self.check_cut(weights, "inspect", folder)


if __name__ == "__main__":
    unittest.main()
