"""Texts for which llama.cpp, or a GGUF file, gives other ids by design: each rule names them exactly."""

import unicodedata

import tokenizer_kinds

MARK = "\u2581"


def not_ascii(categories):
    """Whether a text has a character beyond ASCII of these categories, given by their first letters."""
    return lambda text: any(ord(c) > 127 and unicodedata.category(c)[0] in categories for c in text)


def is_not_nfc(text):
    """GGUF has no key for NFC, and llama.cpp does not do it."""
    return unicodedata.normalize("NFC", text) != text


def is_after_unicode_8(text):
    """Assigned after the tables of Hugging Face's crate, see tokenizer_kinds.py."""
    return not tokenizer_kinds.is_of_unicode_8(text)


def has_spacing_control(text):
    """Line tabulation, form feed and next line: white space to llama.cpp, controls that are dropped to BERT and mote."""
    return any(c in text for c in "\x0b\x0c\x85")


def decomposes_into_letters(text):
    """llama.cpp keeps the first character of a decomposition, as if the others were marks; in Hangul they are letters."""
    return any(unicodedata.category(part)[0] != "M" for c in text for part in unicodedata.normalize("NFD", c)[1:])


def has_spacing_accent(text):
    """llama.cpp strips marks of every kind, BERT those that take no space."""
    return any(unicodedata.category(c) in ("Mc", "Me") for c in text)


def has_mark(text):
    """What GGUF puts before tokens that begin a word can be matched where a text has it."""
    return MARK in text


def has_wide_space(text):
    """After Phi-3's special tokens llama.cpp strips ASCII white space only, and for DeepSeek's patterns it reads wide spaces
    as U+000B."""
    return any(c.isspace() and ord(c) > 127 for c in text)


def cut_by(symbols):
    """A unigram text is copied as it is where it begins as a user-defined token does, for as many bytes as are the same.
    Where that ends within a character, the rest of its bytes is no character any more."""
    spelled = [s.encode("utf-8") for s in symbols]

    def common(a, b):
        return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))

    def rule(text):
        raw, at = text.encode("utf-8"), 0
        while at < len(raw):
            same = max((common(raw[at : at + len(s)], s) for s in spelled), default=0)
            end = at + same
            if same and end < len(raw) and raw[end] & 0xC0 == 0x80:
                return True
            at = max(end, at + 1)
            while at < len(raw) and raw[at] & 0xC0 == 0x80:
                at += 1
        return False

    return rule


def any_of(*rules):
    return lambda text: any(rule(text) for rule in rules)


def never(_):
    return False


# All that WordPiece files differ by.
bert = any_of(has_spacing_control, decomposes_into_letters)
