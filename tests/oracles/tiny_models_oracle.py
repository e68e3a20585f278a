"""Small random models of every architecture against transformers in float32.

Each is built with transformers from a configuration, with random norms and biases and weights large enough that the
logits' standard deviation is at least 2, saved, and loaded by mote in F32. Required: largest logit error at most 1e-4 of
that deviation; the same bits at once, in pieces and token by token; and leaving out any one feature that the model has
misses the bound by far, so that the comparison is known to see it.
"""

import argparse
import pathlib
import subprocess
import tempfile

from checks import Checks, quiet_transformers, skip
from tiny_models_configs import LENGTH, VOCAB, build, decoders

MAX_ERROR = 1e-4  # of the logits' standard deviation
FAR = 100.0  # times that, for a model with a feature left out


def save_without_norm_offset(model, folder):
    """What a reader that forgets the 1 in 1 + w computes: the same model with norms of w - 1."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight") and parameter.dim() == 1:
                parameter.sub_(1.0)
    model.save_pretrained(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--only", default="", help="cases whose label begins so")
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    try:
        import numpy as np
        import torch
        import transformers
    except ImportError as error:
        skip(f"{error.name} is not installed")

    quiet_transformers()
    check = Checks()

    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        ids = work / "tokens.bin"
        for number, (label, config, features, _) in enumerate(decoders()):
            if not label.startswith(args.only):
                continue
            model, generator = build(config, number + 1)
            folder = work / f"model{number}"
            model.save_pretrained(folder)
            tokens = torch.randint(3, VOCAB, (1, LENGTH), generator=generator)
            with torch.no_grad():
                expected = model(tokens).logits[0].numpy()
            deviation = float(expected.std())
            tokens.numpy().astype("<i4").tofile(ids)

            def run(*options, path=folder):
                out = work / "logits.bin"
                done = subprocess.run(
                    [args.probe, str(path), str(ids), str(out), str(LENGTH), "activations=f32", *options],
                    capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    return None, done.stderr.strip()
                return np.fromfile(out, dtype="<f4").reshape(LENGTH, VOCAB), ""

            got, message = run()
            if got is None:
                check(False, f"{label}: {message}")
                continue
            error = float(np.abs(got - expected).max()) / deviation
            check(deviation >= 2 and error <= MAX_ERROR,
                  f"{label}: largest error {error:.2e} of the deviation {deviation:.2f}")
            for options in (("piece=1",), ("piece=7", "threads=1"), ("piece=64", "threads=3")):
                pieces, message = run(*options)
                check(pieces is not None and pieces.tobytes() == got.tobytes(),
                      f"{label}: {' '.join(options)} gives the same bits {message}")
            for feature in features:
                if feature == "norm_offset":
                    save_without_norm_offset(model, work / "changed")
                    wrong, message = run(path=work / "changed")
                else:
                    wrong, message = run(f"without={feature}")
                far = float("inf") if wrong is None else float(np.nanmax(np.abs(wrong - expected))) / deviation
                check(far > FAR * MAX_ERROR,
                      f"{label}: without {feature} the error is {far:.2g} {message}")
    check.exit()


if __name__ == "__main__":
    main()
