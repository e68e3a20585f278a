"""Containers against the Python packages gguf and safetensors.

read      random GGUF files of gguf.GGUFWriter (every value type, arrays of each, nested arrays, every tensor type that
          mote reads, several alignments) give the same keys, types, values, shapes and bytes
rewrite   the same files written again by mote equal the original byte for byte, and gguf.GGUFReader reads them
st        safetensors files of the package, single and sharded, give the same names, shapes and bytes
llama2c   the tensors of the shared checkpoints equal a NumPy reading in the order of run.c
"""

import argparse
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

try:
    import gguf
    import numpy as np
    import safetensors.numpy
    import safetensors.torch
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

VT = gguf.GGUFValueType
READ_TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
              "IQ4_NL", "IQ4_XS", "Q8_K", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "TQ1_0",
              "TQ2_0", "MXFP4", "NVFP4", "Q1_0", "F64"]
INTEGERS = {VT.UINT8: (0, 2**8 - 1), VT.INT8: (-2**7, 2**7 - 1), VT.UINT16: (0, 2**16 - 1),
            VT.INT16: (-2**15, 2**15 - 1), VT.UINT32: (0, 2**32 - 1), VT.INT32: (-2**31, 2**31 - 1),
            VT.UINT64: (0, 2**64 - 1), VT.INT64: (-2**63, 2**63 - 1)}
failures = []
counts = {}


def check(condition, what):
    counts[what.split(" ")[0]] = counts.get(what.split(" ")[0], 0) + 1
    if not condition:
        failures.append(what)


def random_scalar(rng, kind):
    if kind in INTEGERS:
        low, high = INTEGERS[kind]
        return rng.choice([low, high, 0 if low <= 0 else low, rng.randint(low, high)])
    if kind == VT.BOOL:
        return rng.random() < 0.5
    if kind == VT.STRING:
        return rng.choice([b"", "käse 你好 \U0001f600".encode(), bytes(rng.randrange(256) for _ in range(rng.randrange(40))),
                           b"a\0b", b"x" * 5000])
    if kind == VT.FLOAT32:
        value = rng.choice([0.0, -0.0, float("inf"), float("-inf"), 1e-45, rng.uniform(-1e6, 1e6)])
        return struct.unpack("<f", struct.pack("<f", value))[0]
    return rng.choice([0.0, -0.0, 5e-324, 1.7976931348623157e308, rng.uniform(-1e9, 1e9)])


def shown(kind, value):
    """A scalar as the probe shows it."""
    if kind == VT.STRING:
        return value.hex()
    if kind in (VT.FLOAT32, VT.FLOAT64):
        return struct.unpack("<Q", struct.pack("<d", value))[0]
    return value


