"""Conversations as text and as token ids, and which of them the assistant has to produce."""
import json
import pathlib
import random
import re

import jinja2
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
SPACE = "\u0120"  # as the byte-level alphabet writes it
COPIED = re.compile(r"[A-Za-z]{4,}")
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tools>", "</tools>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")


def template(path=HERE / "chat_template.jinja"):
    """The chat template, with the settings that Hugging Face gives Jinja."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(path.read_text())


def text_of(made, conversation, prompt=False):
    return made.render(messages=conversation["messages"], tools=conversation["tools"], add_generation_prompt=prompt)


def copied_words(conversation):
    """Words that calls are made of: names of tools and arguments, enumerated values, values of arguments."""
    found = []

    def walk(value):
        if isinstance(value, str):
            found.extend(COPIED.findall(value))
        elif isinstance(value, dict):
            for name, v in value.items():
                walk(name)
                walk(v)
        elif isinstance(value, list):
            for v in value:
                walk(v)

    for tool in conversation["tools"]:
        function = tool["function"]
        walk([function["name"], {n: [p.get("enum", []), list(p.get("properties", {}))] for n, p in function["parameters"]["properties"].items()}])
    for message in conversation["messages"]:
        walk([call["function"] for call in message.get("tool_calls", ())])
    return sorted(set(found) - {"name", "arguments"})


class Encoder:
    """With a share of `splits`, words that calls are made of are cut in two at a place that holds for the whole conversation.

    The tokenizer knows the words of training as single tokens. An unseen word comes in pieces, and pieces that were never copied
    come out as others; so every conversation teaches to copy some words piece by piece (Provilkov et al. 2020, arXiv:1910.13267,
    drop merges for the same reason).
    """

    def __init__(self, tokenizer, splits=0.0):
        self.tokenizer, self.template, self.splits = tokenizer, template(), splits
        self.special = re.compile("(" + "|".join(map(re.escape, SPECIAL)) + ")")
        self.start, self.end = tokenizer.token_to_id("<|im_start|>"), tokenizer.token_to_id("<|im_end|>")
        self.assistant = np.array([self.start, *tokenizer.encode("assistant\n").ids])

    def cuts(self, conversation, seed):
        """{word: where it is cut}"""
        rng = random.Random(f"{seed} cuts")
        return {w: rng.randrange(1, len(w)) for w in copied_words(conversation) if rng.random() < self.splits}

    def ids(self, text, cuts):
        if not cuts:
            return self.tokenizer.encode(text).ids
        out = []
        for part in self.special.split(text):
            if part in SPECIAL:
                out.append(self.tokenizer.token_to_id(part))
                continue
            for piece, _ in self.tokenizer.pre_tokenizer.pre_tokenize_str(part):
                word = piece.lstrip(SPACE)
                cut = len(piece) - len(word) + cuts[word] if word in cuts else len(piece)
                for some in (piece[:cut], piece[cut:]):
                    out += [token.id for token in self.tokenizer.model.tokenize(some)] if some else []
        return out

    def encode(self, conversation, seed=""):
        """(ids, mask): mask is 1 where the assistant's words are, their end of turn among them."""
        ids = np.array(self.ids(text_of(self.template, conversation), self.cuts(conversation, seed)), np.uint16)
        mask = np.zeros(len(ids), np.uint8)
        for at in np.flatnonzero(ids == self.start):
            begin = at + len(self.assistant)
            if np.array_equal(ids[at:begin], self.assistant):
                end = begin + np.flatnonzero(ids[begin:] == self.end)[0] + 1
                mask[begin:end] = 1
        return ids, mask

    def prompt(self, conversation):
        return self.tokenizer.encode(text_of(self.template, conversation, prompt=True)).ids
