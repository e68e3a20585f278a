"""GGUF: well-formed files that describe no model: hyperparameters, tensors that are missing or of the wrong shape,
numbers that are none, vocabularies that do not fit."""
import math
import struct

import gguf_file
from gguf_file import ARRAY, BOOL, F32, I32, STRING, U32, U64, U8, Tensor, array
from hostile.case import Case
from hostile.gguf_header_cases import COMMANDS, whole

LOGITS = [["logits", "@m.gguf", "--tokens", "1,2"], ["inspect", "@m.gguf", "--verify"]]
TOKENIZE = [["tokenize", "@m.gguf", "-p", "hello ab"], ["logits", "@m.gguf", "-p", "hello ab"]]


def key(name, kind, value):
    return lambda g: g.set(name if "." in name and name.startswith(("general", "tokenizer")) else "llama." + name, kind, value)


def rope(kind, factor=None):
    def change(g):
        g.set("llama.rope.scaling.type", STRING, kind)
        if factor is not None:
            g.set("llama.rope.scaling.factor", F32, factor)
    return change


def without(name):
    return lambda g: g.tensors.remove(g.tensor(name))


def shape(name, *dims):
    def change(g):
        count = 1
        for d in dims:
            count *= d
        g.tensor(name).dims, g.tensor(name).data = list(dims), bytes(4 * count)
    return change


def extra(name, kind, data, *dims):
    return lambda g: g.tensors.append(Tensor(name, dims, kind, data))


def no_embedding(g):
    g.tensors.pop(0)
    g.set("llama.vocab_size", U32, 16)


