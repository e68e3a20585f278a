"""tokenizer.json of small vocabularies, as objects that a caller may damage before writing them."""
import gguf_file


def byte_level():
    letters = gguf_file.byte_letters()
    merges = ["h e", "l l", "\u0120 a", "he ll"]
    pieces = letters + ["".join(m.split(" ")) for m in merges]
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": 260, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True},
            {"id": 261, "content": "<tool>", "single_word": False, "lstrip": True, "rstrip": True, "normalized": True,
             "special": False}],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [260], "tokens": ["<|endoftext|>"]}}},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {p: i for i, p in enumerate(pieces)}, "merges": merges},
    }


def small_byte_level():
    """Only some letters, so that the file is short: for the fuzzer."""
    root = byte_level()
    pieces = ["h", "e", "l", "o", "a", "\u0120", "he", "ll", "\u0120a", "hell"]
    root["model"]["vocab"] = {p: i for i, p in enumerate(pieces)}
    for i, token in enumerate(root["added_tokens"]):
        token["id"] = len(pieces) + i
    root["post_processor"]["special_tokens"]["<|endoftext|>"]["ids"] = [len(pieces)]
    return root


def char_level():
    pieces = ["<unk>", "<s>", "</s>", "<0x41>", "<0x0A>", "\u2581", "a", "b", "\u2581a", "ab", "h", "e", "he"]
    return {
        "added_tokens": [{"id": i, "content": pieces[i], "special": True, "normalized": False} for i in range(3)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": None,
        "post_processor": None,
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
                  "vocab": {p: i for i, p in enumerate(pieces)}, "merges": ["\u2581 a", "a b", ["h", "e"]]},
    }


def split_level():
    root = small_byte_level()
    root["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}|[a-z]+"}, "behavior": "Isolated", "invert": False},
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}]}
    return root
