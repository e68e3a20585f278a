"""Small vocabularies of every kind, trained here from the shared texts: what mote is compared on where no public
vocabulary is at hand. Training is deterministic (Hugging Face's and sentencepiece's trainers, one thread)."""

import io
import pathlib

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

MARK = "\u2581"
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SEED_CODER = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
)
OWN_SYMBOLS = ["<tool>", "Hello World", "\u00e9\u00e9", "  "]
OWN = r"[A-Za-z]{1,4}|\p{Nd}{2}|[^A-Za-z]"  # of no model


def training_text(shared, limit=1_500_000):
    data = pathlib.Path(shared) / "data"
    parts = [(data / "wikitext-2" / "wiki.test.raw").read_text()[:400_000]]
    for path in sorted((data / "text-calibration").glob("*")):
        parts.append(path.read_bytes().decode("utf-8")[:250_000])
    return "".join(parts)[:limit].split("\n")


def sparse(lines):
    """Every fifth line: all scripts are in it, and Unigram's trainers, which take nearly all of the time, take a fifth."""
    return lines[::5]


def spm_models(lines, folder):
    """name and path of sentencepiece models: unigram and BPE, with its normalizers, byte fallback, own symbols."""
    plans = {
        "unigram": {"model_type": "unigram", "normalization_rule_name": "nmt_nfkc"},
        "unigram-cf": {"model_type": "unigram", "normalization_rule_name": "nfkc_cf", "byte_fallback": True},
        "unigram-raw": {"model_type": "unigram", "normalization_rule_name": "identity", "remove_extra_whitespaces": False,
                        "user_defined_symbols": OWN_SYMBOLS},
        "unigram-bare": {"model_type": "unigram", "normalization_rule_name": "nmt_nfkc", "add_dummy_prefix": False},
        "bpe-nfkc": {"model_type": "bpe", "normalization_rule_name": "nmt_nfkc", "byte_fallback": True},
    }  # fmt: skip
    text = [line for line in sparse(lines) if line.strip() and "\x00" not in line]
    for name, options in plans.items():
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text), model_writer=model, vocab_size=2000, num_threads=1,
            character_coverage=0.995, minloglevel=2, hard_vocab_limit=False, **options,
        )  # fmt: skip
        path = folder / f"{name}.model"
        path.write_bytes(model.getvalue())
        yield name, path


def charsmap(model):
    """The precompiled character map of a sentencepiece model: field 2 of field 3 of the protobuf."""

    def fields(data):
        at = 0
        while at < len(data):
            tag, at = varint(data, at)
            if tag & 7 == 2:
                size, at = varint(data, at)
                yield tag >> 3, data[at : at + size]
                at += size
            elif tag & 7 == 0:
                _, at = varint(data, at)
            else:
                at += 4 if tag & 7 == 5 else 8

    def varint(data, at):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at

    spec = next(value for number, value in fields(model.read_bytes()) if number == 3)
    return next(value for number, value in fields(spec) if number == 2)


def _save(tokenizer, folder, name):
    path = folder / name.replace(" ", "-")
    path.mkdir()
    tokenizer.save(str(path / "tokenizer.json"))
    return name, path / "tokenizer.json"


