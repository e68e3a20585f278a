"""Quantized Hugging Face folders: quantization_config, and the parts of a weight in each layout. One of the tiny model's matrices
is quantized, made wider first: rows of 64."""
import json
import math
import struct

from hostile.case import Case
from safetensors_file import CONFIG, SHAPES, file

COMMANDS = [["inspect", "@"], ["logits", "@", "--tokens", "1,2"]]
NAME = "model.layers.0.self_attn.q_proj"
ROWS, COLS = 64, 64
WIDE = CONFIG | {"hidden_size": COLS, "intermediate_size": 64}
PACKED = {"quant_method": "compressed-tensors", "format": "pack-quantized"}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": False, "checkpoint_format": "gptq_v2"}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm"}
BNB = {"quant_method": "bitsandbytes", "load_in_4bit": True}
NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
       -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
       0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]
HUGE = (1 << 63) - 1


def halves(*values):
    return struct.pack(f"<{len(values)}e", *values)


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def packed():
    return {"weight_packed": ("I32", [ROWS, COLS // 8], bytes(ROWS * COLS // 2)),
            "weight_scale": ("F16", [ROWS, 2], halves(*[0.01] * ROWS * 2)),
            "weight_shape": ("I64", [2], struct.pack("<qq", ROWS, COLS))}


def gptq():
    return {"qweight": ("I32", [COLS // 8, ROWS], bytes(ROWS * COLS // 2)), "qzeros": ("I32", [2, ROWS // 8], bytes(ROWS)),
            "scales": ("F16", [2, ROWS], halves(*[0.01] * ROWS * 2)),
            "g_idx": ("I32", [COLS], struct.pack(f"<{COLS}i", *(i // 32 for i in range(COLS))))}


def awq():
    return {"qweight": ("I32", [COLS, ROWS // 8], bytes(ROWS * COLS // 2)), "qzeros": ("I32", [2, ROWS // 8], bytes(ROWS)),
            "scales": ("F16", [2, ROWS], halves(*[0.01] * ROWS * 2))}


def bnb(state=None, text=None):
    text = (text or json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [ROWS, COLS]} | (state or {}))).encode()
    return {"weight": ("U8", [ROWS * COLS // 2, 1], bytes(ROWS * COLS // 2)), "weight.absmax": ("F32", [ROWS], floats(*[0.1] * ROWS)),
            "weight.quant_map": ("F32", [16], floats(*NF4)), "weight.quant_state.bitsandbytes__nf4": ("U8", [len(text)], text)}


def plain(dtype="I8"):
    return {"weight": (dtype, [ROWS, COLS], bytes(ROWS * COLS)), "weight_scale": ("F32", [ROWS, 1], floats(*[0.01] * ROWS))}


def folder(config, parts, **changes):
    """A whole model whose q_proj has `parts`; changes replace parts, None leaves one out."""
    shapes = {"embed_tokens": [16, COLS]}
    header, data = {}, b""

    def add(name, dtype, shape, content):
        nonlocal data
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content

    for name, shape in SHAPES.items():
        if name == NAME + ".weight":
            continue
        shape = shapes["embed_tokens"] if "embed" in name else [COLS] if len(shape) == 1 else [64, COLS]
        if "k_proj" in name or "v_proj" in name:
            shape = [32, COLS]
        add(name, "F32", shape, bytes(4 * math.prod(shape)))
    for part, value in (parts | {k.replace("__", "."): v for k, v in changes.items()}).items():
        if value is not None:
            add(f"{NAME}.{part}", *value)
    return {"model.safetensors": file(header, data), "config.json": json.dumps(WIDE | {"quantization_config": config})}


def shape_of(rows, cols):
    return ("I64", [2], struct.pack("<qq", rows, cols))


BAD = "QUANTIZED_TENSOR"
CASES_OF = [
    ("config_list", "QUANTIZED_CONFIG", folder([], packed())),
    ("config_no_method", "QUANTIZED_CONFIG", folder({}, packed())),
    ("config_method_number", "QUANTIZED_CONFIG", folder({"quant_method": 7}, packed())),
    ("config_method_unknown", "FORMAT_QUANTIZED", folder({"quant_method": "\x1b[2Jmade-up" * 40}, packed())),
    ("config_groups_list", "QUANTIZED_CONFIG", folder(PACKED | {"config_groups": []}, packed())),
    ("config_gptq_bits_0", "QUANTIZED_CONFIG", folder(GPTQ | {"bits": 0}, gptq())),
    ("config_gptq_bits_huge", "QUANTIZED_CONFIG", folder(GPTQ | {"bits": HUGE}, gptq())),
    ("config_gptq_group_0", "QUANTIZED_CONFIG", folder(GPTQ | {"group_size": 0}, gptq())),
    ("config_gptq_group_33", "QUANTIZED_CONFIG", folder(GPTQ | {"group_size": 33}, gptq())),
    ("config_gptq_dynamic_list", "QUANTIZED_CONFIG", folder(GPTQ | {"dynamic": [1]}, gptq())),
    ("config_awq_bits_3", "QUANTIZED_CONFIG", folder(AWQ | {"bits": 3}, awq())),
    ("packed_no_scale", BAD, folder(PACKED, packed(), weight_scale=None)),
    ("packed_no_shape", BAD, folder(PACKED, packed(), weight_shape=None)),
    ("packed_shape_0", BAD, folder(PACKED, packed(), weight_shape=shape_of(0, 0))),
    ("packed_shape_negative", BAD, folder(PACKED, packed(), weight_shape=shape_of(ROWS, -COLS))),
    ("packed_shape_huge", BAD, folder(PACKED, packed(), weight_shape=shape_of(ROWS, HUGE - 31))),
    ("packed_shape_of_other_rows", BAD, folder(PACKED, packed(), weight_shape=shape_of(32, 128))),
    ("packed_shape_not_of_32", BAD, folder(PACKED, packed(), weight_shape=shape_of(ROWS, 60))),
    ("packed_shape_of_one_number", BAD, folder(PACKED, packed(), weight_shape=("I64", [1], struct.pack("<q", 64)))),
    ("packed_shape_as_floats", BAD, folder(PACKED, packed(), weight_shape=("F32", [2], floats(64, 64)))),
    ("packed_as_bytes", BAD, folder(PACKED, packed(), weight_packed=("U8", [ROWS, COLS // 2], bytes(ROWS * COLS // 2)))),
    ("packed_of_one_dimension", BAD, folder(PACKED, packed(), weight_packed=("I32", [ROWS * COLS // 8], bytes(ROWS * COLS // 2)))),
    ("packed_3_words_a_row", BAD, folder(PACKED, packed(), weight_packed=("I32", [ROWS, 3], bytes(ROWS * 12)))),
    ("packed_scale_of_3_groups", BAD, folder(PACKED, packed(), weight_scale=("F16", [ROWS, 3], halves(*[1] * ROWS * 3)))),
    ("packed_scale_of_65_rows", BAD, folder(PACKED, packed(), weight_scale=("F16", [65, 2], halves(*[1] * 130)))),
    ("packed_scale_turned", BAD, folder(PACKED, packed(), weight_scale=("F16", [2, ROWS], halves(*[1] * ROWS * 2)))),
    ("packed_scale_integers", BAD, folder(PACKED, packed(), weight_scale=("I16", [ROWS, 2], bytes(ROWS * 4)))),
    ("packed_group_of_16", BAD, folder(PACKED, packed(), weight_scale=("F16", [ROWS, 4], halves(*[1] * ROWS * 4)))),
    ("packed_zeros_short", BAD, folder(PACKED, packed(), weight_zero_point=("I32", [7, 2], bytes(56)))),
    ("packed_zeros_floats", BAD, folder(PACKED, packed(), weight_zero_point=("F32", [8, 2], bytes(64)))),
    ("packed_order", "FORMAT_QUANTIZED", folder(PACKED, packed(), weight_g_idx=("I32", [COLS], struct.pack(f"<{COLS}i", *[1] * COLS)))),
    ("packed_order_short", BAD, folder(PACKED, packed(), weight_g_idx=("I32", [1], bytes(4)))),
    ("packed_beside_dense", BAD, folder(PACKED, packed(), weight=("F16", [ROWS, COLS], bytes(2 * ROWS * COLS)))),
    ("gptq_no_zeros", BAD, folder(GPTQ, gptq(), qzeros=None)),
    ("gptq_no_scales", BAD, folder(GPTQ, gptq(), scales=None)),
    ("gptq_other_bits", BAD, folder(GPTQ | {"bits": 3}, gptq())),
    ("gptq_other_group", BAD, folder(GPTQ | {"group_size": 64}, gptq())),
    ("gptq_group_huge", BAD, folder(GPTQ | {"group_size": HUGE - 31}, gptq())),
    ("gptq_zeros_short", BAD, folder(GPTQ, gptq(), qzeros=("I32", [2, 7], bytes(56)))),
    ("gptq_rows_not_of_32", BAD, folder(GPTQ, gptq(), qweight=("I32", [COLS // 8, 60], bytes(COLS // 8 * 240)))),
    ("gptq_order_of_activations", "FORMAT_QUANTIZED", folder(GPTQ, gptq(), g_idx=("I32", [COLS], struct.pack(f"<{COLS}i", *(i % 2 for i in range(COLS)))))),
    ("gptq_order_negative", "FORMAT_QUANTIZED", folder(GPTQ, gptq(), g_idx=("I32", [COLS], b"\xff" * 4 * COLS))),
    ("awq_no_zeros", BAD, folder(AWQ, awq(), qzeros=None)),
    ("awq_scales_of_other_rows", BAD, folder(AWQ, awq(), scales=("F16", [2, 63], halves(*[1] * 126)))),
    ("awq_scales_of_3_groups", BAD, folder(AWQ, awq(), scales=("F16", [3, ROWS], halves(*[1] * 192)))),
    ("awq_of_one_dimension", BAD, folder(AWQ, awq(), qweight=("I32", [COLS * 8], bytes(COLS * 32)))),
    ("bnb_no_state", BAD, folder(BNB, bnb(), weight__quant_state__bitsandbytes_x=None) | {"model.safetensors": folder(BNB, {k: v for k, v in bnb().items() if "state" not in k})["model.safetensors"]}),
    ("bnb_state_no_json", BAD, folder(BNB, bnb(text="{" * 3000))),
    ("bnb_state_list", BAD, folder(BNB, bnb(text="[1]"))),
    ("bnb_state_not_utf8", BAD, folder(BNB, bnb() | {"weight.quant_state.bitsandbytes__nf4": ("U8", [3], b"{\xff}")})),
    # What divides by groups and inputs relies on the reader's refusal of empty dimensions.
    ("awq_no_groups", "ST_SHAPE", folder(AWQ, awq(), scales=("F16", [0, ROWS], b""))),
    ("gptq_no_inputs", "ST_SHAPE", folder(GPTQ, gptq(), qweight=("I32", [0, ROWS], b""))),
    ("plain_no_rows", "ST_SHAPE", folder(PACKED, plain(), weight=("I8", [0, COLS], b""))),
    ("bnb_state_shape_wraps", BAD, folder(BNB, bnb({"shape": [1 << 60, 64]}))),
    ("bnb_state_shape_negative", BAD, folder(BNB, bnb({"shape": [-64, 64]}))),
    ("bnb_state_shape_of_another", BAD, folder(BNB, bnb({"shape": [128, 64]}))),
    ("bnb_blocksize_128", BAD, folder(BNB, bnb({"blocksize": 128}))),
    ("bnb_absmax_short", BAD, folder(BNB, bnb() | {"weight.absmax": ("F32", [63], floats(*[1] * 63))})),
    ("bnb_other_table", BAD, folder(BNB, bnb() | {"weight.quant_map": ("F32", [16], floats(*range(16)))})),
    ("bnb_table_nan", BAD, folder(BNB, bnb() | {"weight.quant_map": ("F32", [16], floats(*[math.nan] * 16))})),
    ("bnb_nested_without_table", BAD, folder(BNB, bnb() | {"weight.nested_absmax": ("F32", [1], floats(1))})),
    ("plain_scale_of_63_rows", BAD, folder(PACKED, plain(), weight_scale=("F32", [63, 1], floats(*[1] * 63)))),
    ("plain_scale_of_5_groups", BAD, folder(PACKED, plain(), weight_scale=("F32", [ROWS, 5], floats(*[1] * ROWS * 5)))),
    ("plain_zeros_of_another_shape", BAD, folder(PACKED, plain(), weight_zero_point=("I8", [1], bytes(1)))),
    ("plain_no_scale", "TENSOR_TYPE", folder(PACKED, plain(), weight_scale=None)),
]
# Found when the values are read.
VALUES = [
    ("packed_scale_nan", BAD, folder(PACKED, packed(), weight_scale=("F16", [ROWS, 2], halves(*[math.nan] * ROWS * 2)))),
    ("gptq_scale_infinite", BAD, folder(GPTQ, gptq(), scales=("F16", [2, ROWS], halves(*[math.inf] * ROWS * 2)))),
    ("gptq_zeros_not_symmetric", BAD, folder(GPTQ | {"sym": True}, gptq())),
    ("awq_scale_nan", BAD, folder(AWQ, awq(), scales=("F16", [2, ROWS], halves(*[math.nan] * ROWS * 2)))),
    ("bnb_absmax_nan", BAD, folder(BNB, bnb() | {"weight.absmax": ("F32", [ROWS], floats(*[math.nan] * ROWS))})),
    ("fp8_nan", "MODEL_NONFINITE", folder(PACKED, plain("F8_E4M3"), weight=("F8_E4M3", [ROWS, COLS], b"\x7f" * ROWS * COLS))),
    ("scale_overflows", "MODEL_NONFINITE", folder(PACKED, plain(), weight_scale=("F32", [ROWS, 1], floats(*[3e38] * ROWS)))),
]

CASES = [Case("quantized." + name, code, files, COMMANDS) for name, code, files in CASES_OF]
CASES += [Case("quantized." + name, code, files, [COMMANDS[1], ["inspect", "@", "--verify"]]) for name, code, files in VALUES]
