"""Wrong usage is status 2 with a name, a reason and a next step; broken input has the status of its kind."""
import json
import pickle
import re
import unittest
import zipfile

import tiny_folder
from cli import STORIES, ROOT, CliTest, run


class Usage(CliTest):
    def test_nothing_prints_the_overview_and_is_a_usage_error(self):
        status, out, err = run()
        self.assertEqual((status, out), (2, ""))
        self.assertIn("Usage: mote COMMAND", err)

    def test_unknown_command_suggests_the_nearest(self):
        self.assertIn("did you mean quantize?", self.fails(2, "USAGE_COMMAND", "quantise"))

    def test_later_commands_are_refused_by_name(self):
        for name in ("schema", "eval", "agent", "serve", "plan", "export", "train", "bundle"):
            self.assertIn(f"mote {name}", self.fails(2, "USAGE_NOT_YET", name))

    def test_unknown_option_suggests_the_nearest(self):
        self.assertIn("did you mean --threads", self.fails(2, "USAGE_OPTION", "doctor", "--thread", "1"))
        self.assertIn("--protocol", self.fails(2, "USAGE_OPTION", "perplexity", "--protocl=hf"))

    def test_unknown_global_option(self):
        self.assertIn("did you mean --version?", self.fails(2, "USAGE_OPTION", "--versoin"))

    def test_later_options_of_run_are_refused_by_name(self):
        for option in ("--schema", "--regex", "--grammar", "--lora"):
            self.assertIn(option, self.fails(2, "USAGE_NOT_YET", "run", "-p", "x", option, "f"))

    def test_methods_on_text_need_one(self):
        for method in ("awq", "feedback", "learned"):
            self.assertIn("--data", self.fails(2, "USAGE_MISSING", "quantize", "in", "-o", "out", "--type", "Q8_0", "--method", method))

    def test_a_type_or_a_size_is_needed_and_a_size_needs_a_text(self):
        quantize = ("quantize", STORIES, "-o", "out")
        self.assertIn("--size", self.fails(2, "USAGE_MISSING", *quantize))
        self.assertIn("--data", self.fails(2, "USAGE_MISSING", *quantize, "--size", "90M"))
        self.fails(2, "USAGE_VALUE", *quantize, "--data", "text", "--size", "90M", "--bpw", "4")
        for size in ("0", "-1", "x", "9P"):
            self.fails(2, "USAGE_VALUE", *quantize, "--data", "text", f"--size={size}")
        for bits in ("0", "-1", "nan", "33"):
            self.fails(2, "USAGE_VALUE", *quantize, "--data", "text", f"--bpw={bits}")

    def test_feedback_needs_a_text(self):
        self.assertIn("--data", self.fails(2, "USAGE_MISSING", "quantize", STORIES, "-o", "out", "--type", "Q8_0", "--method", "feedback"))
        self.fails(2, "USAGE_VALUE", "quantize", STORIES, "-o", "out", "--type", "Q8_0", "--data", "text", "--chunks", "0")

    def test_second_moments_need_memory_and_the_newer_form(self):
        text = self.write("t.txt", "Once upon a time. " * 100)
        calibrate = ("calibrate", STORIES, "--data", text, "--hessian", "-o")
        self.assertIn("--hessian", self.fails(2, "CALIBRATION_FORM", *calibrate, self.folder / "s.dat"))
        self.assertIn("--hessian", self.fails(4, "CALIBRATION_MEMORY", *calibrate, self.folder / "s.gguf", "--memory", "1M"))
        self.fails(2, "USAGE_VALUE", *calibrate, self.folder / "s.gguf", "--memory", "x")
        self.assertFalse((self.folder / "s.gguf").exists())

    def test_effort_chooses_the_method_and_goes_without_one(self):
        quantize = ("quantize", STORIES, "-o", "out", "--type", "Q8_0")
        self.assertIn("--method", self.fails(2, "USAGE_VALUE", *quantize, "--effort", "fast", "--method", "search"))
        self.assertIn("--data", self.fails(2, "USAGE_MISSING", *quantize, "--effort", "standard"))
        self.assertIn("--effort max", self.fails(2, "USAGE_MISSING", *quantize, "--effort", "max"))
        self.assertIn("standard", self.fails(2, "USAGE_VALUE", *quantize, "--effort", "slow"))

    def test_calibrate_needs_a_text_and_an_output(self):
        text = self.write("t.txt", "Once upon a time. " * 100)
        out = self.folder / "s.gguf"
        self.assertIn("--output", self.fails(2, "USAGE_MISSING", "calibrate", STORIES, "--data", text))
        self.assertIn("--data", self.fails(2, "CALIBRATION_EMPTY", "calibrate", STORIES, "-o", out))
        self.fails(2, "CALIBRATION_WINDOW", "calibrate", STORIES, "-o", out, "--data", text, "-c", "0")
        self.fails(2, "CALIBRATION_WINDOW", "calibrate", STORIES, "-o", out, "--data", text, "--chunks", "0")
        self.fails(2, "CALIBRATION_SHORT", "calibrate", STORIES, "-o", out, "--data", self.write("short.txt", "a dog"))
        self.fails(1, "INPUT_MISSING", "calibrate", STORIES, "-o", out, "--data", self.folder / "nowhere.txt")
        self.fails(5, "STATISTICS_FILE", "calibrate", STORIES, "-o", out, "--in-file", text)
        self.assertFalse(out.exists())

    def test_missing_values_and_arguments(self):
        self.fails(2, "USAGE_VALUE", "perplexity", "-f")
        self.assertIn("--file", self.fails(2, "USAGE_MISSING", "perplexity"))
        self.assertIn("--reference", self.fails(2, "USAGE_MISSING", "compare", "m", "-f", "t"))
        self.fails(2, "USAGE_MISSING", "quantize", STORIES, "--type", "Q8_0")

    def test_too_many_arguments(self):
        self.assertIn("'upon'", self.fails(2, "USAGE_VALUE", "inspect", "once", "upon"))
        self.fails(2, "USAGE_VALUE", "inspect", "--tensors=yes")

    def test_values_of_the_wrong_kind(self):
        self.assertIn("found 'many'", self.fails(2, "USAGE_VALUE", "run", "-p", "x", "-n", "many"))
        self.fails(2, "USAGE_VALUE", "run", "-p", "x", "-n", "0")
        self.fails(2, "USAGE_VALUE", "run", "-p", "x", "-c", "-5")
        self.fails(2, "USAGE_VALUE", "run", "-p", "x", "--temp", "hot")
        self.fails(2, "USAGE_VALUE", "run", "-p", "x", "-ctk", "q9")
        self.fails(2, "USAGE_VALUE", "logits", "-p", "x", "--activations", "f64")
        self.fails(2, "USAGE_VALUE", "bench", "-t", "1,,2")
        self.fails(2, "USAGE_VALUE", "perplexity", "-f", "x", "--protocol", "gptq")

    def test_sampler_ranges_name_the_option(self):
        self.fails(2, "SAMPLER_OPTION", "run", "-p", "x", "--temp", "-1")
        self.fails(2, "SAMPLER_OPTION", "run", "-p", "x", "--top-p", "1.5")

    def test_unknown_instruction_set_is_an_error(self):
        self.fails(2, "KERNEL_ISA", "doctor", environment={"MOTE_ISA": "sse9"})

    def test_spellings_of_llama_cpp_are_accepted(self):
        out = self.json("run", "-m", STORIES, "-p", "Once", "-n", "4", "-c", "64", "-t1", "-b", "32", "--temp", "0",
                        "--top-k", "5", "--top-p", "0.9", "--min-p", "0.1", "-s", "1", "--repeat-penalty", "1.1",
                        "-ctk", "f32", "-ctv", "f16")
        self.assertEqual(out["usage"]["completion_tokens"], 4)
        self.assertEqual(self.json("run", STORIES, "-p", "Once", "--n-predict=3", "--ctx-size=64", "--seed=1",
                                   "--temp=0")["usage"]["completion_tokens"], 3)

    def test_text_that_looks_like_an_option_is_text_after_its_flag(self):
        tokens = self.json("tokenize", "-p", "--json")["tokens"]
        self.assertGreater(len(tokens), 3)


