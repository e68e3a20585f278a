"""Conversations as text and as token ids, and which of them the assistant has to produce."""
import json
import pathlib

import jinja2
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tools>", "</tools>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")


def template(path=HERE / "chat_template.jinja"):
    """The chat template, with the settings that Hugging Face gives Jinja."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(path.read_text())


def text_of(made, conversation, prompt=False):
    return made.render(messages=conversation["messages"], tools=conversation["tools"], add_generation_prompt=prompt)


class Encoder:
    def __init__(self, tokenizer):
        self.tokenizer, self.template = tokenizer, template()
        self.start, self.end = tokenizer.token_to_id("<|im_start|>"), tokenizer.token_to_id("<|im_end|>")
        self.assistant = np.array([self.start, *tokenizer.encode("assistant\n").ids])

    def encode(self, conversation):
        """(ids, mask): mask is 1 where the assistant's words are, their end of turn among them."""
        ids = np.array(self.tokenizer.encode(text_of(self.template, conversation)).ids, np.uint16)
        mask = np.zeros(len(ids), np.uint8)
        for at in np.flatnonzero(ids == self.start):
            begin = at + len(self.assistant)
            if np.array_equal(ids[at:begin], self.assistant):
                end = begin + np.flatnonzero(ids[begin:] == self.end)[0] + 1
                mask[begin:end] = 1
        return ids, mask

    def prompt(self, conversation):
        return self.tokenizer.encode(text_of(self.template, conversation, prompt=True)).ids
