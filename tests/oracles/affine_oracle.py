"""Quantized Hugging Face folders against the tools whose layouts they have: compressed-tensors, bitsandbytes and
transformers on the CPU; GPTQ and AWQ read and written in NumPy straight from their descriptions.

  written   mote quantizes a small random llama to every kind of type. Required: each weight that mote reads from its own
            folder equals what the tool's library (or NumPy) makes of the tensors, bit for bit in float32; with the method rtn
            and a float32 checkpoint the tensors equal those of the library's own rounding; tensors that are not quantized keep
            their bytes; transformers loads the folder (of GPTQ and asymmetric types: the weights of the library or NumPy, dense) and its logits diverge from mote's exact
            ones by less than KLD nats on average.
  read      folders written here, by bitsandbytes through transformers (nf4 and fp4, with and without double quantization), by
            compressed-tensors (int- and float-quantized, packed) and in NumPy (GPTQ version 1, AWQ), are read to the same bits.
  same      bytes do not depend on threads or instruction set; feedback on text gives a smaller error in the logits than rtn.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from checks import Checks, quiet_transformers, skip

KLD = 1e-5
VOCAB, LENGTH = 320, 64
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def unpack_bits(words, bits, count):
    """Values of `bits` in streams of little-endian words along the last axis."""
    import numpy as np

    raw = np.ascontiguousarray(words.astype("<u4")).view(np.uint8)
    stream = np.unpackbits(raw, axis=-1, bitorder="little")[..., : count * bits]
    return (stream.reshape(*stream.shape[:-1], count, bits).astype(np.int32) << np.arange(bits)).sum(-1)


def pack_bits(values, bits):
    """The reverse: [..., n] to words [..., n * bits / 32]."""
    import numpy as np

    stream = (values[..., None] >> np.arange(bits)) & 1
    raw = np.packbits(stream.reshape(*values.shape[:-1], -1).astype(np.uint8), axis=-1, bitorder="little")
    return np.ascontiguousarray(raw).view("<i4")


def gptq_weight(tensors, base, bits, less):
    """[out, in] in float32: scale * (code - zero)."""
    import numpy as np

    words = tensors[base + ".qweight"].numpy()
    rows, cols = words.shape[1], words.shape[0] * 32 // bits
    codes = unpack_bits(words.T, bits, cols)
    zeros = unpack_bits(tensors[base + ".qzeros"].numpy(), bits, rows) + less
    scales = tensors[base + ".scales"].float().numpy()
    group = tensors[base + ".g_idx"].numpy()
    return (scales.T[:, group] * (codes - zeros.T[:, group]).astype(np.float32)).astype(np.float32)


class Oracle:
    def __init__(self, args, work):
        self.args, self.work, self.check, self.number = args, work, Checks(), 0

    def mote(self, *arguments, **environment):
        return subprocess.run([self.args.mote, *map(str, arguments)], capture_output=True, text=True, check=False,
                              env={**os.environ, **environment})

    def quantize(self, source, kind, *options, **environment):
        self.number += 1
        out = self.work / f"{self.number}-{kind}"
        done = self.mote("quantize", source, "-o", out, "--type", kind, "--json", *options, **environment)
        if done.returncode != 0:
            self.check(False, f"{kind} {options}: {done.stderr.strip() or done.stdout.strip()}")
            return None
        return out

    def decoded(self, folder, name, shape):
        import numpy as np

        done = subprocess.run([self.args.probe, str(folder), "decode", name], capture_output=True, check=False)
        if done.returncode != 0:
            return None
        return np.frombuffer(done.stdout, "<f4").reshape(shape)

    def logits(self, folder, tokens):
        import numpy as np

        out = self.work / "logits.npy"
        done = self.mote("logits", folder, "--tokens", ",".join(map(str, tokens)), "--npy", out, "--activations", "f32",
                         "--json")
        if done.returncode != 0:
            self.check(False, f"logits of {folder.name}: {done.stderr.strip() or done.stdout.strip()}")
            return None
        return np.load(out)

    def divergence(self, ours, theirs):
        import torch

        p = torch.log_softmax(torch.as_tensor(theirs).double(), -1)
        q = torch.log_softmax(torch.as_tensor(ours).double(), -1)
        return float((p.exp() * (p - q)).sum(-1).mean())

    def agrees(self, folder, model, tokens, what):
        import torch

        with torch.no_grad():
            theirs = model(torch.tensor([tokens])).logits[0].float().numpy()
        ours = self.logits(folder, tokens)
        if ours is None:
            return
        kld = self.divergence(ours, theirs)
        self.check(abs(kld) < KLD and float(theirs.std()) > 1, f"{what}: divergence {kld:.1e}, deviation {theirs.std():.2f}")


def load_tensors(folder):
    from safetensors.torch import load_file

    return load_file(str(folder / "model.safetensors"))


def scheme_of(config):
    from compressed_tensors.quantization import QuantizationScheme

    return QuantizationScheme.model_validate(config["config_groups"]["group_0"])


def reference_weights(folder):
    """Weights by name in float32, as the layout's own library has them."""
    import torch

    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    tensors = load_tensors(folder)
    method = config["quant_method"]
    out = {}
    if method == "gptq":
        for name in tensors:
            if name.endswith(".qweight"):
                base = name.removesuffix(".qweight")
                less = 0 if config["checkpoint_format"] == "gptq_v2" else 1
                out[base + ".weight"] = gptq_weight(tensors, base, config["bits"], less)
        return out
    if method == "bitsandbytes":
        from bitsandbytes.functional import QuantState, dequantize_4bit

        for name, tensor in tensors.items():
            parts = {k: v for k, v in tensors.items() if k.startswith(name + ".")}
            if tensor.dtype == torch.uint8 and parts:
                state = QuantState.from_dict(parts, device="cpu")
                state.dtype = torch.float32
                out[name] = dequantize_4bit(tensor, state).numpy()
        return out
    from compressed_tensors.compressors import BaseCompressor

    scheme = scheme_of(config)
    compressor = BaseCompressor.get_value_from_registry(config["format"])
    for name in tensors:
        if not name.endswith(".weight_scale"):
            continue
        base = name.removesuffix("_scale").removesuffix(".weight")
        state = {k.removeprefix(base + "."): v for k, v in tensors.items() if k.startswith(base + ".weight")}
        state["weight_scale"] = state["weight_scale"].float()
        out[base + ".weight"] = compressor.decompress(state, scheme)["weight"].float().numpy()
    return out