class RefusingTemplate(CliTest):
    """A chat template that refuses the conversation by raise_exception: TPL_RAISED, exit 2, in its own words."""

    TEMPLATE = ("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system here: ' ~ m.content) }}"
                "{% endif %}{{ m.content }}{% endfor %}")

    def conversation(self, *roles):
        return self.write("m.json", json.dumps([{"role": role, "content": "hello"} for role in roles]))

    def test_render_with_a_template_from_a_file(self):
        template = self.write("t.jinja", self.TEMPLATE)
        err = self.fails(2, "TPL_RAISED", "render", STORIES, "--template", template, "--messages", self.conversation("system", "user"))
        self.assertIn("no system here: hello", err)
        self.assertEqual(self.good("render", STORIES, "--template", template, "--messages", self.conversation("user")), "hello")

    def test_the_template_of_a_model(self):
        model = tiny_folder.write(self.folder / "model", config={"chat_template": self.TEMPLATE})
        self.assertIn("no system here: hello",
                      self.fails(2, "TPL_RAISED", "render", model, "--messages", self.conversation("system", "user")))
        self.assertIn("no system here: hello",
                      self.fails(2, "TPL_RAISED", "run", model, "-p", "hello", "--system", "hello", "-n", "1", "-c", "32"))
        self.good("run", model, "-p", "hello", "-n", "1", "-c", "32")
        self.good("run", model, "-p", "hello", "--system", "hello", "--raw", "-n", "1", "-c", "32")

    def test_what_the_template_says_cannot_write_to_the_terminal(self):
        template = self.write("t.jinja", "{{ raise_exception('a\x1b[2Jb\n' ~ messages[0].content) }}")
        err = self.fails(2, "TPL_RAISED", "render", STORIES, "--template", template, "--messages", self.conversation("user"))
        self.assertNotIn("\x1b", err)
        self.assertIn("hello", err)


