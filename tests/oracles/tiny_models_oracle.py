"""Small random models of every architecture against transformers in float32.

Each is built with transformers from a configuration, with random norms and biases and weights large enough that the
logits' standard deviation is at least 2, saved, and loaded by mote in F32. Required: largest logit error at most 1e-4 of
that deviation; the same bits at once, in pieces and token by token; and leaving out any one feature that the model
has (rope scaling, q/k norm, bias, tying) misses the bound by far, so that the comparison is known to see it.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

LENGTH, VOCAB = 96, 320
MAX_ERROR = 1e-4  # of the logits' standard deviation
FAR = 100.0  # times that, for a model with a feature left out

COMMON = dict(
    vocab_size=VOCAB, hidden_size=64, intermediate_size=176, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2,
)
LLAMA3_ROPE = dict(
    rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=32,
)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def cases():
    from transformers import LlamaConfig, Qwen2Config, Qwen3Config

    plain = dict(rope_type="default", rope_theta=10000.0)
    linear = dict(rope_type="linear", rope_theta=10000.0, factor=4.0)
    yield "llama, llama3 rope, own head", LlamaConfig(
        **COMMON, rope_parameters=LLAMA3_ROPE, tie_word_embeddings=False), ["rope_scaling", "tying"]
    yield "llama, llama3 rope, tied head", LlamaConfig(
        **COMMON, rope_parameters=LLAMA3_ROPE, tie_word_embeddings=True), ["rope_scaling", "tying"]
    yield "llama, linear rope, biases", LlamaConfig(
        **COMMON, rope_parameters=linear, attention_bias=True, tie_word_embeddings=False), ["rope_scaling", "bias"]
    yield "llama, heads wider than the model", LlamaConfig(
        **COMMON, head_dim=32, rope_parameters=plain, tie_word_embeddings=False), ["tying"]
    yield "qwen2", Qwen2Config(**COMMON, rope_parameters=plain, tie_word_embeddings=True), ["bias", "tying"]
    yield "qwen3", Qwen3Config(
        **COMMON, head_dim=32, rope_parameters=plain, tie_word_embeddings=False), ["qk_norm", "tying"]


def randomize(model, generator):
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith(".bias"):
                parameter.copy_(noise * 0.5)
            elif parameter.dim() == 1:
                parameter.copy_(1.0 + 0.3 * noise)
            elif "embed_tokens" in name or "lm_head" in name:
                parameter.copy_(noise)
            else:
                parameter.copy_(noise * 1.5 / parameter.shape[1] ** 0.5)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    try:
        import numpy as np
        import torch
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        skip(f"{error.name} is not installed")

    torch.set_num_threads(1)
    failures = checks = 0

    def check(good, text):
        nonlocal failures, checks
        checks += 1
        failures += not good
        print(f"{'ok' if good else 'FAILED'}: {text}")

    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        for number, (label, config, features) in enumerate(cases()):
            generator = torch.Generator().manual_seed(number + 1)
            model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
            randomize(model, generator)
            folder = work / f"model{number}"
            model.save_pretrained(folder)
            tokens = torch.randint(3, VOCAB, (1, LENGTH), generator=generator)
            with torch.no_grad():
                expected = model(tokens).logits[0].numpy()
            deviation = float(expected.std())
            ids = work / "tokens.bin"
            tokens.numpy().astype("<i4").tofile(ids)

            def run(*options):
                out = work / "logits.bin"
                done = subprocess.run(
                    [args.probe, str(folder), str(ids), str(out), str(LENGTH), "activations=f32", *options],
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
                wrong, message = run(f"without={feature}")
                far = float("inf") if wrong is None else float(np.abs(wrong - expected).max()) / deviation
                check(far > FAR * MAX_ERROR,
                      f"{label}: without {feature} the error is {far:.2g} {message}")
    print(f"{checks - failures} of {checks} checks passed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
