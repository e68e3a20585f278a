"""Asks tokenizer_probe.cc, which shows what mote's tokenizers do."""

import struct
import subprocess


class Probe:
    def __init__(self, path):
        self.path = path

    def encode(self, tokenizer, texts, *flags):
        """[(ids, decoded bytes)] for each text."""
        raw = [t if isinstance(t, bytes) else t.encode("utf-8") for t in texts]
        data = b"".join(struct.pack("<I", len(t)) + t for t in raw)
        done = subprocess.run([self.path, str(tokenizer), *flags], input=data, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"{tokenizer}: {done.stderr.decode()}")
        out, at, answers = done.stdout, 0, []
        for _ in raw:
            (n,) = struct.unpack_from("<I", out, at)
            ids = list(struct.unpack_from(f"<{n}i", out, at + 4))
            at += 4 + 4 * n
            (n,) = struct.unpack_from("<I", out, at)
            answers.append((ids, out[at + 4 : at + 4 + n].decode("utf-8", errors="replace")))
            at += 4 + n
        return answers

    def offsets(self, tokenizer, texts, *flags):
        """[(ids, [(begin, end)])] in bytes for each text."""
        raw = [t.encode("utf-8") for t in texts]
        data = b"".join(struct.pack("<I", len(t)) + t for t in raw)
        done = subprocess.run([self.path, str(tokenizer), "--offsets", *flags], input=data, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"{tokenizer}: {done.stderr.decode()}")
        out, at, answers = done.stdout, 0, []
        for _ in raw:
            (n,) = struct.unpack_from("<I", out, at)
            ids = list(struct.unpack_from(f"<{n}i", out, at + 4))
            flat = struct.unpack_from(f"<{2 * n}I", out, at + 4 + 4 * n)
            answers.append((ids, list(zip(flat[::2], flat[1::2]))))
            at += 4 + 12 * n
        return answers

    def write_gguf(self, tokenizer, path):
        subprocess.run([self.path, str(tokenizer), "--gguf", str(path)], check=True, capture_output=True)
