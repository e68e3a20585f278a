"""How long `mote inspect` takes on a GGUF file of 1,002 tensors and a BPE vocabulary of 256,000 tokens with merges.

    bench/large_header.py [MOTE] [FILE]     FILE is written when it does not exist (15 MB of metadata, data is a hole)

Prints the bytes of metadata, and of seven runs the least and the median time and the peak memory, beside those of
`mote --version` (the idle program).
"""
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

BLOCKS, WIDTH, HIDDEN, VOCABULARY, RUNS = 111, 64, 128, 256_000, 7


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def array(key, kind, values):
    return pair(key, 9, struct.pack("<IQ", kind, len(values)) + b"".join(values))


def byte_letters():
    """GPT-2's letters for bytes, in the order of its vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in printable] + [chr(256 + n) for n in range(256 - len(printable))]


def vocabulary():
    """Tokens where each one behind the letters joins two earlier ones, as training makes them."""
    rng = random.Random(7)
    tokens = byte_letters()
    known, merges = set(tokens), []
    while len(tokens) < VOCABULARY:
        left, right = tokens[rng.randrange(min(len(tokens), 4000))], tokens[rng.randrange(min(len(tokens), 4000))]
        if len(left) + len(right) > 16 or left + right in known:
            continue
        merges.append(f"{left} {right}")
        known.add(left + right)
        tokens.append(left + right)
    return tokens, merges


def write(path):
    tokens, merges = vocabulary()
    number = lambda key, value: pair(key, 4, struct.pack("<I", value))
    keys = [pair("general.architecture", 8, text("llama")), number("llama.block_count", BLOCKS),
            number("llama.context_length", 4096), number("llama.embedding_length", WIDTH),
            number("llama.feed_forward_length", HIDDEN), number("llama.attention.head_count", 2),
            pair("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5)),
            pair("tokenizer.ggml.model", 8, text("gpt2")), pair("tokenizer.ggml.pre", 8, text("llama-bpe")),
            array("tokenizer.ggml.tokens", 8, [text(t) for t in tokens]),
            array("tokenizer.ggml.token_type", 5, [struct.pack("<i", 1)] * len(tokens)),
            array("tokenizer.ggml.merges", 8, [text(m) for m in merges])]
    tensors = [("token_embd.weight", (VOCABULARY, WIDTH)), ("output_norm.weight", (WIDTH,)),
               ("output.weight", (VOCABULARY, WIDTH))]
    for block in range(BLOCKS):
        tensors += [(f"blk.{block}.{name}.weight", shape) for name, shape in (
            ("attn_norm", (WIDTH,)), ("attn_q", (WIDTH, WIDTH)), ("attn_k", (WIDTH, WIDTH)), ("attn_v", (WIDTH, WIDTH)),
            ("attn_output", (WIDTH, WIDTH)), ("ffn_norm", (WIDTH,)), ("ffn_gate", (HIDDEN, WIDTH)),
            ("ffn_up", (HIDDEN, WIDTH)), ("ffn_down", (WIDTH, HIDDEN)))]
    infos, offset = [], 0
    for name, shape in tensors:
        infos.append(text(name) + struct.pack("<I", len(shape)) +
                     b"".join(struct.pack("<Q", d) for d in reversed(shape)) + struct.pack("<IQ", 0, offset))
        count = 4
        for d in shape:
            count *= d
        offset += (count + 31) // 32 * 32
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys) + b"".join(infos)
    head += bytes(-len(head) % 32)
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + offset)
    pathlib.Path(f"{path}.header_bytes").write_text(str(len(head)))


def measure(*command):
    started = time.monotonic()
    job = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(job.pid, 0)
    job.returncode = os.waitstatus_to_exitcode(status)
    if job.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {job.returncode}")
    return time.monotonic() - started, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def main():
    mote = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/mote"
    with tempfile.TemporaryDirectory() as held:
        file = sys.argv[2] if len(sys.argv) > 2 else f"{held}/large.gguf"
        if not os.path.exists(file):
            # In a process of its own: a child's peak memory counts from its parent's at the fork.
            subprocess.run([sys.executable, __file__, "--write", file], check=True)
        header = int(pathlib.Path(f"{file}.header_bytes").read_text())
        idle = measure(mote, "--version")
        runs = [measure(mote, "inspect", file) for _ in range(RUNS)]
    seconds = sorted(r[0] for r in runs)
    print(f"metadata {header:,} bytes; inspect {seconds[0]:.3f} s at least, {statistics.median(seconds):.3f} s in the median, "
          f"{min(r[2] for r in runs):.3f} s of processor time; peak {max(r[1] for r in runs):,} bytes, "
          f"idle {idle[1]:,} bytes: {(max(r[1] for r in runs) - idle[1]) / header:.1f} times the metadata")


if __name__ == "__main__":
    write(sys.argv[2]) if sys.argv[1:2] == ["--write"] else main()