class Limits(CliTest):
    def test_the_document_and_the_program_agree(self):
        document = (ROOT / "docs/limits.md").read_text()
        rows = re.findall(r"^\| `([a-z0-9_.]+)` \| ([0-9,]+) \| (.+?) \| .+ \|$", document, re.MULTILINE)
        self.assertGreater(len(rows), 30)
        printed = re.findall(r"^([a-z0-9_]+\.[a-z0-9_]+) +([0-9,]+)  (.+?) *$", self.good("--limits"), re.MULTILINE)
        self.assertEqual(printed, rows)
        limits = json.loads(self.good("--limits", "--json"))["limits"]
        self.assertEqual(limits, {name: int(value.replace(",", "")) for name, value, _ in rows})

    def test_every_field_of_the_reader_limits_is_printed(self):
        """A new field of formats::Limits or TemplateLimits that nobody prints shows here."""
        shown = (ROOT / "apps/limits.cc").read_text()
        for header, struct, variable in (("src/formats/limits.h", "Limits", "f"), ("src/base/json.h", "JsonLimits", "j"),
                                         ("src/text/template/chat_template.h", "TemplateLimits", "t")):
            body = re.search(rf"struct {struct} {{(.*?)\n}};", (ROOT / header).read_text(), re.DOTALL)[1]
            fields = re.findall(r"^  std::uint\d+_t (\w+)", body, re.MULTILINE)
            self.assertGreater(len(fields), 1)
            for field in fields:
                self.assertIn(f"{variable}.{field},", shown, header)
        for header, space in (("src/text/tokenizer/limits.h", "text"), ("src/model/ranges.h", "model")):
            names = re.findall(r"constexpr [\w:]+ (kMax\w+)", (ROOT / header).read_text())
            self.assertGreater(len(names), 1)
            for name in names:
                self.assertIn(f"{space}::{name},", shown)


class BrokenInput(CliTest):
    def test_missing_file(self):
        self.assertIn("nowhere.gguf", self.fails(1, "INPUT_MISSING", "inspect", self.folder / "nowhere.gguf"))

    def test_folder_without_a_model(self):
        status, _, err = run("inspect", self.folder)
        self.assertIn(status, (1, 5), err)
        self.assertIn("error[", err)

    def test_pickle_is_refused_whatever_its_name(self):
        raw = self.write("model.gguf", pickle.dumps({"weight": [1.0] * 100}, protocol=2))
        self.fails(5, "FORMAT_PICKLE", "inspect", raw)
        self.fails(5, "FORMAT_PICKLE", "run", raw, "-p", "x")
        archive = self.folder / "model.safetensors"
        with zipfile.ZipFile(archive, "w") as z:
            z.writestr("archive/data.pkl", pickle.dumps([1]))
        self.fails(5, "FORMAT_PICKLE", "inspect", archive)

    def test_what_is_no_model_says_what_it_is(self):
        page = self.write("model.gguf", "<!DOCTYPE html><html><body>404</body></html>" * 4)
        status, _, err = run("inspect", page)
        self.assertEqual(status, 5, err)
        self.assertIn("HTML", err)

    def test_truncated_gguf_is_corrupt_at_any_length(self):
        whole = self.folder / "whole.gguf"
        self.good("quantize", STORIES, "-o", whole, "--type", "Q8_0")
        content = whole.read_bytes()
        cuts = [0, 3, 8, 23, 24, 100, 1000, len(content) // 2, len(content) - 1]
        for length in cuts:
            cut = self.write("cut.gguf", content[:length])
            for arguments in (("inspect", cut), ("run", cut, "-p", "x", "-n", "1")):
                status, out, err = run(*arguments)
                self.assertIn(status, (1, 5), f"{length} bytes: {err}")
                self.assertEqual(out, "")
                self.assertIn("error[", err)

    def test_control_characters_of_names_do_not_reach_the_terminal(self):
        _, _, err = run("inspect", "evil\x1b[2J.gguf")
        self.assertNotIn("\x1b", err)

    def test_a_text_too_short_to_score_says_how_long_it_must_be(self):
        text = self.write("t.txt", "Once upon a time.")
        self.assertIn("1,024", self.fails(2, "MEASURE_TEXT_SHORT", "perplexity", STORIES, "-f", text))


if __name__ == "__main__":
    unittest.main()
