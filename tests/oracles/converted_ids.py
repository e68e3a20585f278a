"""Ids of a GGUF file that mote converted: mote's, llama.cpp's, and those of the original program for the folder it came from."""

import tiny_tokenizers
import tokenizer_texts


def texts_for(kind):
    """STRINGS generated texts, without those of which llama.cpp makes other ids by its design."""
    found = [t for t in tokenizer_texts.generated(4 * tiny_tokenizers.STRINGS, seed=5) if not kind.apart(t)]
    assert len(found) >= tiny_tokenizers.STRINGS, kind.name
    return found[: tiny_tokenizers.STRINGS]


def _equally_good(kind, folder, one, other):
    """Whether two segmentations of a unigram vocabulary have the same score but for rounding: sentencepiece adds in single
    precision from the front, so that a tie may fall either way. A sum of n numbers is off by at most n steps of 2^-24."""
    if kind.model != "t5":
        return False
    a, b = (tiny_tokenizers.total_score(folder, ids) for ids in (one, other))
    return abs(a - b) <= len(one) * 2.0**-24 * abs(a)


def compare(check, label, kind, folder, file, probe, llama_cpp):
    """check(whether it is good, what it is), called three times."""
    import gguf

    fields = gguf.GGUFReader(str(file)).fields
    named = [fields[f"tokenizer.ggml.{key}"].contents() for key in ("model", "pre")]
    check(named == [kind.model, kind.pre], f"{label}: the tokenizer {kind.name} is written as {' '.join(named)}")
    texts = texts_for(kind)
    vocabulary = llama_cpp.load(file)
    differ, differ_from_original, alike = [], [], 0
    for special in (False, True):
        theirs = [vocabulary.encode(t, parse_special=special, add_special=special) for t in texts]
        ours = probe.encode(file, texts, *(["--parse-special", "--add-special"] if special else []))
        differ += [(t, a, b) for t, a, (b, _) in zip(texts, theirs, ours) if a != b]
        original = tiny_tokenizers.original_ids(folder, texts, special)
        for text, a, b in zip(texts, theirs, original or []):
            alike += a == b
            if a != b and not kind.apart_from_original(text) and not _equally_good(kind, folder, a, b):
                differ_from_original.append((text, a, b))
    vocabulary.close()
    first = lambda found: f": {found[0]}" if found else ""
    check(not differ, f"{label}: ids of {len(texts)} strings differ from llama.cpp's for {len(differ)}{first(differ)}")
    check(alike >= len(texts) // 2 and not differ_from_original,
          f"{label}: llama.cpp's differ from the original program's for {len(differ_from_original)}, "
          f"equal for {alike}{first(differ_from_original)}")
