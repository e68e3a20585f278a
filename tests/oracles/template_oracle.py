"""Compares chat template rendering with Jinja2 as Hugging Face's apply_chat_template sets it up.

Every template of the shared data x conversations (system, tools, calls, results, empty and null content, typed
parts, reasoning, both generation prompts, enable_thinking), and a list of small snippets. Text must be equal byte
for byte; where Jinja2 raises, mote must fail, and the other way round.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

TIME = (2024, 7, 4, 5, 6, 7)


def skip(reason):
    print(f"template: skipped, {reason}")
    sys.exit(1 if os.environ.get("MOTE_REQUIRE_ORACLES") == "1" else 77)


try:
    import datetime

    import transformers.utils.chat_template_utils as hf
except ImportError as error:
    skip(f"needs the oracle environment ({error})")

from template_cases import CONVERSATIONS, SNIPPETS, TOOLS  # noqa: E402


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(*TIME)


hf.datetime = FixedTime


def expected(template, request):
    variables = {"bos_token": request["bos_token"], "eos_token": request["eos_token"], **request.get("extra", {})}
    try:
        texts, _ = hf.render_jinja_template(
            conversations=[request["messages"]],
            tools=request.get("tools"),
            chat_template=template,
            add_generation_prompt=request["add_generation_prompt"],
            **variables,
        )
        return texts[0], None
    except Exception as error:  # whatever a template makes Python raise
        return None, f"{type(error).__name__}: {error}"


def cases(shared):
    folder = pathlib.Path(shared) / "data"
    templates = sorted((folder / "chat-templates").glob("*.jinja"))
    templates += sorted((folder / "tokenizers").glob("*/chat_template.jinja"))
    if not templates:
        skip(f"no templates in {folder}")
    for path in templates:
        name = path.parent.name if path.name == "chat_template.jinja" else path.stem
        source = path.read_text(encoding="utf-8")
        for conversation, messages in CONVERSATIONS.items():
            for with_tools in (False, True):
                for prompt in (False, True):
                    for extra in ({}, {"enable_thinking": False}, {"enable_thinking": True}):
                        request = {"template": source, "messages": messages, "add_generation_prompt": prompt,
                                   "bos_token": "<s>", "eos_token": "</s>"}
                        if with_tools:
                            request["tools"] = TOOLS
                        if extra:
                            request["extra"] = extra
                        label = f"{name} / {conversation} / tools={with_tools} prompt={prompt} {extra}"
                        yield name, label, request
    for snippet in SNIPPETS:
        yield "snippets", repr(snippet), {
            "template": snippet, "messages": CONVERSATIONS["tool round"], "tools": TOOLS,
            "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>",
            "extra": {"data": SNIPPET_DATA}}


SNIPPET_DATA = {
    "name": "Ünïcode <b>", "empty": "", "none": None, "list": [3, 1, 2], "mixed": [1, "a", None, True, 2.5],
    "nested": {"b": {"c": [1, {"d": "x'y"}]}, "a": 1}, "words": ["Banana", "apple", "Cherry"],
    "people": [{"n": "Bo", "age": 30}, {"n": "al", "age": 25}, {"n": "Cy", "age": 30}],
    "text": "  some Text\twith\n lines \n", "quote": "it's \"q\"", "number": 1234567, "real": 0.1, "big": 1e22,
    "items": [1, 2], "keys": "shadow", "emoji": "a😀b",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--shared", required=True)
    parser.add_argument("--models")
    parser.add_argument("--only", default="", help="part of a template's name")
    parser.add_argument("--show", type=int, default=5, help="differences to show")
    options = parser.parse_args()

    wanted = [case for case in cases(options.shared) if options.only in case[0]]
    lines = "".join(json.dumps(request, ensure_ascii=False) + "\n" for _, _, request in wanted)
    answers = subprocess.run([options.probe], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout
    answers = [json.loads(line) for line in answers.split(b"\n") if line]
    if len(answers) != len(wanted):
        print(f"template: the probe answered {len(answers)} of {len(wanted)} requests")
        return 1
    wrong, equal, both_fail = {}, 0, 0
    for (name, label, request), answer in zip(wanted, answers):
        text, raised = expected(request["template"], request)
        got = "".join(piece for piece, _ in answer["pieces"]) if answer["ok"] else None
        if text is not None and " at 0x" in text:  # Python shows where an object lies: nothing to compare
            continue
        if text == got:
            equal += text is not None
            both_fail += text is None
            continue
        wrong.setdefault(name, []).append(label)
        if sum(map(len, wrong.values())) <= options.show:
            print(f"--- {label}\n  jinja2: {raised or repr(text)}\n  mote:   {answer.get('message') or repr(got)}")
    for name, labels in sorted(wrong.items()):
        print(f"{name}: {len(labels)} differ")
    names = {name for name, _, _ in wanted} - {"snippets"}
    print(f"template: {len(names)} templates, {len(names - set(wrong))} without difference; {len(wanted)} renders, "
          f"{equal} equal, {both_fail} refused by both, {sum(map(len, wrong.values()))} different")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
