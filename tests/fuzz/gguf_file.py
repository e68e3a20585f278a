"""GGUF files put together part by part, right or wrong, after ggml-org/ggml docs/gguf.md. Standard library only.

Every count, length and offset may be given; what is not given is right. Tiny models for the fuzz targets' seeds and
the hostile corpus are made here, a few kilobytes each.
"""
import random
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
FORMATS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}
# id, elements and bytes of a block (ggml.h, ggml-common.h)
TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "BF16": (30, 1, 2), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22),
         "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34), "Q2_K": (10, 256, 84), "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144),
         "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18), "IQ4_XS": (23, 256, 136)}


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def scalar(kind, value):
    return text(value) if kind == STRING else struct.pack("<" + FORMATS[kind], value)


def array(kind, values, count=None):
    return struct.pack("<IQ", kind, len(values) if count is None else count) + b"".join(scalar(kind, v) for v in values)


class Tensor:
    """`dims` as in the file: the contiguous one first. `offset` None: behind the one before it, padded."""

    def __init__(self, name, dims, kind, data, offset=None):
        self.name, self.dims, self.kind, self.data, self.offset = name, list(dims), kind, data, offset


class Gguf:
    def __init__(self):
        self.magic, self.version = b"GGUF", 3
        self.entries = []  # [key, type, bytes of the value]
        self.tensors = []
        self.entry_count = self.tensor_count = None
        self.alignment = 32
        self.tail = b""

    def set(self, key, kind, value, raw=False):
        """Replaces or appends; `value` None takes the key away."""
        found = [e for e in self.entries if e[0] == key]
        if value is None:
            self.entries = [e for e in self.entries if e[0] != key]
        elif found:
            found[0][1:] = [kind, value if raw else scalar(kind, value)]
        else:
            self.add(key, kind, value, raw)
        return self

    def add(self, key, kind, value, raw=False):
        self.entries.append([key, kind, value if raw else scalar(kind, value)])
        return self

    def tensor(self, name):
        return next(t for t in self.tensors if t.name == name)

    def header(self):
        out = self.magic + struct.pack("<I", self.version)
        out += struct.pack("<QQ", len(self.tensors) if self.tensor_count is None else self.tensor_count,
                           len(self.entries) if self.entry_count is None else self.entry_count)
        for key, kind, value in self.entries:
            out += text(key) + struct.pack("<I", kind) + value
        offset = 0
        for t in self.tensors:
            dims = b"".join(struct.pack("<Q", d % (1 << 64)) for d in t.dims)
            at = offset if t.offset is None else t.offset
            out += text(t.name) + struct.pack("<I", len(t.dims)) + dims + struct.pack("<IQ", t.kind, at % (1 << 64))
            offset += len(t.data) + -len(t.data) % self.alignment
        return out

    def data(self):
        return b"".join(t.data + bytes(-len(t.data) % self.alignment) for t in self.tensors)

    def bytes(self):
        head = self.header()
        return head + bytes(-len(head) % self.alignment) + self.data() + self.tail