def rounded(weight, folder):
    """The tensors of a weight as the layout's library makes them by plain rounding; None where there is no library here."""
    import torch

    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    if config["quant_method"] == "bitsandbytes":
        from bitsandbytes.functional import quantize_4bit

        packed, state = quantize_4bit(weight, blocksize=64, quant_type=config["bnb_4bit_quant_type"])
        return {"weight": packed, "weight.absmax": state.absmax, "weight.quant_map": state.code}
    if config["quant_method"] == "gptq":
        bits, group = config["bits"], config["group_size"]
        group = weight.shape[1] if group == -1 else group
        w = weight.reshape(weight.shape[0], -1, group)
        low, high = w.amin(-1).clamp(max=0), w.amax(-1).clamp(min=0)
        most = 2**bits - 1
        if config["sym"]:
            high = torch.maximum(-low, high)
            low = -high
        scale = ((high - low) / most).half().float()
        zero = torch.full_like(scale, (most + 1) // 2) if config["sym"] else (-low / scale).round().clamp(0, most)
        codes = ((w / scale[..., None]).round() + zero[..., None]).clamp(0, most).to(torch.int64)
        import numpy as np

        return {"qweight": torch.from_numpy(np.ascontiguousarray(pack_bits(codes.reshape(weight.shape).numpy(), bits).T)),
                "scales": scale.T.half()}
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization.utils import calculate_qparams

    scheme = scheme_of(config)
    arguments = scheme.weights
    group = arguments.group_size or weight.shape[1]
    w = weight.reshape(weight.shape[0], -1, group)
    scale, zero = calculate_qparams(w.amin(-1), w.amax(-1), arguments)
    state = {"weight": weight, "weight_scale": scale, "weight_zero_point": zero.to(torch.int8)}
    if arguments.type == "float":
        state["weight_zero_point"] = torch.zeros_like(scale)
    return BaseCompressor.get_value_from_registry(config["format"]).compress(state, scheme)


def tiny_llama(dtype, seed):
    import torch
    import transformers

    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=VOCAB, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        tie_word_embeddings=False)
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(1 + 0.1 * torch.randn(p.shape) if "norm" in name else torch.randn(p.shape) * 1.4 / p.shape[-1] ** 0.5)
    return model.to(dtype)


