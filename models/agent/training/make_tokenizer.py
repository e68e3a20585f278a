"""A byte-level BPE tokenizer for the agent, trained on its conversations.

Values are copied: from " kitchen" in a sentence to "kitchen" in quotes. A vocabulary that merges the space with the word behind
it writes the two with different tokens, and a small model would have to learn each such pair. So the merges are trained with the
space before a word cut off; only words that seldom begin a value or a name (the, please, should ...) get a token with
their space, at the end of the merges. The tokenizer itself splits as SmolLM's does (digits one by one, then GPT-2's pattern), which
engines know by name, because a merge that is not in the list cannot happen.
"""
import collections
import json
import re

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import conversations as data
from rendering import SPECIAL, template, text_of

WORD = re.compile(r"[A-Za-z]+")


def splitter(isolate_spaces):
    digits, level = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    spaces = [pre_tokenizers.Split(Regex(r" (?=\p{L})"), "isolated")] if isolate_spaces else []
    return pre_tokenizers.Sequence([digits, *spaces, level])


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from strings(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)


def first_words(conversation):
    """First words of values, all words of the names of tools and of arguments: where a copy has no space before it."""
    for tool in conversation["tools"]:
        function = tool["function"]
        yield from WORD.findall(re.sub(r"([A-Z])", r" \1", function["name"]))
        for name, schema in function["parameters"]["properties"].items():
            yield from WORD.findall(re.sub(r"([A-Z])", r" \1", name))
            for value in (*schema.get("enum", ()), *schema.get("properties", ())):
                yield from WORD.findall(value)
    for message in conversation["messages"]:
        found = [call["function"]["arguments"] for call in message.get("tool_calls", ())]
        for value in strings(found + ([json.loads(message["content"])] if message["role"] == "tool" else [])):
            yield from WORD.findall(value)[:1]


def build(conversations, size, joined=300, isolate_spaces=True):
    made = template()
    texts = [text_of(made, c) for c in conversations]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitter(isolate_spaces)
    special = [AddedToken(t, special=True, normalized=False) for t in SPECIAL]
    joined = joined if isolate_spaces else 0
    trainer = trainers.BpeTrainer(vocab_size=size - joined, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    state = json.loads(tokenizer.to_str())
    vocabulary, merges = state["model"]["vocab"], [tuple(m) for m in state["model"]["merges"]]
    if isolate_spaces:
        copied = collections.Counter(w.lower() for c in conversations for w in first_words(c))
        counts = collections.Counter(w for t in texts for w in re.findall(r"(?<= )[A-Za-z]+(?![A-Za-z])", t))
        for word, count in counts.most_common():
            if len(vocabulary) >= size:
                break
            if word.islower() and copied[word] < 0.15 * count and word in vocabulary:
                vocabulary["\u0120" + word] = len(vocabulary)
                merges.append(("\u0120", word))
    state["model"]["merges"] = [list(m) for m in merges]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.pre_tokenizer = splitter(False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def of_recipe(all_tools, recipe):
    """The recipe's tokenizer, from the first conversations of the training data."""
    t, seed = recipe["tokenizer"], recipe["data"]["seed"]
    return build([data.training(all_tools, seed, i) for i in range(t["conversations"])], t["size"], t["joined"], t["isolate_spaces"])
