"""A Hugging Face folder of a few hundred weights with a tokenizer of a few letters: "h", "e", "l", "o", "a", space."""
import json
import sys

from cli import ROOT

sys.path.insert(0, str(ROOT / "tests/fuzz"))
import safetensors_file  # noqa: E402
import tokenizer_file  # noqa: E402


def write(folder, tokenizer=None, config=None):
    """`tokenizer` as an object, a byte-level BPE where absent; `config` goes into tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    header, data = safetensors_file.tensors()
    (folder / "model.safetensors").write_bytes(safetensors_file.file(header, data))
    (folder / "config.json").write_text(json.dumps(safetensors_file.CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer or tokenizer_file.small_byte_level()))
    (folder / "tokenizer_config.json").write_text(json.dumps(config or {}))
    return folder


def with_unknown_splitter():
    """A tokenizer whose pattern no public model has, and that pattern."""
    tokenizer = tokenizer_file.split_level()
    return tokenizer, tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