def dense_copy(folder, weights, work):
    """The folder with its weights as floats, for transformers where the layout's library is not here."""
    import torch
    from safetensors.torch import save_file

    out = work / "dense"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    config = json.loads((folder / "config.json").read_text())
    del config["quantization_config"]
    (out / "config.json").write_text(json.dumps(config))
    tensors = {k: v.float() for k, v in load_tensors(folder).items() if not any(p in k for p in LINEAR)}
    tensors |= {k: torch.from_numpy(v.copy()) for k, v in weights.items()}
    save_file(tensors, str(out / "model.safetensors"), {"format": "pt"})
    return out


def load_model(folder, dtype):
    import transformers

    return exact(transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype).eval())


def exact(model):
    """bitsandbytes multiplies in bfloat16 on CPUs that have it; its own dequantization gives dense layers."""
    config = getattr(model.config, "quantization_config", None)
    if getattr(config, "quant_method", None) == "bitsandbytes":
        model = model.dequantize(dtype=model.dtype)
    return model.eval()


def check_values(o, folder, what):
    import numpy as np

    weights = reference_weights(folder)
    bad = [n for n, w in weights.items() if not np.array_equal(o.decoded(folder, n, w.shape), w)]
    o.check(weights and not bad, f"{what}: {len(weights)} weights are read to the same bits {bad[:3]}")
    return weights


def written(o, source, kind, dtype_name, method, tokens):
    import torch

    folder = o.quantize(source, kind, "--method", method)
    if folder is None:
        return
    what = f"{kind}, {dtype_name}, {method}"
    weights = check_values(o, folder, what)
    original, made = load_tensors(source), load_tensors(folder)
    kept = [n for n in original if not any(p in n for p in LINEAR)]
    same = all(n in made and made[n].dtype == original[n].dtype and torch.equal(made[n], original[n]) for n in kept)
    o.check(same and len(weights) == 14, f"{what}: the other tensors are as they were")
    if method == "rtn" and dtype_name == "float32":
        bad = []
        for name in weights:
            base = name.removesuffix(".weight")
            for part, value in rounded(original[name], folder).items():
                if f"{base}.{part}" in made and not torch.equal(made[f"{base}.{part}"].reshape(value.shape), value.to(made[f"{base}.{part}"].dtype)):
                    bad.append(f"{base}.{part}")
        o.check(not bad, f"{what}: the tensors are those of the library's own rounding {bad[:3]}")
    # transformers needs another package, and a GPU, for GPTQ. With compressed-tensors 0.20 it expects zero points unpacked
    # where that packs them, so that it does not load asymmetric folders, those of compressed-tensors itself included. It
    # dequantizes bitsandbytes to the checkpoint's type, which rounds.
    rounds = kind in ("nf4", "fp4") and dtype_name != "float32"
    if "gptq" in (folder / "config.json").read_text() or "asym" in kind or rounds:
        model = load_model(dense_copy(folder, weights, o.work), torch.float32)
    else:
        model = load_model(folder, torch.float32)
    o.agrees(folder, model, tokens, f"{what}: transformers' logits")


