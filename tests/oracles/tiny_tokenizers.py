"""Small tokenizers of the kinds that llama.cpp knows by name, for the folders of the random models.

Each is trained here on a licence text and generated strings, so that it needs no data, has fewer tokens than the models
have rows, and begins with <pad> <s> </s>, which are the ids that the models' configurations name.
"""

import dataclasses
import functools
import io
import json
import pathlib

import tokenizer_texts
from tokenizer_rules import (
    any_of, bert, has_mark, has_spacing_accent, has_spacing_control, is_after_unicode_8, is_not_nfc, never,
    not_ascii,
)  # fmt: skip

ROWS = 1000  # of the models' embeddings
TOKENS = 940  # of most vocabularies: what the models have beyond them must be filled up
STRINGS = 1000
MARK = "\u2581"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
WORDS = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
MARKED_WORDS = (
    CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BEFORE = r"[^\r\n\p{L}\p{N}]?"


def camel(after, digits):
    """Words that end where lower case turns into upper case."""
    return rf"{BEFORE}{UPPER}*{LOWER}+{after}|{BEFORE}{UPPER}+{LOWER}*{after}|\p{{N}}{digits}|{REST}"


DEEPSEEK_V3 = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
    r"""|\s*[\r\n]+|\s+(?!\S)|\s+"""
)
SEED_CODER = (
    CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"


@dataclasses.dataclass
class Kind:
    """A tokenizer and what GGUF calls it. Two rules name the texts for which ids differ by llama.cpp's design: from mote's
    of the same file, and (besides those) from the original program's of the folder."""

    name: str
    model: str
    pre: str
    write: object  # called with a folder
    apart: object = never
    apart_from_original: object = never
    has_bos: bool = False


def _licence():
    return (pathlib.Path(__file__).resolve().parents[2] / "LICENSE").read_text(encoding="utf-8")


@functools.cache
def _lines():
    text = _licence().split("\n") + tokenizer_texts.generated(3000, seed=11)
    return [line for line in text if line.strip() and "\x00" not in line]


@functools.cache
def _latin_lines():
    """With so few rare characters that sentencepiece, which wants 98 of 100 as tokens, stays below TOKENS."""
    return 20 * [line for line in _licence().split("\n") if line.strip()] + _lines()[-150:]


SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]


def _finish(tok, folder, **config):
    from tokenizers import AddedToken

    tok.add_special_tokens(["<|im_end|>"])
    tok.add_tokens([AddedToken("<tool_call>", normalized=False)])
    tok.save(str(folder / "tokenizer.json"))
    config = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", **config}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _bytes(folder, steps, bos=False, nfc=False, ignore_merges=False, regex=False):
    """Byte-level BPE behind patterns or other splitters."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    level = pre_tokenizers.ByteLevel
    tok = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if nfc:
        tok.normalizer = normalizers.NFC()
    splitters = [pre_tokenizers.Split(Regex(s), "isolated") if isinstance(s, str) else s for s in steps]
    tok.pre_tokenizer = pre_tokenizers.Sequence([*splitters, level(add_prefix_space=False, use_regex=regex)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(_lines(), trainers.BpeTrainer(
        vocab_size=TOKENS, initial_alphabet=level.alphabet(), special_tokens=SPECIAL, show_progress=False))  # fmt: skip
    if bos:
        tok.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", tok.token_to_id("<s>"))])  # fmt: skip
    _finish(tok, folder)


def _processor(folder):
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


def _sentencepiece(folder, **options):
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_latin_lines()), model_writer=model, vocab_size=TOKENS, num_threads=1, character_coverage=0.98,
        minloglevel=2, hard_vocab_limit=False, pad_id=0, bos_id=1, eos_id=2, unk_id=3, **options)  # fmt: skip
    (folder / "tokenizer.model").write_bytes(model.getvalue())


def _scored(folder):
    _sentencepiece(folder, model_type="bpe", normalization_rule_name="identity", byte_fallback=True,
                   remove_extra_whitespaces=False)  # fmt: skip


def _unigram(folder):
    _sentencepiece(folder, model_type="unigram", normalization_rule_name="nmt_nfkc")


def _scored_json(folder, prefix):
    """The same as Hugging Face writes it: a merge for every way in which two tokens make a third."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    _scored(folder)
    sp = _processor(folder)
    (folder / "tokenizer.model").unlink()
    vocab = {sp.id_to_piece(i): i for i in range(sp.get_piece_size())}
    pairs = []
    for piece, index in vocab.items():
        if not sp.is_byte(index) and not sp.is_control(index) and not sp.is_unknown(index):
            cuts = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
            pairs += [(-sp.get_score(index), index, vocab[a], vocab[b], a, b) for a, b in cuts if a in vocab and b in vocab]
    tok = Tokenizer(models.BPE(vocab=vocab, merges=[(a, b) for *_, a, b in sorted(pairs)], unk_token="<unk>",
                               fuse_unk=True, byte_fallback=True))  # fmt: skip
    marks = normalizers.Replace(" ", MARK)
    tok.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), marks]) if prefix else marks
    if not prefix:  # of no effect behind the normalizer, but Gemma has it
        tok.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    strip = [decoders.Strip(" ", 1, 0)] if prefix else []
    tok.decoder = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(), *strip])
    tok.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", vocab["<s>"])])  # fmt: skip
    tok.add_special_tokens(SPECIAL)
    _finish(tok, folder)


