"""A model that says what a test wants: a Hugging Face folder whose weights are a table "after this token comes that one".

Every token has a direction of its own in the hidden state, attention and feed-forward are zero, and the output
layer turns a token's direction into that of its follower. A text of the script is one token, however long.
"""
import json
import struct
import sys

from cli import ROOT

sys.path.insert(0, str(ROOT / "tests/fuzz"))
import safetensors_file  # noqa: E402
import tokenizer_file  # noqa: E402

ASSISTANT, TOLD, END = "<|assistant|>", "<|told|>", "<|end|>"

# The generation prompt says whether the last message is a person's or a tool's, so that the script can go on.
TEMPLATE = ("{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}"
            "{% for m in messages %}{{ m.role }}:{{ m.content }}"
            "{% for call in m.tool_calls %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}{{ '\\n' }}{% endfor %}"
            f"{{{{ '{TOLD}' if messages[-1].role == 'tool' else '{ASSISTANT}' }}}}")


def write(folder, script, template=TEMPLATE, markers_are_control=True):
    """`script`: what follows the generation prompts, as {ASSISTANT: [texts], TOLD: [texts]}; no text may stand twice.

    A text has one follower, so it may stand once: several calls of one answer need the markers within longer texts.
    """
    root = tokenizer_file.byte_level()
    pieces = list(root["model"]["vocab"])
    texts = [ASSISTANT, TOLD, END]
    after = {}
    for start, said in script.items():
        for left, right in zip([start, *said], [*said, END]):
            assert after.setdefault(left, right) == right, f"{left!r} is followed by two texts"
        texts += [t for t in said if t not in texts]
    special = {ASSISTANT, TOLD, END} | ({"<tool_call>", "</tool_call>"} if markers_are_control else set())
    ids = {t: len(pieces) + i for i, t in enumerate(texts)}
    root["added_tokens"] = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                             "special": t in special} for t, i in ids.items()]
    root["post_processor"] = None
    vocabulary = len(pieces) + len(texts)
    # A direction for each text, one for all bytes.
    width = -(-(len(texts) + 1) // 32) * 32
    embedding = [[0.0] * width for _ in range(vocabulary)]
    output = [[0.0] * width for _ in range(vocabulary)]
    for row in range(len(pieces)):
        embedding[row][len(texts)] = 1.0
    for i, text in enumerate(texts):
        embedding[ids[text]][i] = 1.0
        output[ids[after.get(text, END)]][i] = 10.0
    output[ids[END]][len(texts)] = 10.0
    zeros = lambda rows, columns: [[0.0] * columns for _ in range(rows)]
    ones = [[1.0] * width]
    tensors = {"model.embed_tokens.weight": embedding, "lm_head.weight": output, "model.norm.weight": ones,
               "model.layers.0.input_layernorm.weight": ones, "model.layers.0.post_attention_layernorm.weight": ones}
    for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
        tensors[f"model.layers.0.self_attn.{name}.weight"] = zeros(width, width)
    for name in ("gate_proj", "up_proj", "down_proj"):
        tensors[f"model.layers.0.mlp.{name}.weight"] = zeros(width, width)
    header, data = {}, b""
    for name, rows in tensors.items():
        values = [v for row in rows for v in row]
        shape = [width] if name.endswith("norm.weight") else [len(rows), width]
        header[name] = safetensors_file.entry("F32", shape, len(data), len(data) + 4 * len(values))
        data += struct.pack(f"<{len(values)}f", *values)
    config = dict(safetensors_file.CONFIG, vocab_size=vocabulary, hidden_size=width, intermediate_size=width, num_attention_heads=1,
                  num_key_value_heads=1, tie_word_embeddings=False, max_position_embeddings=4096, eos_token_id=ids[END])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(safetensors_file.file(header, data))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(root))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": END, "chat_template": template}))
    return folder
