"""Logits of the 16-bit base model, as a Hugging Face folder and as a GGUF file, against transformers in float32.

8 x 256 tokens of wiki.test.raw. Required: mean KL divergence at most 1e-6, top-1 agreement at least 99.9 %; and
feeding in pieces of 1 and of 100 tokens gives the same bits as feeding at once.
"""

import argparse
import hashlib
import pathlib
import subprocess
import sys
import tempfile

from checks import fewer, skip

SEQUENCES, LENGTH = fewer(8), 256
MAX_KLD, MIN_TOP1 = 1e-6, 0.999


def run_probe(probe, model, tokens, folder, *options):
    import numpy as np

    ids = folder / "tokens.bin"
    tokens.astype("<i4").tofile(ids)
    out = folder / "logits.bin"
    subprocess.run([probe, str(model), str(ids), str(out), str(tokens.shape[1]), *options], check=True)
    logits = np.fromfile(out, dtype="<f4")
    return logits.reshape(tokens.size, -1)


def compare(reference, other):
    """Mean KL divergence and top-1 agreement, row by row in float64."""
    import numpy as np

    kld, same = 0.0, 0
    for r, o in zip(reference, other):
        r = r.astype(np.float64)
        o = o.astype(np.float64)
        lr = r - r.max()
        lr -= np.log(np.exp(lr).sum())
        lo = o - o.max()
        lo -= np.log(np.exp(lo).sum())
        kld += float((np.exp(lr) * (lr - lo)).sum())
        same += int(r.argmax() == o.argmax())
    return kld / len(reference), same / len(reference)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--shared", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True, type=pathlib.Path)
    args = parser.parse_args()
    try:
        import numpy as np
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        skip(f"{error.name} is not installed")
    folder = args.models / "base" / "hf"
    gguf = args.models / "base" / "base-f16.gguf"
    wiki = args.shared / "data" / "wikitext-2" / "wiki.test.raw"
    for path in (folder, gguf, wiki):
        if not path.exists():
            skip(f"{path} is missing")

    text = wiki.read_text(encoding="utf-8")[: SEQUENCES * LENGTH * 12]
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    tokens = np.array(ids[: SEQUENCES * LENGTH], dtype=np.int32).reshape(SEQUENCES, LENGTH)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        reference = [model(torch.tensor(row[None].astype(np.int64))).logits[0].numpy() for row in tokens]
    reference = np.concatenate(reference)

    failed = False
    digests = {}
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        for label, path, options in (
            ("hf", folder, ()),
            ("gguf", gguf, ()),
            ("gguf by 100, one thread", gguf, ("piece=100", "threads=1")),
        ):
            logits = run_probe(args.probe, path, tokens, work, "activations=f32", *options)
            digests[label] = hashlib.sha256(logits.tobytes()).hexdigest()
            kld, top1 = compare(reference, logits)
            good = kld <= MAX_KLD and top1 >= MIN_TOP1
            failed |= not good
            print(f"{'ok' if good else 'FAILED'}: {label}: mean KLD {kld:.3g}, top-1 {top1:.5f}, {tokens.size} positions")
        whole = run_probe(args.probe, gguf, tokens[:1, :64], work, "activations=f32")
        single = run_probe(args.probe, gguf, tokens[:1, :64], work, "activations=f32", "piece=1")
        same = len(set(digests.values())) == 1 and whole.tobytes() == single.tobytes()
        failed |= not same
        print(f"{'ok' if same else 'FAILED'}: both files, any pieces and threads give the same bits")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
