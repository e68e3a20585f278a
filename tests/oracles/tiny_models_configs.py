"""Configurations of the small random models: every architecture of src/model/arch.cc, every feature of its spec.

A case is (label, configuration, features of the spec that the comparison must see, options). Windows are shorter than
LENGTH, so that the mask is seen; LongRoPE has a case on either side of its limit.
"""

LENGTH, VOCAB = 96, 320

COMMON = dict(
    vocab_size=VOCAB, hidden_size=64, intermediate_size=176, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2,
    pad_token_id=0,
)
PLAIN = dict(rope_type="default", rope_theta=10000.0)
LINEAR = dict(rope_type="linear", rope_theta=10000.0, factor=4.0)
LLAMA3 = dict(
    rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=32,
)
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=64)


def common(**changes):
    return {**COMMON, **changes}


def longrope(original):
    return dict(
        rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=original,
        short_factor=[1.0 + 0.02 * i for i in range(8)], long_factor=[1.5 + 0.7 * i for i in range(8)],
    )


def dense():
    import transformers as t

    yield "llama, llama3 rope, own head", t.LlamaConfig(
        **COMMON, rope_parameters=LLAMA3, tie_word_embeddings=False), ["rope_scaling", "tying"], {}
    yield "llama, llama3 rope, tied head", t.LlamaConfig(
        **COMMON, rope_parameters=LLAMA3, tie_word_embeddings=True), ["rope_scaling", "tying"], {}
    yield "llama, linear rope, biases everywhere", t.LlamaConfig(
        **COMMON, rope_parameters=LINEAR, attention_bias=True, mlp_bias=True,
        tie_word_embeddings=False), ["rope_scaling", "bias"], {}
    yield "llama, heads wider than the model", t.LlamaConfig(
        **COMMON, head_dim=32, rope_parameters=PLAIN, tie_word_embeddings=False), ["tying"], {}
    yield "llama, yarn with an attention factor of its own", t.LlamaConfig(
        **COMMON, rope_parameters=dict(YARN, attention_factor=1.3, beta_fast=16.0),
        tie_word_embeddings=False), ["rope_scaling", "attention_factor"], {}
    # llama.cpp knows no window of these two.
    yield "mistral, a window in every block", t.MistralConfig(
        **COMMON, sliding_window=32, rope_parameters=PLAIN), ["window"], dict(llama_cpp_length=32)
    yield "qwen2, yarn, a window in the last blocks", t.Qwen2Config(
        **COMMON, use_sliding_window=True, sliding_window=32, max_window_layers=1, rope_parameters=YARN,
        tie_word_embeddings=True), ["rope_scaling", "bias", "window", "window_pattern"], dict(llama_cpp_length=32)
    yield "qwen2", t.Qwen2Config(**COMMON, rope_parameters=PLAIN, tie_word_embeddings=True), ["bias", "tying"], {}
    yield "qwen3", t.Qwen3Config(
        **COMMON, head_dim=32, rope_parameters=PLAIN, tie_word_embeddings=False), ["qk_norm", "tying"], {}
    yield "gemma", t.GemmaConfig(
        **COMMON, head_dim=16, rope_parameters=PLAIN), ["embedding_scale", "activation", "norm_offset"], {}
    # Scores are scaled by what GGUF has no word for in one case, which llama.cpp cannot follow.
    gemma2 = dict(head_dim=16, sliding_window=32, rope_parameters=PLAIN, attn_logit_softcapping=3.0,
                  final_logit_softcapping=5.0)
    yield "gemma2", t.Gemma2Config(**COMMON, **gemma2, query_pre_attn_scalar=16), [
        "window", "window_pattern", "score_cap", "logit_cap", "post_norm", "norm_offset"], {}
    yield "gemma2, a score scale of its own", t.Gemma2Config(
        **COMMON, **gemma2, query_pre_attn_scalar=48), ["attention_scale"], dict(llama_cpp_length=0)
    gemma3 = dict(
        head_dim=16, sliding_window=32, query_pre_attn_scalar=16,
        rope_parameters=dict(full_attention=dict(LINEAR, rope_theta=1e6), sliding_attention=PLAIN))
    yield "gemma3", t.Gemma3TextConfig(**common(num_hidden_layers=7), **gemma3), [
        "window", "window_pattern", "local_rope", "rope_scaling", "qk_norm", "post_norm", "norm_offset"], {}
    # llama.cpp rounds a context up to 256.
    for original in (64, 256):
        used = ["long_divisors"] if original < LENGTH else []
        yield f"phi3, longrope from {original} on", t.Phi3Config(
            **common(max_position_embeddings=512), original_max_position_embeddings=original, rope_parameters=longrope(original)), [
                "rope_scaling", "attention_factor", *used], {}
    yield "phi3, a window", t.Phi3Config(
        **COMMON, sliding_window=32, rope_parameters=PLAIN), ["window"], dict(llama_cpp_length=32)
    yield "smollm3", t.SmolLM3Config(**common(num_hidden_layers=5), rope_parameters=PLAIN), ["rope_gaps"], {}
    yield "granite", t.GraniteConfig(
        **COMMON, rope_parameters=PLAIN, embedding_multiplier=3.0, logits_scaling=0.5, residual_multiplier=0.6,
        attention_multiplier=0.1, attention_bias=True), [
            "embedding_scale", "logit_scale", "residual_scale", "attention_scale", "bias"], {}
    yield "olmo2", t.Olmo2Config(**COMMON, rope_parameters=PLAIN), ["qk_norm", "post_norm"], {}
    yield "exaone4, no window", t.Exaone4Config(
        **COMMON, sliding_window=None, layer_types=["full_attention"] * 3, rope_parameters=LLAMA3), ["qk_norm", "post_norm", "rope_scaling"], {}
    # llama.cpp takes windows into account in models of 64 blocks alone.
    yield "exaone4, windows", t.Exaone4Config(
        **common(num_hidden_layers=5), sliding_window=32, rope_parameters=PLAIN), [
            "window", "window_pattern", "rope_gaps"], dict(llama_cpp_length=0)
    yield "stablelm", t.StableLmConfig(
        **COMMON, use_qkv_bias=True, rope_parameters=dict(PLAIN, partial_rotary_factor=0.5)), [
            "norm_kind", "norm_bias", "bias", "partial_rope"], {}
    yield "stablelm, parallel, norms of q and k", t.StableLmConfig(
        **COMMON, qk_layernorm=True, use_parallel_residual=True,
        rope_parameters=dict(PLAIN, partial_rotary_factor=0.25)), [
            "parallel_residual", "qk_norm", "partial_rope"], {}