HPARAMS = [
    ("architecture_missing", "MODEL_HPARAM", key("general.architecture", STRING, None)),
    ("architecture_number", "MODEL_HPARAM", key("general.architecture", U32, 1)),
    ("architecture_unknown", "MODEL_ARCH", key("general.architecture", STRING, "made_up")),
    ("architecture_empty", "MODEL_ARCH", key("general.architecture", STRING, "")),
    ("architecture_with_escape_codes", "MODEL_ARCH", key("general.architecture", STRING, "\x1b[31mllama")),
    ("architecture_long", "MODEL_ARCH", key("general.architecture", STRING, "a" * 100_000)),
    ("name_number", "MODEL_HPARAM", key("general.name", U32, 7)),
    ("blocks_missing", "MODEL_HPARAM", key("block_count", U32, None)),
    ("blocks_0", "MODEL_HPARAM", key("block_count", U32, 0)),
    ("blocks_2_31", "MODEL_HPARAM", key("block_count", U32, 1 << 31)),
    ("blocks_all_ones", "MODEL_HPARAM", key("block_count", U32, 0xFFFFFFFF)),
    ("blocks_2_40", "MODEL_HPARAM", key("block_count", U64, 1 << 40)),
    ("blocks_string", "MODEL_HPARAM", key("block_count", STRING, "1")),
    ("blocks_f32", "MODEL_HPARAM", key("block_count", F32, 1.0)),
    ("blocks_bool", "MODEL_HPARAM", key("block_count", BOOL, 1)),
    ("blocks_negative", "MODEL_HPARAM", key("block_count", I32, -1)),
    ("blocks_more_than_tensors", "MODEL_TENSOR", key("block_count", U32, 2)),
    ("heads_0", "MODEL_HPARAM", key("attention.head_count", U32, 0)),
    ("heads_2_31", "MODEL_HPARAM", key("attention.head_count", U32, 1 << 31)),
    ("heads_that_do_not_divide", "MODEL_HPARAM", key("attention.head_count", U32, 3)),
    ("kv_heads_0", "MODEL_HPARAM", key("attention.head_count_kv", U32, 0)),
    ("kv_heads_more_than_heads", "MODEL_HPARAM", key("attention.head_count_kv", U32, 4)),
    ("kv_heads_that_do_not_divide", "MODEL_HPARAM",
     lambda g: g.set("llama.attention.head_count", U32, 4).set("llama.attention.head_count_kv", U32, 3)),
    ("context_0", "MODEL_HPARAM", key("context_length", U32, 0)),
    ("context_2_31", "MODEL_HPARAM", key("context_length", U32, 1 << 31)),
    ("width_0", "MODEL_HPARAM", key("embedding_length", U32, 0)),
    ("width_2_31", "MODEL_HPARAM", key("embedding_length", U32, 1 << 31)),
    ("width_other_than_tensors", "MODEL_TENSOR", key("embedding_length", U32, 16)),
    ("hidden_0", "MODEL_HPARAM", key("feed_forward_length", U32, 0)),
    ("hidden_2_31", "MODEL_HPARAM", key("feed_forward_length", U32, 1 << 31)),
    ("hidden_other_than_tensors", "MODEL_TENSOR", key("feed_forward_length", U32, 12)),
    ("head_dim_0", "MODEL_HPARAM", key("attention.key_length", U32, 0)),
    ("head_dim_2048", "MODEL_HPARAM", lambda g: g.set("llama.attention.key_length", U32, 2048).set("llama.attention.value_length", U32, 2048)),
    ("rope_dims_odd", "MODEL_HPARAM", key("rope.dimension_count", U32, 3)),
    ("rope_dims_more_than_head", "MODEL_HPARAM", key("rope.dimension_count", U32, 6)),
    ("rope_dims_0", "MODEL_HPARAM", key("rope.dimension_count", U32, 0)),
    ("rope_base_nan", "MODEL_HPARAM", key("rope.freq_base", F32, math.nan)),
    ("rope_base_infinite", "MODEL_HPARAM", key("rope.freq_base", F32, math.inf)),
    ("rope_base_0", "MODEL_HPARAM", key("rope.freq_base", F32, 0.0)),
    ("rope_base_negative", "MODEL_HPARAM", key("rope.freq_base", F32, -10000.0)),
    ("rope_base_string", "MODEL_HPARAM", key("rope.freq_base", STRING, "10000")),
    ("eps_missing", "MODEL_HPARAM", key("attention.layer_norm_rms_epsilon", F32, None)),
    ("eps_nan", "MODEL_HPARAM", key("attention.layer_norm_rms_epsilon", F32, math.nan)),
    ("eps_negative", "MODEL_HPARAM", key("attention.layer_norm_rms_epsilon", F32, -1e-5)),
    ("eps_infinite", "MODEL_HPARAM", key("attention.layer_norm_rms_epsilon", F32, math.inf)),
    ("rope_scaling_unknown", "MODEL_HPARAM", rope("spiral", 2.0)),
    ("rope_scaling_0", "MODEL_HPARAM", rope("linear", 0.0)),
    ("rope_scaling_nan", "MODEL_HPARAM", rope("linear", math.nan)),
    ("rope_scaling_negative", "MODEL_HPARAM", rope("linear", -2.0)),
    ("vocab_0", "MODEL_HPARAM", key("vocab_size", U32, 0)),
    ("vocab_all_ones", "MODEL_HPARAM", key("vocab_size", U32, 0xFFFFFFFF)),
    ("vocab_more_than_embedding", "MODEL_TENSOR", key("vocab_size", U32, 17)),
    ("vocab_string", "MODEL_HPARAM", key("vocab_size", STRING, "16")),
    ("embedding_missing", "MODEL_TENSOR", no_embedding),
    ("output_norm_missing", "MODEL_TENSOR", without("output_norm.weight")),
    ("attn_q_missing", "MODEL_TENSOR", without("blk.0.attn_q.weight")),
    ("ffn_down_missing", "MODEL_TENSOR", without("blk.0.ffn_down.weight")),
    ("attn_k_turned_round", "MODEL_TENSOR", shape("blk.0.attn_k.weight", 4, 8)),
    ("attn_k_as_list", "MODEL_TENSOR", shape("blk.0.attn_k.weight", 32)),
    ("norm_of_two_dimensions", "MODEL_TENSOR", shape("blk.0.attn_norm.weight", 8, 8)),
    ("norm_as_scalar", "MODEL_TENSOR", shape("blk.0.attn_norm.weight")),
    ("embedding_of_three_dimensions", "MODEL_TENSOR", shape("token_embd.weight", 8, 4, 4)),
    ("tensor_without_a_place", "MODEL_TENSOR", extra("backdoor.weight", 0, bytes(4), 1)),
    ("rope_freqs_too_long", "MODEL_TENSOR", extra("rope_freqs.weight", 0, struct.pack("<3f", 1, 1, 1), 3)),
    ("rope_freqs_in_halves", "MODEL_TENSOR", extra("rope_freqs.weight", 1, struct.pack("<2e", 1, 1), 2)),
    ("rope_freqs_nan", "MODEL_HPARAM", extra("rope_freqs.weight", 0, struct.pack("<2f", 1, math.nan), 2)),
    ("rope_freqs_0", "MODEL_HPARAM", extra("rope_freqs.weight", 0, struct.pack("<2f", 1, 0), 2)),
]