def random_gguf(rng, path):
    """Writes a file; returns what the probe should show and whether GGUFReader can read it (it knows no nesting)."""
    writer = gguf.GGUFWriter(str(path), "llama")
    entries = [{"key": b"general.architecture".hex(), "type": 8, "value": b"llama".hex()}]
    scalars = [k for k in VT if k != VT.ARRAY]

    def add(key, kind, value, show, element=None):
        writer.add_key_value(key, value, kind, sub_type=element)
        entry = {"key": key.encode().hex(), "type": int(kind)}
        if kind == VT.ARRAY:
            entry["element"] = int(element)
        entries.append(entry | {"value": show})

    if rng.random() < 0.5:
        alignment = rng.choice([8, 32, 64, 4096])
        writer.add_custom_alignment(alignment)
        entries.append({"key": b"general.alignment".hex(), "type": 4, "value": alignment})
    order = scalars * 2
    rng.shuffle(order)
    for n, kind in enumerate(order):
        value = random_scalar(rng, kind)
        add(f"scalar.{n}.{kind.name.lower()}", kind, value, shown(kind, value))
        values = [random_scalar(rng, kind) for _ in range(rng.choice([1, 2, 7, 300]))]
        array_shown = [shown(kind, v) for v in values]
        if kind == VT.BOOL:
            array_shown = [int(v) for v in values]
        add(f"array.{n}.ä", VT.ARRAY, values, array_shown, kind)
    nested = rng.random() < 0.5
    if nested:
        inner = [[rng.randint(-9, 9) for _ in range(rng.randint(1, 4))] for _ in range(3)]
        add("nested.two", VT.ARRAY, inner, inner, VT.ARRAY)
        deep = [[[["a", "b"]], [["c"]]]]
        deep_shown = [[[["61", "62"]], [["63"]]]]
        add("nested.four", VT.ARRAY, deep, deep_shown, VT.ARRAY)

    tensors = []
    names = READ_TYPES * 2
    rng.shuffle(names)
    for n, name in enumerate(names):
        kind = gguf.GGMLQuantizationType[name]
        block, size = gguf.GGML_QUANT_SIZES[kind]
        lead = [rng.randint(1, 5) for _ in range(rng.randint(0, 3))]
        shape = lead + [block * rng.randint(1, 3) if block > 1 else rng.randint(1, 70)]
        data = np.frombuffer(rng.randbytes(int(np.prod(shape)) // block * size), np.uint8)
        writer.add_tensor(f"t{n}.{name}", data.reshape(lead + [shape[-1] // block * size]), raw_dtype=kind)
        tensors.append({"name": f"t{n}.{name}", "type": name, "shape": shape, "data": data.tobytes().hex()})
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {"metadata": entries, "tensors": tensors}, not nested


def compare_read(label, got, expected):
    check([e["key"] for e in got["metadata"]] == [e["key"] for e in expected["metadata"]], f"read {label}: keys")
    for a, b in zip(got["metadata"], expected["metadata"]):
        check(a == b, f"read {label}: {bytes.fromhex(b['key']).decode()} is {str(a)[:100]}, expected {str(b)[:100]}")
    for a, b in zip(got["tensors"], expected["tensors"]):
        check(a == b, f"read {label}: tensor {b['name']}")
    check(len(got["tensors"]) == len(expected["tensors"]), f"read {label}: number of tensors")


def read_back(label, path, expected):
    """mote's file as gguf.GGUFReader sees it."""
    reader = gguf.GGUFReader(str(path))
    for entry in expected["metadata"]:
        field = reader.get_field(bytes.fromhex(entry["key"]).decode())
        check(field is not None and int(field.types[0]) == entry["type"], f"rewrite {label}: key {entry['key']}")
    check(len(reader.tensors) == len(expected["tensors"]), f"rewrite {label}: number of tensors")
    for tensor, entry in zip(reader.tensors, expected["tensors"]):
        same = (tensor.name == entry["name"] and tensor.tensor_type.name == entry["type"]
                and [int(d) for d in reversed(tensor.shape)] == entry["shape"]
                and tensor.data.tobytes().hex() == entry["data"])
        check(same, f"rewrite {label}: tensor {entry['name']}")


class Probe:
    def __init__(self, path):
        self.path = path

    def __call__(self, *arguments):
        done = subprocess.run([self.path, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            failures.append(f"probe {' '.join(map(str, arguments))}: {done.stderr.strip()}")
            return {"metadata": [], "tensors": []}
        return json.loads(done.stdout) if done.stdout else None


def gguf_files(probe, folder, rng, number):
    for n in range(number):
        path = folder / f"{n}.gguf"
        expected, readable = random_gguf(rng, path)
        compare_read(str(n), probe("read", path), expected)
        again = folder / f"{n}.again.gguf"
        probe("rewrite", path, again)
        check(again.exists() and again.read_bytes() == path.read_bytes(), f"rewrite {n}: bytes differ")
        if readable and again.exists():
            read_back(str(n), again, expected)


def random_tensor(rng):
    dtype = rng.choice([torch.float32, torch.float16, torch.bfloat16])
    shape = [rng.randint(1, 6) for _ in range(rng.randint(0, 4))]
    return torch.randn(shape, dtype=torch.float32).to(dtype)


def st_expected(tensors):
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
    return {k: {"name": k, "type": names[t.dtype], "shape": list(t.shape),
                "data": t.contiguous().view(-1).view(torch.uint8).numpy().tobytes().hex()} for k, t in tensors.items()}


def safetensors_files(probe, folder, rng, number):
    for n in range(number):
        shards = [{f"layer.{s}.{i}.gewicht_ä": random_tensor(rng) for i in range(rng.randint(1, 8))} for s in range(3)]
        weight_map, together = {}, {}
        for s, tensors in enumerate(shards):
            name = f"model-{n}-{s}.safetensors"
            metadata = rng.choice([None, {"format": "pt"}])
            safetensors.torch.save_file(tensors, str(folder / name), metadata=metadata)
            expected = st_expected(tensors)
            got = {t["name"]: t for t in probe("tensors", folder / name)["tensors"]}
            check(got == expected, f"st {name}")
            weight_map |= {k: name for k in tensors}
            together |= expected
        index = folder / f"{n}.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
        got = {t["name"]: t for t in probe("tensors", index)["tensors"]}
        check(got == together, f"st index {n}")
    stored_types(probe, folder)


def stored_types(probe, folder):
    """Every dtype of torch that is no plain float of a codec: all 256 patterns of F8, odd values of F64."""
    as_bytes = lambda t: t.contiguous().view(-1).view(torch.uint8).numpy().tobytes().hex()
    patterns = torch.arange(256, dtype=torch.uint8)
    wide = torch.cat([torch.tensor([0.0, -0.0, 1e39, -1e39, float("inf"), 5e-324, 1e-46, 1 + 2**-24, 1 + 3 * 2**-24, 1 / 3],
                                   dtype=torch.float64), torch.randn(500, dtype=torch.float64) * 1e-40])
    floats = {"F8_E4M3": (patterns.view(torch.float8_e4m3fn), "F16"), "F8_E5M2": (patterns.clone().view(torch.float8_e5m2), "F16"),
              "F64": (wide, "F32")}
    integers = {"BOOL": torch.bool, "I8": torch.int8, "U8": torch.uint8, "I16": torch.int16, "U16": torch.uint16,
                "I32": torch.int32, "U32": torch.uint32, "I64": torch.int64, "U64": torch.uint64}
    tensors = {k: t for k, (t, _) in floats.items()} | {k: torch.arange(12).to(t) for k, t in integers.items()}
    safetensors.torch.save_file(tensors, str(folder / "types.safetensors"))
    done = subprocess.run([probe.path, "stored", str(folder / "types.safetensors")], capture_output=True, text=True,
                          check=True)
    shown = {t["name"]: t for t in json.loads(done.stdout)}
    check(set(shown) == set(tensors), "st types listed")
    for name, tensor in tensors.items():
        check(shown[name]["type"] == name and shown[name]["stored"] == as_bytes(tensor), f"st {name} as stored")
        if name in integers:
            check(shown[name]["weight_type"] == "TENSOR_TYPE", f"st {name} is no weight")
            continue
        kind = {"F16": torch.float16, "F32": torch.float32}[floats[name][1]]
        got = torch.frombuffer(bytearray.fromhex(shown[name]["weight"]), dtype=kind)
        check(shown[name]["weight_type"] == floats[name][1] and
              torch.equal(torch.nan_to_num(got, nan=7), torch.nan_to_num(tensor.to(kind), nan=7)) and
              torch.equal(torch.signbit(got), torch.signbit(tensor.to(kind))), f"st {name} as a weight")
    for other in ("F4", "F8_E8M0", "F6_E2M3", "C64"):
        header = json.dumps({"a": {"dtype": other, "shape": [8], "data_offsets": [0, 8]}}).encode()
        (folder / "other.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
        done = subprocess.run([probe.path, "tensors", str(folder / "other.safetensors")], capture_output=True, text=True,
                              check=False)
        check(done.returncode == 1 and "ST_DTYPE" in done.stderr and other in done.stderr, f"st {other} is refused by name")


def llama2c_file(probe, path):
    raw = path.read_bytes()
    dim, hidden, layers, heads, kv_heads, vocabulary, positions = struct.unpack("<7i", raw[:28])
    data = np.frombuffer(raw, np.float32, offset=28)
    kv = dim // heads * kv_heads
    got = {t["name"]: t for t in probe("read", path)["tensors"]}
    at = 0

    def take(name, shape):
        nonlocal at
        size = int(np.prod(shape))
        tensor = got.get(name, {})
        check(tensor.get("shape") == list(shape) and tensor.get("data") == data[at:at + size].tobytes().hex(),
              f"llama2c {path.name}: {name}")
        at += size

    take("token_embd.weight", (vocabulary, dim))
    for kind, shape in [("attn_norm", (dim,)), ("attn_q", (dim, dim)), ("attn_k", (kv, dim)), ("attn_v", (kv, dim)),
                        ("attn_output", (dim, dim)), ("ffn_norm", (dim,)), ("ffn_gate", (hidden, dim)),
                        ("ffn_down", (dim, hidden)), ("ffn_up", (hidden, dim))]:
        for layer in range(layers):
            take(f"blk.{layer}.{kind}.weight", shape)
    take("output_norm.weight", (dim,))
    check(at + positions * (dim // heads) == data.size, f"llama2c {path.name}: size")
    check(len(got) == 2 + 9 * layers, f"llama2c {path.name}: number of tensors")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    parser.add_argument("--files", type=int, default=40)
    arguments = parser.parse_args()
    probe = Probe(arguments.probe)
    rng = random.Random(1)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        gguf_files(probe, folder, rng, arguments.files)
        safetensors_files(probe, folder, rng, arguments.files // 4)
    llama2c = [pathlib.Path(arguments.shared or "") / "models" / p
               for p in ("stories260K/stories260K.bin", "babyllama-tok105/model5000.bin")]
    for path in llama2c:
        if path.exists():
            llama2c_file(probe, path)
    for failure in failures[:20]:
        print(f"FAILED {failure}")
    summary = ", ".join(f"{what} {n}" for what, n in counts.items())
    print(f"formats oracle: {summary} comparisons, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