def mixtures():
    import transformers as t

    yield "mixtral", t.MixtralConfig(
        **COMMON, num_local_experts=4, num_experts_per_tok=2, rope_parameters=PLAIN), [
            "expert_normalize", "expert_used"], {}
    yield "qwen2moe", t.Qwen2MoeConfig(
        **COMMON, num_experts=8, num_experts_per_tok=3, moe_intermediate_size=32,
        shared_expert_intermediate_size=48, rope_parameters=PLAIN), [
            "shared_expert", "shared_gate", "expert_normalize", "bias"], {}
    yield "qwen3moe", t.Qwen3MoeConfig(
        **COMMON, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=32, head_dim=32, norm_topk_prob=True,
        rope_parameters=PLAIN), ["qk_norm", "expert_normalize"], {}
    yield "granitemoe", t.GraniteMoeConfig(
        **COMMON, num_local_experts=4, num_experts_per_tok=2, rope_parameters=PLAIN, embedding_multiplier=3.0,
        logits_scaling=0.5, residual_multiplier=0.6, attention_multiplier=0.1), [
            "embedding_scale", "residual_scale", "expert_normalize"], {}


def decoders():
    yield from dense()
    yield from mixtures()


def build(config, seed):
    """The model in float32 with random norms and biases, and weights so large that logits spread."""
    import torch
    from transformers import AutoModel, AutoModelForCausalLM

    generator = torch.Generator().manual_seed(seed)
    encoder = config.model_type in ("bert", "nomic_bert")
    # Soft-caps exist in the eager form of attention alone.
    model = (AutoModel if encoder else AutoModelForCausalLM).from_config(
        config, dtype=torch.float32, attn_implementation="eager").eval()
    offset = 0.0 if config.model_type.startswith("gemma") else 1.0
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith(".bias"):
                parameter.copy_(noise * 0.5)
            elif parameter.dim() == 1:
                parameter.copy_(offset + 0.3 * noise)
            elif "embed" in name or "lm_head" in name:
                parameter.copy_(noise)
            else:
                parameter.copy_(noise * 1.5 / parameter.shape[-1] ** 0.5)
    return model, generator


def encoders():
    """(label, configuration, changes of the model that the comparison must see)."""
    import transformers as t

    sizes = dict(COMMON, layer_norm_eps=1e-12)
    for key in ("num_key_value_heads", "rms_norm_eps"):
        sizes.pop(key)
    yield "bert", t.BertConfig(**sizes), {
        "token types": lambda m: m.embeddings.token_type_embeddings.weight[0].zero_(),
        "positions": lambda m: m.embeddings.position_embeddings.weight.zero_(),
        "biases": lambda m: m.encoder.layer[0].intermediate.dense.bias.zero_(),
    }
    yield "nomic-bert", t.NomicBertConfig(**sizes, rope_parameters=dict(PLAIN, rope_theta=1000.0)), {
        "token types": lambda m: m.embeddings.token_type_embeddings.weight[0].zero_(),
    }