def put(name, at, raw):
    """These bytes inside a tensor's data."""
    def change(g):
        t = g.tensor(name)
        t.data = t.data[:at] + raw + t.data[at + len(raw):]
    return change


def in_model(kind, change, arch="llama", **shape_of):
    g = gguf_file.model(arch, kind=kind, **shape_of)
    change(g)
    return g.bytes()


NAN, INF, HALF_NAN, HALF_INF = struct.pack("<f", math.nan), struct.pack("<f", math.inf), b"\x00\x7e", b"\x00\x7c"
SMALL = {"width": 8, "hidden": 8, "heads": 2}
WIDE = {"width": 256, "hidden": 256, "heads": 8}
NONFINITE = [
    ("nan_in_embedding", in_model("F32", put("token_embd.weight", 100, NAN), **SMALL)),
    ("infinity_in_the_last_weight", in_model("F32", put("output_norm.weight", 28, INF), **SMALL)),
    ("minus_infinity_in_norm", in_model("F32", put("blk.0.attn_norm.weight", 0, struct.pack("<f", -math.inf)), **SMALL)),
    ("nan_in_f16", in_model("F16", put("blk.0.attn_q.weight", 10, HALF_NAN), **SMALL)),
    ("infinity_in_bf16", in_model("BF16", put("blk.0.ffn_up.weight", 10, b"\x80\x7f"), **SMALL)),
    ("nan_in_bias", in_model("F32", put("blk.0.attn_q.bias", 4, NAN), arch="qwen2", **SMALL)),
    ("nan_in_qk_norm", in_model("F32", put("blk.0.attn_k_norm.weight", 4, NAN), arch="qwen3", **SMALL)),
    ("nan_scale_of_q4_0", in_model("Q4_0", put("blk.0.attn_v.weight", 18, HALF_NAN))),
    ("infinite_min_of_q4_1", in_model("Q4_1", put("blk.0.attn_v.weight", 22, HALF_INF))),
    ("infinite_scale_of_q8_0", in_model("Q8_0", put("token_embd.weight", 34, HALF_INF))),
    ("infinite_scale_of_q4_k", in_model("Q4_K", put("blk.0.ffn_up.weight", 144, HALF_INF), **WIDE)),
    ("nan_scale_of_q6_k", in_model("Q6_K", put("blk.0.ffn_up.weight", 208, HALF_NAN), **WIDE)),
]


def tokens(pieces, kinds=None):
    def change(g):
        g.set("tokenizer.ggml.tokens", ARRAY, array(STRING, pieces), raw=True)
        g.set("tokenizer.ggml.scores", ARRAY, array(F32, [0.0] * len(pieces)), raw=True)
        g.set("tokenizer.ggml.token_type", ARRAY, array(I32, kinds or [1] * len(pieces)), raw=True)
    return change


def listed(name, kind, values):
    return lambda g: g.set("tokenizer.ggml." + name, ARRAY, array(kind, values), raw=True)


def with_piece(spelling, kind):
    pieces, kinds = list(gguf_file.PIECES), [2, 3, 3] + [1] * 11 + [6, 6]
    pieces[5], kinds[5] = spelling, kind
    return tokens(pieces, kinds)