def save_quantized(o, source, config, convert):
    """A folder in which convert(base, weight) has replaced the linear weights."""
    from safetensors.torch import save_file

    o.number += 1
    out = o.work / f"{o.number}-other"
    out.mkdir()
    settings = json.loads((source / "config.json").read_text())
    settings["quantization_config"] = config
    (out / "config.json").write_text(json.dumps(settings))
    tensors = {}
    for name, tensor in load_tensors(source).items():
        base = name.removesuffix(".weight")
        if any(p in name for p in LINEAR):
            tensors |= {f"{base}.{k}": v.contiguous() for k, v in convert(tensor.float()).items()}
        else:
            tensors[name] = tensor
    save_file(tensors, str(out / "model.safetensors"), {"format": "pt"})
    return out


def read_of_numpy(o, source):
    """GPTQ version 1 with zero points of its own, and AWQ."""
    import numpy as np
    import torch

    rng = np.random.default_rng(3)
    expected = {}

    def random_groups(weight, bits, group):
        rows, cols = weight.shape
        codes = rng.integers(0, 2**bits, (rows, cols))
        zeros = rng.integers(1, 2**bits, (rows, cols // group))
        scales = (rng.random((rows, cols // group)) * 0.02 + 0.001).astype(np.float16)
        value = scales.astype(np.float32).repeat(group, 1) * (codes - zeros.repeat(group, 1)).astype(np.float32)
        expected.setdefault("all", []).append(value)
        return codes, zeros, scales

    def gptq1(weight):
        codes, zeros, scales = random_groups(weight, 4, 64)
        return {"qweight": torch.from_numpy(pack_bits(codes, 4).T.copy()), "qzeros": torch.from_numpy(pack_bits(zeros.T - 1, 4)),
                "scales": torch.from_numpy(scales.T.copy()),
                "g_idx": torch.arange(weight.shape[1], dtype=torch.int32) // 64}

    def awq(weight):
        codes, zeros, scales = random_groups(weight, 4, 32)

        def columns(values):
            """[n, out] to words [n, out / 8], nibble i for column order[i]."""
            eight = values.reshape(values.shape[0], -1, 8)[..., AWQ_ORDER].astype(np.uint32)
            return torch.from_numpy((eight << (4 * np.arange(8, dtype=np.uint32))).sum(-1, dtype=np.uint32).view(np.int32))

        return {"qweight": columns(codes.T), "qzeros": columns(zeros.T), "scales": torch.from_numpy(scales.T.copy())}

    for what, config, convert in (
            ("GPTQ version 1", {"quant_method": "gptq", "bits": 4, "group_size": 64, "sym": False, "desc_act": False}, gptq1),
            ("AWQ", {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm"}, awq)):
        expected.clear()
        folder = save_quantized(o, source, config, convert)
        names = [n for n in load_tensors(source) if any(p in n for p in LINEAR)]
        bad = [n for n, v in zip(names, expected["all"]) if not np.array_equal(o.decoded(folder, n, v.shape), v)]
        o.check(not bad, f"{what} from NumPy: {len(names)} weights are read to the same bits {bad[:3]}")


def read_of_compressed_tensors(o, source):
    import torch
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization.utils import calculate_qparams

    for layout, arguments in (
            ("int-quantized", dict(num_bits=8, type="int", symmetric=True, strategy="channel")),
            ("int-quantized", dict(num_bits=8, type="int", symmetric=False, strategy="channel")),
            ("float-quantized", dict(num_bits=8, type="float", symmetric=True, strategy="channel")),
            ("pack-quantized", dict(num_bits=4, type="int", symmetric=False, strategy="group", group_size=32)),
            ("pack-quantized", dict(num_bits=8, type="int", symmetric=False, strategy="channel"))):
        config = {"quant_method": "compressed-tensors", "format": layout, "quantization_status": "compressed", "ignore": ["lm_head"],
                  "config_groups": {"group_0": {"targets": ["Linear"], "weights": arguments}}}
        scheme = scheme_of(config)

        def convert(weight):
            group = scheme.weights.group_size or weight.shape[1]
            w = weight.reshape(weight.shape[0], -1, group)
            scale, zero = calculate_qparams(w.amin(-1), w.amax(-1), scheme.weights)
            scale = scale.half()
            state = {"weight": weight, "weight_scale": scale,
                     "weight_zero_point": zero.to(torch.int8) if layout != "float-quantized" else torch.zeros_like(scale)}
            return BaseCompressor.get_value_from_registry(layout).compress(state, scheme)

        folder = save_quantized(o, source, config, convert)
        check_values(o, folder, f"compressed-tensors {layout} {'symmetric' if arguments['symmetric'] else 'asymmetric'}")


def read_of_bitsandbytes(o, source, tokens):
    import torch
    import transformers

    for kind in ("nf4", "fp4"):
        for double in (False, True):
            o.number += 1
            out = o.work / f"{o.number}-bnb"
            config = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=double,
                                                     bnb_4bit_compute_dtype=torch.float32)
            model = transformers.AutoModelForCausalLM.from_pretrained(str(source), quantization_config=config, dtype=torch.float32,
                                                                      device_map="cpu")
            model.save_pretrained(out)
            what = f"bitsandbytes {kind}{', double' if double else ''}"
            check_values(o, out, what)
            o.agrees(out, exact(model), tokens, f"{what}: transformers' logits")


def same_bytes(o, source, kind):
    folders = [o.quantize(source, kind, "--threads", threads, **environment)
               for threads, environment in ((1, {}), (3, {}), (2, {"MOTE_ISA": "reference"}))]
    if None in folders:
        return
    first, *others = [(f / "model.safetensors").read_bytes() for f in folders]
    o.check(all(b == first for b in others), f"{kind}: the same bytes for any threads and instruction set")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--mote", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    try:
        import bitsandbytes  # noqa: F401
        import compressed_tensors  # noqa: F401
        import numpy as np
        import torch
    except ImportError as error:
        skip(f"{error.name} is not installed")
    os.environ["TQDM_DISABLE"] = "1"
    quiet_transformers()
    with tempfile.TemporaryDirectory() as name:
        o = Oracle(args, pathlib.Path(name))
        sources = {}
        for number, dtype in enumerate(("float32", "bfloat16", "float16")):
            sources[dtype] = o.work / dtype
            tiny_llama(getattr(torch, dtype), number).save_pretrained(sources[dtype])
        tokens = np.random.default_rng(1).integers(3, VOCAB, LENGTH).tolist()
        for kind in ("int4-g32-sym", "int4-g128-asym", "int4-row-sym", "int8-g64-asym", "int8-row-sym", "int8-row-asym",
                     "int2-g32-sym", "int3-g32-asym", "int3-g64-sym", "int2-row-asym", "nf4", "fp4", "fp8"):
            written(o, sources["float32"], kind, "float32", "rtn", tokens)
        for kind, dtype in (("int4-g64-sym", "bfloat16"), ("int4-g32-asym", "float16"), ("int8-g128-sym", "bfloat16"),
                            ("int3-g128-asym", "bfloat16"), ("int2-g64-asym", "float16"), ("nf4", "bfloat16"), ("fp8", "bfloat16")):
            written(o, sources[dtype], kind, dtype, "search", tokens)
        read_of_numpy(o, sources["float16"])
        read_of_compressed_tensors(o, sources["float32"])
        read_of_bitsandbytes(o, sources["float32"], tokens)
        for kind in ("int4-g64-asym", "int3-row-sym", "nf4", "fp8"):
            same_bytes(o, sources["bfloat16"], kind)
        o.check.exit()


if __name__ == "__main__":
    main()
