"""`mote render` on SmolLM2's own folder (tokenizer and chat template) against Jinja2 as Hugging Face sets it up.

The template oracle looks at the interpreter alone; here the whole command runs: files, options, the tokenizer's bos and
eos, standard output and JSON.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile


def skip(reason):
    print(f"render: skipped, {reason}")
    sys.exit(1 if os.environ.get("MOTE_REQUIRE_ORACLES") == "1" else 77)


try:
    import transformers.utils.chat_template_utils as hf
except ImportError as error:
    skip(f"needs the oracle environment ({error})")

from template_cases import CONVERSATIONS, TOOLS  # noqa: E402


def expected(template, messages, tools, prompt, config):
    special = {name: config[name] if isinstance(config[name], str) else config[name]["content"] for name in ("bos_token", "eos_token")}
    try:
        return hf.render_jinja_template(conversations=[messages], tools=tools, chat_template=template,
                                        add_generation_prompt=prompt, **special)[0][0]
    except Exception:  # whatever a template makes Python raise
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mote", required=True)
    parser.add_argument("--shared", required=True)
    parser.add_argument("--models")
    options = parser.parse_args()
    folder = pathlib.Path(options.shared) / "data/tokenizers/smollm2-135m-instruct"
    if not (folder / "tokenizer_config.json").exists():
        skip(f"no tokenizer in {folder}")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    beside = folder / "chat_template.jinja"
    template = beside.read_text() if beside.exists() else config["chat_template"]
    conversations = {**CONVERSATIONS, "system and user": [{"role": "system", "content": "You are terse."},
                                                          {"role": "user", "content": "Grüße <|im_end|> \U0001F600"}]}
    wrong = rendered = 0
    with tempfile.TemporaryDirectory() as held:
        messages_file, tools_file = pathlib.Path(held) / "m.json", pathlib.Path(held) / "t.json"
        tools_file.write_text(json.dumps(TOOLS))
        for name, messages in conversations.items():
            messages_file.write_text(json.dumps(messages))
            for tools in (None, TOOLS):
                for prompt in (True, False):
                    arguments = [options.mote, "render", folder, "--messages", messages_file]
                    arguments += ["--tools", tools_file] if tools else []
                    arguments += [] if prompt else ["--no-generation-prompt"]
                    plain = subprocess.run(arguments, capture_output=True)
                    as_json = subprocess.run([*arguments, "--json"], capture_output=True)
                    want = expected(template, messages, tools, prompt, config)
                    got = plain.stdout.decode() if plain.returncode == 0 else None
                    in_json = json.loads(as_json.stdout).get("text")
                    rendered += want is not None
                    if got == want and in_json == want:
                        continue
                    wrong += 1
                    print(f"--- {name}, tools {bool(tools)}, prompt {prompt}\n  jinja2: {want!r}\n  mote:   {got!r}\n"
                          f"  json:   {in_json!r}\n  {plain.stderr.decode()}")
    print(f"render: {len(conversations)} conversations, {rendered} texts, {wrong} different")
    return 1 if wrong or rendered < 4 else 0


if __name__ == "__main__":
    sys.exit(main())