def _wordpiece(folder, lowercase):
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tok.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece()
    lines = [line.replace(MARK, " ") for line in _lines()]  # GGUF's spelling has no token with the mark itself
    tok.train_from_iterator(lines, trainers.WordPieceTrainer(
        vocab_size=TOKENS, special_tokens=special, limit_alphabet=300, show_progress=False))  # fmt: skip
    tok.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])  # fmt: skip
    tok.save(str(folder / "tokenizer.json"))
    config = dict(cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]",
                  do_lower_case=lowercase)  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def kinds():
    from tokenizers import pre_tokenizers

    digits = pre_tokenizers.Digits(individual_digits=True)
    byte_kinds = [
        ("gpt-2", dict(steps=[], regex=True), {}),
        ("smollm", dict(steps=[digits], regex=True), {}),
        ("llama-bpe", dict(steps=[WORDS % "{1,3}"], bos=True, ignore_merges=True), {}),
        ("dbrx", dict(steps=[WORDS % "{1,3}"]), {}),
        ("qwen2", dict(steps=[WORDS % ""], nfc=True), dict(apart_from_original=is_not_nfc)),
        ("qwen35", dict(steps=[MARKED_WORDS], nfc=True), dict(apart_from_original=is_not_nfc)),
        # llama.cpp takes every letter beyond ASCII for one of both cases, and marks for no letters.
        ("gpt-4o", dict(steps=[camel(CONTRACTIONS + "?", "{1,3}")]), dict(apart=not_ascii("LM"))),
        ("tekken", dict(steps=[camel("", "")], bos=True, ignore_merges=True), dict(apart=not_ascii("LM"))),
        ("deepseek-v3", dict(steps=[r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", DEEPSEEK_V3]), {}),
        ("deepseek-coder", dict(steps=["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", digits]), {}),
        ("bloom", dict(steps=[BLOOM]), {}),
        ("seed-coder", dict(steps=[SEED_CODER]), {}),
    ]
    out = [Kind(pre, "gpt2", pre, functools.partial(_bytes, **how), has_bos=how.get("bos", False), **rules)
           for pre, how, rules in byte_kinds]  # fmt: skip
    out += [
        Kind("spm", "llama", "default", _scored, has_bos=True),
        Kind("spm-json", "llama", "default", functools.partial(_scored_json, prefix=True), has_bos=True),
        Kind("gemma", "llama", "default", functools.partial(_scored_json, prefix=False), has_bos=True),
        Kind("unigram", "t5", "default", _unigram),
        Kind("bert", "bert", "default", functools.partial(_wordpiece, lowercase=True),
             apart=bert,
             apart_from_original=any_of(is_after_unicode_8, has_mark, has_spacing_accent)),
        Kind("bert-cased", "bert", "default", functools.partial(_wordpiece, lowercase=False), apart=has_spacing_control,
             apart_from_original=any_of(is_after_unicode_8, has_mark)),
    ]
    return {kind.name: kind for kind in out}


def original_ids(folder, texts, special):
    """What Hugging Face or sentencepiece make of the texts with the folder's files; `special`: control tokens are parsed and
    put around the text."""
    if (folder / "tokenizer.json").exists():
        from tokenizers import Tokenizer

        tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tok.encode_special_tokens = not special
        return [e.ids for e in tok.encode_batch(texts, add_special_tokens=special)]
    if special:
        return None  # sentencepiece parses none
    return _processor(folder).encode(texts)


def total_score(folder, ids):
    """The sum that a unigram vocabulary makes as large as it can. Control and unknown tokens have a score of 0 there."""
    sp = _processor(folder)
    return sum(sp.get_score(i) for i in ids)