def _weights(rng, kind, count):
    number, block, size = TYPES[kind]
    if kind == "F32":
        return struct.pack(f"<{count}f", *(rng.gauss(0, 0.2) for _ in range(count)))
    if kind == "F16":
        return struct.pack(f"<{count}e", *(rng.gauss(0, 0.2) for _ in range(count)))
    if kind == "BF16":
        return b"".join(struct.pack("<f", rng.gauss(0, 0.2))[2:] for _ in range(count))
    # Random codes; every half-precision factor is small and positive: 0x2000 to 0x23FF is 2^-7 to 2^-6. Where in the
    # block the factors lie differs, so bytes that could be one are kept in that range, in pairs.
    return b"".join(struct.pack("<H", 0x2000 | rng.randrange(0x400)) for _ in range(count // block * size // 2))


PIECES = ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "\u2581a", "ab", "er", "h", "e", "he", "l", "o", "<0x41>", "<0x0A>"]


def byte_letters():
    """GPT-2's spelling of the 256 bytes."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(others)) for b in range(256)]


def add_score_tokenizer(g, pieces=None, kinds=None):
    pieces = pieces or PIECES
    g.add("tokenizer.ggml.model", STRING, "llama")
    g.add("tokenizer.ggml.tokens", ARRAY, array(STRING, pieces), raw=True)
    g.add("tokenizer.ggml.scores", ARRAY, array(F32, [-float(i) for i in range(len(pieces))]), raw=True)
    kinds = kinds or [2, 3, 3] + [6 if p.startswith("<0x") else 1 for p in pieces[3:]]
    g.add("tokenizer.ggml.token_type", ARRAY, array(I32, kinds), raw=True)
    g.add("tokenizer.ggml.bos_token_id", U32, 1)
    g.add("tokenizer.ggml.eos_token_id", U32, 2)
    return g


def add_byte_tokenizer(g):
    letters = byte_letters()
    pieces = letters + ["he", "ll", "\u0120a", "hell", "<|im_start|>", "<|im_end|>"]
    g.add("tokenizer.ggml.model", STRING, "gpt2")
    g.add("tokenizer.ggml.pre", STRING, "gpt-2")
    g.add("tokenizer.ggml.tokens", ARRAY, array(STRING, pieces), raw=True)
    g.add("tokenizer.ggml.token_type", ARRAY, array(I32, [1] * (len(pieces) - 2) + [3, 3]), raw=True)
    g.add("tokenizer.ggml.merges", ARRAY, array(STRING, ["h e", "l l", "\u0120 a", "he ll"]), raw=True)
    g.add("tokenizer.ggml.eos_token_id", U32, len(pieces) - 1)
    return g, len(pieces)


def model(arch="llama", kind="F32", width=32, hidden=32, heads=2, kv_heads=1, blocks=1, vocab=None, tied=True, tokenizer="score",
          seed=1):
    """A transformer with random weights that loads and runs. Row lengths are `width` and `hidden`."""
    rng = random.Random(seed)
    head_dim = width // heads
    g = Gguf()
    g.add("general.architecture", STRING, arch)
    for key, value in (("context_length", 64), ("embedding_length", width), ("block_count", blocks), ("feed_forward_length", hidden),
                       ("attention.head_count", heads), ("attention.head_count_kv", kv_heads), ("rope.dimension_count", head_dim)):
        g.add(f"{arch}.{key}", U32, value)
    g.add(f"{arch}.attention.layer_norm_rms_epsilon", F32, 1e-5)
    g.add(f"{arch}.rope.freq_base", F32, 10000.0)
    if tokenizer == "score":
        add_score_tokenizer(g)
        vocab = len(PIECES)
    elif tokenizer == "bytes":
        vocab = add_byte_tokenizer(g)[1]

    def put(name, dims, kind_name):
        count = 1
        for d in dims:
            count *= d
        g.tensors.append(Tensor(name, dims, TYPES[kind_name][0], _weights(rng, kind_name, count)))

    put("token_embd.weight", (width, vocab), kind)
    for b in range(blocks):
        p = f"blk.{b}."
        put(p + "attn_norm.weight", (width,), "F32")
        for name, rows in (("q", width), ("k", head_dim * kv_heads), ("v", head_dim * kv_heads)):
            put(p + f"attn_{name}.weight", (width, rows), kind)
            if arch == "qwen2":
                put(p + f"attn_{name}.bias", (rows,), "F32")
            if arch == "qwen3" and name != "v":
                put(p + f"attn_{name}_norm.weight", (head_dim,), "F32")
        put(p + "attn_output.weight", (width, width), kind)
        put(p + "ffn_norm.weight", (width,), "F32")
        put(p + "ffn_gate.weight", (width, hidden), kind)
        put(p + "ffn_up.weight", (width, hidden), kind)
        put(p + "ffn_down.weight", (hidden, width), kind)
    put("output_norm.weight", (width,), "F32")
    if not tied:
        put("output.weight", (width, vocab), kind)
    return g


def statistics(sums=None, tokens=False):
    """An importance matrix as llama.cpp writes it: `sums` is {tensor: (counts, sums of squares)}; two experts and a matrix
    where nothing else is asked for. With tokens also what mote adds."""
    g = Gguf()
    g.add("general.type", STRING, "imatrix")
    g.add("imatrix.datasets", ARRAY, array(STRING, ["a.txt"]), raw=True)
    g.add("imatrix.chunk_count", U32, 2).add("imatrix.chunk_size", U32, 3)
    if tokens:
        g.add("mote.calibration.tokens", ARRAY, array(I32, [5, 0, 9, 1, 2, 3]), raw=True)
    usual = {"blk.0.attn_q.weight": ([6], [1.0, 2.5, 0.0]), "blk.0.ffn_down_exps.weight": ([6, 0], [1.0, 2.0, 0.0, 0.0])}
    for name, (counts, squares) in (usual if sums is None else sums).items():
        cols = len(squares) // max(len(counts), 1)
        for suffix, width, values in ((".in_sum2", cols, squares), (".counts", 1, counts)):
            g.tensors.append(Tensor(name + suffix, (width, len(counts)), 0, struct.pack(f"<{len(values)}f", *values)))
        if tokens:
            g.tensors.append(Tensor(name + ".in_sum", (cols, len(counts)), 0, struct.pack(f"<{len(squares)}f", *squares)))
    return g


def dat_entries(entries, count=None):
    """The older form of an importance matrix up to its end: {tensor: (windows, values)}."""
    out = struct.pack("<i", len(entries) if count is None else count)
    for name, (windows, values) in entries.items():
        data = name.encode()
        out += struct.pack("<i", len(data)) + data + struct.pack(f"<ii{len(values)}f", windows, len(values), *values)
    return out