def wordpiece(lines, folder):
    """BERT's pipeline with its flags, and WordPiece behind other splitters."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    flags = {
        "wordpiece uncased": (normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()),
        "wordpiece cased": (normalizers.BertNormalizer(lowercase=False), pre_tokenizers.BertPreTokenizer()),
        "wordpiece bare": (
            normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=True),
            pre_tokenizers.WhitespaceSplit(),
        ),
        "wordpiece words": (
            normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]),
            pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]),
        ),
    }
    for name, (normalizer, splitter) in flags.items():
        tok = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20 if "words" in name else 100))
        tok.normalizer, tok.pre_tokenizer = normalizer, splitter
        tok.decoder = decoders.WordPiece(cleanup="cased" not in name or "uncased" in name)
        tok.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=3000, special_tokens=special, show_progress=False))
        tok.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", tok.token_to_id("[CLS]")), ("[SEP]", tok.token_to_id("[SEP]"))],
        )  # fmt: skip
        yield _save(tok, folder, name)


def unigram(lines, folder, map_bytes):
    """T5's and XLM-R's pipelines, and others around Unigram."""
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    two_spaces = normalizers.Replace(Regex(" {2,}"), " ")
    plans = {
        "unigram t5": (normalizers.Precompiled(map_bytes), pre_tokenizers.Metaspace()),
        "unigram xlm": (
            normalizers.Sequence([normalizers.Precompiled(map_bytes), two_spaces]),
            pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
        ),
        "unigram nfkc": (
            normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(left=False, right=True), normalizers.Replace("\n", " ")]),
            pre_tokenizers.Sequence([pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.Digits(individual_digits=True)]),
        ),
        "unigram bare": (None, pre_tokenizers.Metaspace(prepend_scheme="never", split=False)),
    }
    for name, (normalizer, splitter) in plans.items():
        tok = Tokenizer(models.Unigram())
        if normalizer is not None:
            tok.normalizer = normalizer
        tok.pre_tokenizer = splitter
        scheme = "never" if "bare" in name else "first" if "nfkc" in name else "always"
        tok.decoder = decoders.Metaspace(prepend_scheme=scheme)
        tok.train_from_iterator(sparse(lines), trainers.UnigramTrainer(vocab_size=2500, special_tokens=special, unk_token="<unk>", show_progress=False))
        yield _save(tok, folder, name)


def bpe(lines, folder):
    """Byte-level BPE behind each splitter, and character BPE behind each other pre-tokenizer and normalizer."""
    level = pre_tokenizers.ByteLevel
    own = lambda behavior, invert=False: pre_tokenizers.Split(Regex(r"[aeiou]+\s?"), behavior, invert)
    splitters = {
        "tekken": pre_tokenizers.Split(Regex(TEKKEN), "isolated"),
        "seed coder": pre_tokenizers.Split(Regex(SEED_CODER), "isolated"),
        "own pattern": pre_tokenizers.Split(Regex(OWN), "isolated"),
        "vowels previous": own("merged_with_previous"),
        "vowels next": own("merged_with_next"),
        "vowels contiguous": own("contiguous"),
        "vowels removed": own("removed"),
        "vowels kept": own("removed", True),
        "commas": pre_tokenizers.Split(",", "merged_with_next"),
    }
    for name, splitter in splitters.items():
        tok = Tokenizer(models.BPE())
        tok.pre_tokenizer = pre_tokenizers.Sequence([splitter, level(add_prefix_space=False, use_regex=False)])
        tok.decoder = decoders.ByteLevel()
        tok.train_from_iterator(lines[:4000], trainers.BpeTrainer(vocab_size=1200, initial_alphabet=level.alphabet(), show_progress=False))
        yield _save(tok, folder, "bytes " + name)
    falcon = Tokenizer(models.BPE())
    falcon.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), level(add_prefix_space=False, use_regex=True),
        pre_tokenizers.Digits(), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])  # fmt: skip
    falcon.decoder = decoders.ByteLevel()
    falcon.post_processor = processors.ByteLevel(trim_offsets=True)
    falcon.train_from_iterator(lines[:4000], trainers.BpeTrainer(vocab_size=1200, initial_alphabet=level.alphabet(), show_progress=False))
    yield _save(falcon, folder, "bytes falcon")
    roberta = Tokenizer(models.BPE())
    roberta.pre_tokenizer = level(add_prefix_space=True)
    roberta.decoder = decoders.ByteLevel()
    roberta.train_from_iterator(lines[:4000], trainers.BpeTrainer(
        vocab_size=1200, initial_alphabet=level.alphabet(), special_tokens=["<s>", "</s>"], show_progress=False))  # fmt: skip
    roberta.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    roberta.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=True, add_prefix_space=True)
    yield _save(roberta, folder, "bytes roberta")

    normals = {
        "nfd": normalizers.NFD(), "nfkd": normalizers.NFKD(), "nfc": normalizers.NFC(), "nfkc": normalizers.NFKC(),
        "lowercase": normalizers.Lowercase(), "accents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
        "strip": normalizers.Strip(), "prepend": normalizers.Prepend("<>"),
        "replace": normalizers.Sequence([normalizers.Replace("e", "\u00e9\u00e8"), normalizers.Replace(Regex(r"\s+"), "_")]),
    }  # fmt: skip
    for name, normalizer in normals.items():
        tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=name in ("nfc", "strip")))
        tok.normalizer = normalizer
        tok.pre_tokenizer = {"nfc": pre_tokenizers.Whitespace(), "strip": pre_tokenizers.WhitespaceSplit(),
                             "lowercase": pre_tokenizers.Punctuation("merged_with_previous"),
                             "nfkc": pre_tokenizers.CharDelimiterSplit("a")}.get(name, pre_tokenizers.Metaspace())  # fmt: skip
        # Fuse alone would leave the marks of Metaspace in the text, which mote takes for spaces.
        tok.decoder = decoders.Fuse() if name in ("nfc", "strip", "lowercase", "nfkc") else decoders.Metaspace()
        tok.train_from_iterator(lines[:4000], trainers.BpeTrainer(vocab_size=1500, special_tokens=["<unk>"], show_progress=False))
        yield _save(tok, folder, "characters " + name)