VOCABULARY = [
    ("tokens_missing", "TOK_MISSING", key("tokenizer.ggml.tokens", U8, None)),
    ("tokens_as_numbers", "META_TYPE", listed("tokens", U32, range(16))),
    ("tokens_as_one_string", "META_TYPE", key("tokenizer.ggml.tokens", STRING, "abc")),
    ("tokens_empty", "TOK_VOCAB", tokens([])),
    ("token_of_65537_bytes", "TOK_VOCAB", with_piece("x" * 65_537, 1)),
    ("tokenizer_model_number", "META_TYPE", key("tokenizer.ggml.model", U32, 1)),
    ("tokenizer_model_unknown", "TOK_UNSUPPORTED", key("tokenizer.ggml.model", STRING, "made_up")),
    ("scores_missing", "TOK_VOCAB", key("tokenizer.ggml.scores", U8, None)),
    ("scores_as_u8", "META_TYPE", listed("scores", U8, [0] * 16)),
    ("scores_as_strings", "META_TYPE", listed("scores", STRING, ["0"] * 16)),
    ("scores_too_few", "TOK_VOCAB", listed("scores", F32, [0.0] * 15)),
    ("scores_too_many", "TOK_VOCAB", listed("scores", F32, [0.0] * 17)),
    ("score_nan", "TOK_VOCAB", listed("scores", F32, [0.0] * 15 + [math.nan])),
    ("score_infinite", "TOK_VOCAB", listed("scores", F32, [math.inf] + [0.0] * 15)),
    ("types_too_few", "TOK_VOCAB", listed("token_type", I32, [1] * 15)),
    ("types_as_strings", "META_TYPE", listed("token_type", STRING, ["1"] * 16)),
    ("types_as_floats", "META_TYPE", listed("token_type", F32, [1.0] * 16)),
    ("byte_token_minus_one", "TOK_VOCAB", with_piece("<0x-1>", 6)),
    ("byte_token_zz", "TOK_VOCAB", with_piece("<0xZZ>", 6)),
    ("byte_token_of_one_digit", "TOK_VOCAB", with_piece("<0x4>", 6)),
    ("byte_token_of_three_digits", "TOK_VOCAB", with_piece("<0x100>", 6)),
    ("byte_token_plain_word", "TOK_VOCAB", with_piece("hello", 6)),
    ("bos_is_vocabulary_size", "TOK_VOCAB", key("tokenizer.ggml.bos_token_id", U32, 16)),
    ("eos_2_31", "TOK_VOCAB", key("tokenizer.ggml.eos_token_id", U32, 1 << 31)),
    ("bos_negative", "META_RANGE", key("tokenizer.ggml.bos_token_id", I32, -2)),
    ("bos_string", "META_TYPE", key("tokenizer.ggml.bos_token_id", STRING, "<s>")),
    ("add_bos_as_string", "META_TYPE", key("tokenizer.ggml.add_bos_token", STRING, "true")),
    ("chat_template_number", "META_TYPE", key("tokenizer.chat_template", U32, 1)),
    ("pre_as_number", "META_TYPE", lambda g: bytes_vocabulary(g).set("tokenizer.ggml.pre", U32, 1)),
    ("pre_unknown", "TOK_PRE", lambda g: bytes_vocabulary(g).set("tokenizer.ggml.pre", STRING, "made-up")),
    ("merges_missing", "TOK_MERGES", lambda g: bytes_vocabulary(g).set("tokenizer.ggml.merges", U8, None)),
    ("merges_as_numbers", "META_TYPE", lambda g: merges(g, [1, 2], U32)),
    ("merge_of_unknown_tokens", "TOK_MERGES", lambda g: merges(g, ["zz yy"])),
    ("merge_into_an_unknown_token", "TOK_MERGES", lambda g: merges(g, ["x y"])),
    ("merge_of_one_token", "TOK_MERGES", lambda g: merges(g, ["he"])),
    ("merge_empty", "TOK_MERGES", lambda g: merges(g, [""])),
    ("merge_of_a_token_and_nothing", "TOK_MERGES", lambda g: merges(g, ["h "])),
]


def bytes_vocabulary(g):
    g.entries = [e for e in g.entries if not e[0].startswith("tokenizer.")]
    _, count = gguf_file.add_byte_tokenizer(g)
    g.tensors[0].dims, g.tensors[0].data = [8, count], bytes(32 * count)
    return g


def merges(g, values, kind=STRING):
    bytes_vocabulary(g).set("tokenizer.ggml.merges", ARRAY, array(kind, values), raw=True)


def shorter_embedding(g):
    """The vocabulary has a token more than the model has rows."""
    t = g.tensor("token_embd.weight")
    t.dims, t.data = [8, 12], t.data[:12 * 32]


CASES = [Case("gguf." + name, code, {"m.gguf": whole(change)}, COMMANDS) for name, code, change in HPARAMS]
CASES += [Case("gguf." + name, "MODEL_NONFINITE", {"m.gguf": content}, LOGITS) for name, content in NONFINITE]
CASES += [Case("gguf." + name, code, {"m.gguf": whole(change)}, TOKENIZE) for name, code, change in VOCABULARY]
CASES += [Case("gguf.vocabulary_longer_than_embedding", "TOKEN_ID", {"m.gguf": whole(shorter_embedding)},
               [["logits", "@m.gguf", "-p", "hello"]])]
