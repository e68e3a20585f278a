"""Every command prints one JSON object with the members that others rely on; nothing else reaches stdout."""
import json
import os
import math
import pathlib
import signal
import subprocess
import time
import unittest
from xml.etree import ElementTree

import tiny_folder
from cli import AGENT, MOTE, NUMBER, ROOT, SANITIZED, STORIES, STORY, CliTest, run


class JsonShapes(CliTest):
    def test_inspect(self):
        result = self.json("inspect", STORIES)
        self.has(result, architecture=str, parameters=int, bytes=int, bpw=float, tensors=list)
        self.assertEqual(result["architecture"], "llama")
        self.assertEqual(result["bytes"], STORIES.stat().st_size)
        total = 0
        for tensor in result["tensors"]:
            self.has(tensor, name=str, shape=list, type=str, bytes=int)
            total += math.prod(tensor["shape"])
        self.assertEqual(total, result["parameters"])

    def test_inspect_verifies(self):
        self.assertTrue(self.json("inspect", STORIES, "--verify")["verified"])

    def test_inspect_lists_tensors_for_people_only_when_asked(self):
        self.assertNotIn("blk.0.attn_q.weight", self.good("inspect", STORIES))
        self.assertIn("blk.0.attn_q.weight", self.good("inspect", STORIES, "--tensors"))

    def test_doctor(self):
        result = self.json("doctor")
        self.has(result, isa=str, kernels=dict, memory_bytes=int, read_bandwidth_gbps=float)
        self.assertGreater(result["read_bandwidth_gbps"], 0)
        self.assertGreater(len(result["kernels"]), 5)
        forced = self.json("doctor", environment={"MOTE_ISA": "reference"})
        self.assertEqual(forced["isa"], "reference")
        self.assertEqual(set(forced["kernels"].values()), {"reference"})

    def test_tokenize(self):
        result = self.json("tokenize", STORIES, "-p", "Once upon")
        self.assertEqual(len(result["tokens"]), len(result["pieces"]))
        self.assertEqual("".join(result["pieces"]).replace("\u2581", " ").strip(), "Once upon")
        self.assertEqual(self.json("tokenize", STORIES, "-p", "Once upon", "--add-special")["tokens"],
                         [1] + result["tokens"])
        self.assertEqual(self.json("tokenize", STORIES, "-p", "")["tokens"], [])

    def test_tokenize_takes_a_tokenizer_file_and_standard_input(self):
        from_model = self.json("tokenize", STORIES, "-p", "Once")["tokens"]
        self.assertEqual(self.json("tokenize", STORIES.parent / "tok105.model", "-p", "Once")["tokens"], from_model)
        self.assertEqual(self.json("tokenize", STORIES, "-f", "-", stdin=b"Once")["tokens"], from_model)

    def test_render(self):
        template = self.write("t.jinja", "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{{ tools | length }}")
        messages = self.write("m.json", json.dumps([{"role": "user", "content": "Hi"}]))
        tools = self.write("f.json", json.dumps([{"type": "function"}]))
        result = self.json("render", STORIES, "--messages", messages, "--tools", tools, "--template", template)
        self.assertEqual(result["text"], "<user>Hi1")

    def test_render_without_a_template_says_so(self):
        messages = self.write("m.json", "[]")
        self.fails(1, "TEMPLATE_ABSENT", "render", STORIES, "--messages", messages)

    def test_logits(self):
        result = self.json("logits", STORIES, "--tokens", "1,5,9", "--top", "3")
        self.assertEqual([p["token"] for p in result["positions"]], [1, 5, 9])
        for position in result["positions"]:
            values = [entry["logit"] for entry in position["top"]]
            self.assertEqual(len(values), 3)
            self.assertEqual(values, sorted(values, reverse=True))

    def test_logits_writes_an_array_that_agrees_with_its_top(self):
        path = self.folder / "l.npy"
        result = self.json("logits", STORIES, "--tokens", "1,5,9", "--npy", path, "--top", "1")
        data = path.read_bytes()
        header = data[10:128].decode()
        self.assertIn(f"'shape': (3, {result['vocabulary']})", header)
        values = memoryview(data[128:]).cast("f")
        for row, position in enumerate(result["positions"]):
            top = position["top"][0]
            self.assertEqual(values[row * result["vocabulary"] + top["id"]], top["logit"])

    def test_logits_refuses_tokens_outside_the_vocabulary(self):
        self.fails(2, "USAGE_VALUE", "logits", STORIES, "--tokens", "1,100000")

    def test_quantize(self):
        out = self.folder / "q.gguf"
        result = self.json("quantize", STORIES, "-o", out, "--type", "Q8_0")
        self.has(result, bytes=int, bpw=float, seconds=float, peak_rss_bytes=int, tensors=list)
        self.assertEqual(result["bytes"], out.stat().st_size)
        for tensor in result["tensors"]:
            self.has(tensor, name=str, type=str, method=str, error=NUMBER)
        errors = [t["error"] for t in result["tensors"] if t["type"] == "Q8_0"]
        self.assertTrue(all(0 < e < 1e-3 for e in errors), errors)

    def test_quantize_for_a_size(self):
        text = self.write("t.txt", STORY * 3)
        preset = self.json("quantize", STORIES, "-o", self.folder / "p.gguf", "--type", "Q5_0")
        out = self.folder / "q.gguf"
        result = self.json("quantize", STORIES, "-o", out, "--size", str(preset["bytes"]), "--data", text, "--chunks", "4")
        self.assertEqual(result["bytes"], out.stat().st_size)
        self.assertLessEqual(result["bytes"], preset["bytes"])
        self.has(result, planned_memory_bytes=int)
        self.assertGreater(result["planned_memory_bytes"], 0)
        for tensor in result["tensors"]:
            self.has(tensor, expected_kld=NUMBER)
        self.assertGreater(sum(t["expected_kld"] for t in result["tensors"]), 0)
        fed = [t for t in result["tensors"] if t["method"] == "feedback"]
        self.assertTrue(fed)
        self.assertTrue(all(0 < t["error"] <= t["searched_error"] for t in fed), fed)
        bits = self.json("quantize", STORIES, "--bpw", "5", "--data", text, "--dry-run")
        self.assertLessEqual(bits["bpw"], 5)
        self.fails(4, "QUANT_BUDGET", "quantize", STORIES, "-o", self.folder / "no.gguf", "--size", "100K", "--data", text)
        self.fails(4, "QUANT_MEMORY", "quantize", STORIES, "-o", self.folder / "no.gguf", "--type", "Q8_0", "--data", text, "--memory", "100K")
        self.assertFalse((self.folder / "no.gguf").exists())

    def test_quantize_leaves_a_report(self):
        folder = self.folder / "new" / "report"
        result = self.json("quantize", STORIES, "-o", self.folder / "q.gguf", "--type", "Q4_0", "--report", folder)
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["quantize.json", "quantize.txt", "tensors.svg"])
        self.assertEqual(json.loads((folder / "quantize.json").read_text()), result)
        lines = (folder / "quantize.txt").read_text().splitlines()
        matrices = [t for t in result["tensors"] if t["method"] != "copy"]
        for tensor in matrices:
            row, = [line.split() for line in lines if line.startswith(tensor["name"] + " ")]
            self.assertIn(tensor["type"], row)
            self.assertAlmostEqual(float(row[-1]), tensor["error"], delta=0.01 * tensor["error"])
        picture = ElementTree.parse(folder / "tensors.svg").getroot()
        space = "{http://www.w3.org/2000/svg}"
        fields = picture.findall(space + "g")
        self.assertEqual([f.find(".//" + space + "title").text.split(":")[0] for f in fields], [t["name"] for t in matrices])
        self.assertEqual([f.find(space + "text").text for f in fields], [t["type"] for t in matrices])
        self.fails(1, "OUTPUT_CREATE", "quantize", STORIES, "-o", self.folder / "no.gguf", "--type", "Q4_0", "--report",
                   self.folder / "q.gguf" / "report")
        self.assertFalse((self.folder / "no.gguf").exists())

    def test_calibrate(self):
        text = self.write("t.txt", STORY)
        for name in ("s.gguf", "s.dat"):
            out = self.folder / name
            result = self.json("calibrate", STORIES, "--data", text, "-o", out, "-c", "128", "--chunks", "3")
            self.has(result, tokens=int, tensors=int, seconds=float, windows=int, bytes=int, output=str)
            self.assertEqual((result["tokens"], result["windows"], result["output"]), (3 * 128, 3, str(out)))
            self.assertEqual(result["bytes"], out.stat().st_size)
            matrices = [t for t in self.json("inspect", STORIES)["tensors"] if len(t["shape"]) == 2]
            self.assertEqual(result["tensors"], len(matrices))
        self.assertEqual((self.folder / "s.gguf").read_bytes()[:4], b"GGUF")
        both = self.json("calibrate", STORIES, "-o", self.folder / "sum.gguf", "--in-file", self.folder / "s.gguf",
                         "--in-file", self.folder / "s.gguf")
        self.assertEqual((both["tokens"], both["windows"]), (2 * 3 * 128, 0))
        shown = self.good("calibrate", STORIES, "-f", text, "-o", self.folder / "s.gguf", "-c", "128", "--chunks", "3")
        self.assertRegex(shown, r"^wrote .*s\.gguf: .* statistics of \d+ tensors from 384 tokens")

    def test_statistics_choose_the_method_of_quantize(self):
        text = self.write("t.txt", STORY)
        tokens, matrix = self.folder / "s.gguf", self.folder / "s.dat"
        for out in (tokens, matrix):
            self.good("calibrate", STORIES, "--data", text, "-o", out, "-c", "64", "--chunks", "2")

        def methods(*options):
            result = self.json("quantize", STORIES, "-o", self.folder / "q.gguf", "--type", "Q4_0", *options)
            return {t["method"] for t in result["tensors"] if t["name"].startswith("blk.") and t["type"] == "Q4_0"}

        self.assertEqual(methods(), {"search"})
        self.assertEqual(methods("--stats", tokens), {"feedback"})
        self.assertEqual(methods("--imatrix", matrix), {"search"})
        self.assertEqual(methods("--stats", tokens, "--effort", "fast"), {"search"})
        self.assertEqual(methods("--stats", tokens, "--method", "rtn"), {"rtn"})
        self.assertEqual(methods("--data", text, "--effort", "fast"), {"search"})
        self.assertEqual(methods("--stats", tokens, "--effort", "standard"), {"feedback"})
        self.assertEqual(methods("--stats", tokens, "--effort", "max"), {"learned"})
        learned = self.json("quantize", STORIES, "-o", self.folder / "l.gguf", "--type", "Q4_0", "--stats", tokens, "--effort", "max")
        self.assertGreaterEqual(learned["learning"]["kld_before"], learned["learning"]["kld_after"])
        self.assertGreater(learned["learning"]["kld_after"], 0)
        # Transforms: each place that may change, and what that made of the error.
        self.assertEqual(methods("--stats", tokens, "--method", "awq"), {"awq"})
        moved = self.json("quantize", STORIES, "-o", self.folder / "t.gguf", "--type", "Q4_0", "--stats", tokens, "--method", "awq",
                          "--transform", "permute")["transforms"]
        self.assertGreater(moved["scaled"], 0)
        self.assertEqual(moved["rotated"], 0)
        self.assertTrue(0 < moved["error_ratio"] < 1, moved)
        self.fails(2, "USAGE_MISSING", "quantize", STORIES, "-o", self.folder / "t.gguf", "--type", "Q4_0", "--transform", "scale")
        self.fails(2, "QUANT_METHOD", "quantize", STORIES, "-o", self.folder / "t.gguf", "--type", "Q4_0", "--imatrix", matrix, "--method", "awq")
        out = ("-o", self.folder / "none.gguf", "--type", "Q4_0")
        self.fails(2, "QUANT_METHOD", "quantize", STORIES, *out, "--stats", matrix, "--effort", "standard")
        self.fails(2, "STATISTICS_MODEL", "quantize", AGENT, *out, "--stats", matrix)
        self.fails(5, "STATISTICS_FILE", "quantize", STORIES, *out, "--stats", text)
        self.assertFalse((self.folder / "none.gguf").exists())

    def test_quantize_dry_run_writes_nothing(self):
        out = self.folder / "q.gguf"
        result = self.json("quantize", STORIES, "-o", out, "--type", "Q4_0", "--dry-run")
        self.assertTrue(result["dry_run"])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_quantize_into_several_files(self):
        out = self.folder / "small.gguf"
        whole = self.json("quantize", STORIES, "-o", out, "--type", "Q8_0")
        self.assertEqual(whole["files"], [{"path": str(out), "bytes": out.stat().st_size, "tensors": len(whole["tensors"])}])
        split = ("--split-max-tensors", "9")
        planned = self.json("quantize", STORIES, "-o", out, "--type", "Q8_0", "--dry-run", *split)
        result = self.json("quantize", STORIES, "-o", out, "--type", "Q8_0", *split)
        count = len(result["files"])
        self.assertGreater(count, 2)
        self.assertEqual(planned["files"], result["files"])
        self.assertEqual([f["path"] for f in result["files"]],
                         [str(self.folder / f"small-{n + 1:05}-of-{count:05}.gguf") for n in range(count)])
        for file in result["files"]:
            self.assertEqual(os.path.getsize(file["path"]), file["bytes"])
        self.assertEqual({f["tensors"] for f in result["files"][:-1]}, {9})
        self.assertEqual(result["output"], result["files"][0]["path"])
        self.assertEqual(result["bytes"], sum(f["bytes"] for f in result["files"]))
        shown = self.good("quantize", STORIES, "-o", out, "--type", "Q8_0", *split)
        for file in result["files"]:
            self.assertIn(os.path.basename(file["path"]), shown)
        text = ("run", "-p", "Once", "--temp", "0", "-n", "12")
        self.assertEqual(self.good(text[0], result["output"], *text[1:]), self.good(text[0], out, *text[1:]))
        # Any file of the input counts as the input.
        last = result["files"][-1]["path"]
        self.fails(2, "QUANT_IN_PLACE", "quantize", result["output"], "-o", last, "--type", "Q8_0")
        self.fails(2, "QUANT_IN_PLACE", "quantize", result["output"], "-o", out, "--type", "Q8_0", *split)
        for option, value in (("--split-max-size", "3"), ("--split-max-size", "0M"), ("--split-max-size", "1T"),
                              ("--split-max-size", "99999999999999999999G"), ("--split-max-tensors", "0")):
            self.fails(2, "USAGE_VALUE", "quantize", STORIES, "-o", out, "--type", "Q8_0", option, value)

    def test_quantize_never_overwrites_its_input(self):
        out = self.folder / "q.gguf"
        self.good("quantize", STORIES, "-o", out, "--type", "F16")
        before = out.read_bytes()
        self.fails(2, "QUANT_IN_PLACE", "quantize", out, "-o", out, "--type", "Q8_0")
        self.assertEqual(out.read_bytes(), before)

    def test_quantize_unknown_type_names_the_nearest(self):
        self.assertIn("Q4_K_M", self.fails(2, "QUANT_TYPE_UNKNOWN", "quantize", STORIES, "-o", "x", "--type", "Q4_K_N"))

    def test_perplexity_of_both_protocols(self):
        text = self.write("t.txt", STORY)
        llama = self.json("perplexity", STORIES, "-f", text, "-c", "128", "--chunks", "3")
        self.has(llama, ppl=float, ppl_stderr=float, nll=float, tokens=int, ctx=int, protocol=str, activations=str)
        self.assertEqual((llama["tokens"], llama["ctx"], llama["protocol"]), (3 * 63, 128, "llama"))
        self.assertAlmostEqual(math.log(llama["ppl"]), llama["nll"], places=12)
        hf = self.json("perplexity", STORIES, "-f", text, "-c", "128", "--chunks", "3", "--protocol", "hf")
        self.assertEqual(hf["tokens"], 3 * 127)
        self.assertNotEqual(hf["ppl"], llama["ppl"])

    def test_compare_and_its_cache(self):
        text = self.write("t.txt", STORY)
        small, smaller = self.folder / "q8.gguf", self.folder / "q4.gguf"
        self.good("quantize", STORIES, "-o", small, "--type", "Q8_0")
        self.good("quantize", STORIES, "-o", smaller, "--type", "Q4_0")
        cache = self.folder / "reference.logits"
        arguments = ("compare", "--reference", STORIES, small, smaller, "-f", text, "-c", "128")
        direct = self.json(*arguments)
        self.assertEqual([m["path"] for m in direct["models"]], [str(small), str(smaller)])
        for model in direct["models"]:
            self.has(model, path=str, bytes=int, kld_mean=float, kld_stderr=float, kld_median=float, kld_p99=float,
                     kld_max=float, top1_agreement=float, flips=float, ppl=float)
            self.assertTrue(0 <= model["kld_median"] <= model["kld_p99"] <= model["kld_max"])
        self.assertLess(direct["models"][0]["kld_mean"], direct["models"][1]["kld_mean"])
        [pair] = direct["pairs"]
        self.assertAlmostEqual(pair["kld_difference"],
                               direct["models"][1]["kld_mean"] - direct["models"][0]["kld_mean"], places=9)
        written = self.json(*arguments, "--reference-cache", cache)
        self.assertEqual(written["models"], direct["models"])
        cached = self.json(*arguments, "--reference-cache", cache)
        self.assertTrue(cached["reference"]["cached"])
        for a, b in zip(direct["models"], cached["models"]):
            self.assertAlmostEqual(a["kld_mean"], b["kld_mean"], delta=1e-6)
        data = bytearray(cache.read_bytes())
        data[-1] ^= 1
        cache.write_bytes(data)
        self.fails(5, "CACHE_CORRUPT", *arguments, "--reference-cache", cache)

    def test_a_model_compared_with_itself_lost_nothing(self):
        text = self.write("t.txt", STORY)
        [model] = self.json("compare", "--reference", STORIES, STORIES, "-f", text, "-c", "128")["models"]
        self.assertEqual((model["kld_max"], model["top1_agreement"], model["flips"]), (0, 1, 0))

    def test_run(self):
        result = self.json("run", STORIES, "-p", "Once upon a time", "-n", "20", "--temp", "0")
        self.has(result, text=str, tool_calls=list, finish_reason=str, usage=dict, timings=dict)
        self.assertEqual(result["tool_calls"], [])
        self.assertIn(result["finish_reason"], ("stop", "length"))
        self.assertEqual(result["usage"]["completion_tokens"], 20)
        self.assertEqual(self.good("run", STORIES, "-p", "Once upon a time", "-n", "20", "--temp", "0"),
                         result["text"] + "\n")

    def test_run_finds_what_an_earlier_run_of_the_same_beginning_kept(self):
        folder = self.folder / "kept"
        tools = ("--tools", ROOT / "examples/tools/home.json", "--temp", "0", "-n", "40")
        kept = ("--prefix-cache", folder, "--prefix-cache-size", "50M")
        asked = "turn the kitchen lights to 40 percent"
        plain = self.json("run", "-p", asked, *tools)
        first = self.json("run", "-p", asked, *tools, *kept)
        second = self.json("run", "-p", asked, *tools, *kept)
        other = self.json("run", "-p", "what is the temperature in the hall?", *tools, *kept)
        self.assertEqual([r["timings"]["reused_tokens"] for r in (plain, first, second, other)], [0, 0, 256, 256])
        for result in (first, second):
            self.assertEqual((result["text"], result["tool_calls"]), (plain["text"], plain["tool_calls"]))
        self.assertTrue(list(folder.glob("*.kv")))
        self.fails(2, "USAGE_VALUE", "run", "-p", asked, "--prefix-cache", folder, "--prefix-cache-size", "much")
        self.fails(1, "OUTPUT_CREATE", "run", "-p", asked, "--prefix-cache", next(folder.glob("*.kv")))

    def test_run_stops_before_a_stop_string(self):
        result = self.json("run", STORIES, "-p", "Once upon a time", "-n", "200", "--temp", "0", "--stop", ".")
        self.assertEqual(result["finish_reason"], "stop")
        self.assertNotIn(".", result["text"])

    def test_run_takes_the_makers_settings_where_none_are_given(self):
        folder = tiny_folder.write(self.folder / "tiny")
        texts = lambda model, *options: {self.json("run", model, "-p", "hello", "--raw", "-n", "24", "--ignore-eos", "-s", seed, *options)["text"]
                                         for seed in ("1", "2", "3")}
        self.assertGreater(len(texts(folder)), 1)
        (folder / "generation_config.json").write_text('{"do_sample": false}', encoding="utf-8")
        [greedy] = texts(folder)
        self.assertEqual(texts(folder, "--temp", "0"), {greedy})
        self.assertGreater(len(texts(folder, "--temp", "2")), 1)
        self.good("quantize", folder, "-o", self.folder / "tiny.gguf", "--type", "F32")
        self.assertEqual(texts(self.folder / "tiny.gguf"), {greedy})
        (folder / "generation_config.json").write_text('{"do_sample": true, "top_k": 1}', encoding="utf-8")
        self.assertEqual(texts(folder), {greedy})

    def test_run_with_a_seed_repeats(self):
        texts = {self.json("run", STORIES, "-p", "Once", "-n", "60", "--temp", "2", "-s", "7")["text"] for _ in range(2)}
        self.assertEqual(len(texts), 1)
        self.assertNotIn(self.json("run", STORIES, "-p", "Once", "-n", "60", "--temp", "2", "-s", "8")["text"], texts)

    def test_drafting_ahead_changes_no_text(self):
        told = lambda *options: self.json("run", STORIES, "-p", "Once upon a time", "-n", "120", "--ignore-eos", "-s", "3", *options)
        for temperature in ("0", "1"):
            plain = told("--temp", temperature, "--draft-max", "0")
            self.assertEqual((plain["timings"]["drafted_tokens"], plain["timings"]["accepted_tokens"]), (0, 0))
            for options in ((), ("--draft-max", "15"), ("--draft", STORIES)):
                drafted = told("--temp", temperature, *options)
                self.assertEqual(drafted["text"], plain["text"], options)
            self.assertGreater(drafted["timings"]["drafted_tokens"], 0)  # by the draft model, the last of them
        self.assertIn("0 to 15", self.fails(2, "USAGE_VALUE", "run", STORIES, "-p", "x", "--draft-max", "16"))
        other = tiny_folder.write(self.folder / "tiny")
        self.assertIn("tokens", self.fails(2, "USAGE_VALUE", "run", STORIES, "-p", "x", "--draft", other))

    def test_run_with_other_threads_for_prompts_tells_the_same(self):
        asked = ("run", STORIES, "-p", "Once upon a time there was a little girl", "-n", "30", "--temp", "0")
        texts = {self.json(*asked, "-t", t, "-tb", tb)["text"] for t, tb in (("1", "0"), ("1", "3"), ("3", "1"))}
        self.assertEqual(len(texts), 1)
        self.assertIn("1,024", self.fails(2, "USAGE_VALUE", *asked, "-tb", "2000"))

    def test_run_chats_over_plain_lines(self):
        out = self.good("run", STORIES, "-n", "5", "--temp", "0", stdin=b"Once upon\n\nOne day\n/exit\nnever read\n")
        self.assertEqual(len(out.splitlines()), 2, out)

    def test_bench(self):
        result = self.json("bench", STORIES, "-p", "16", "-n", "8", "-t", "1,2", "-r", "2", "-d", "4")
        self.assertEqual([(r["test"], r["threads"]) for r in result["results"]],
                         [("pp16", 1), ("tg8", 1), ("pp16", 2), ("tg8", 2)])
        for row in result["results"]:
            self.has(row, test=str, depth=int, threads=int, parallel=int, tokens_per_second=dict, peak_rss_bytes=int,
                     load_seconds=float, ttft_seconds=dict)
            self.assertIn("bandwidth_gbps", row)
            self.assertIn("joules_per_token", row)
            speed = row["tokens_per_second"]
            self.assertTrue(0 < speed["min"] <= speed["median"] <= speed["max"])
            self.assertEqual(set(row["ttft_seconds"]), {"cold", "warm"})

    def test_bench_of_several_sequences(self):
        result = self.json("bench", STORIES, "-p", "9", "-n", "3", "-r", "1", "-d", "5", "--parallel", "1,3")
        self.assertEqual([(r["test"], r["parallel"]) for r in result["results"]], [("pp9", 1), ("tg3", 1), ("pp9", 3), ("tg3", 3)])
        self.fails(2, "USAGE_VALUE", "bench", STORIES, "--parallel", "0")

    def test_bench_understands_what_llama_bench_does(self):
        quick = ("bench", STORIES, "-p", "0", "-n", "2", "-r", "1", "-t", "1", "-fa", "1", "-ub", "4")
        result = json.loads(self.good(*quick, "-pg", "6,2", "-pg", "1,1", "-o", "json"))
        self.assertEqual([r["test"] for r in result["results"]], ["tg2", "pp6+tg2", "pp1+tg1"])
        for row in result["results"]:
            self.assertGreater(row["read_bandwidth_gbps"], 0)
            self.assertNotEqual(row["joules_per_token"], 0)
        lines = self.good(*quick, "-o", "csv").splitlines()
        self.assertEqual(lines[0].split(",")[:4], ["test", "depth", "threads", "parallel"])
        self.assertEqual(lines[1].split(",")[:4], ["tg2", "0", "1", "1"])
        self.assertTrue(self.good(*quick, "-o", "md").startswith("| test | depth |"))
        self.assertIn("two numbers", self.fails(2, "USAGE_VALUE", *quick, "-pg", "6"))
        self.fails(2, "USAGE_VALUE", *quick, "-fa", "0")
        self.fails(2, "USAGE_VALUE", *quick, "-ub", "0")

    def test_limits_and_version(self):
        limits = json.loads(run("--limits", "--json")[1])["limits"]
        self.assertEqual(limits["gguf.array_depth"], 4)
        documented = (ROOT / "docs/limits.md").read_text()
        missing = [name for name in limits if f"`{name}`" not in documented]
        self.assertEqual(missing, [], "docs/limits.md leaves out limits")
        self.assertRegex(run("--version")[1], r"^mote \d+\.\d+\.\d+\n$")

    def test_without_a_model_the_bundled_one_is_used(self):
        self.assertEqual(self.json("inspect")["parameters"], self.json("inspect", AGENT)["parameters"])
        self.fails(1, "INPUT_MISSING", "inspect", "elsewhere.bin")

    def test_results_are_on_stdout_and_nothing_else(self):
        status, out, err = run("inspect", STORIES)
        self.assertEqual((status, err), (0, ""))
        self.assertNotIn("\x1b", out)

    def demo_home(self):
        """Where the demo finds its files, and the items of its test: an eighth of them under a sanitizer."""
        lines = (AGENT / "demo_test.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        if not SANITIZED:
            return ROOT, len(lines)
        home = self.folder / "home"
        agent = home / "models/agent"
        agent.mkdir(parents=True)
        for file in AGENT.iterdir():
            (agent / file.name).symlink_to(file)
        (home / "examples").symlink_to(ROOT / "examples")
        (agent / "demo_test.jsonl").unlink()
        (agent / "demo_test.jsonl").write_text("".join(lines[::8]), encoding="utf-8")
        return home, len(lines[::8])

    def test_demo_shows_four_sizes_in_order_of_loss_answers_with_a_call_that_runs_and_cleans_up(self):
        temporary = self.folder / "tmp"
        temporary.mkdir()
        home, items = self.demo_home()
        result = self.json("demo", environment={"TMPDIR": str(temporary), "MOTE_HOME": str(home)}, timeout=600)
        original, *sizes = result["models"]
        self.assertEqual([m["type"] for m in sizes], ["Q8_0", "Q4_K_M", "Q3_K_M", "Q2_K"])
        self.assertEqual(sorted(sizes, key=lambda m: -m["bytes"]), sizes)
        self.assertEqual(sorted(sizes, key=lambda m: m["kld_mean"]), sizes)
        self.assertLess(sizes[0]["kld_mean"], 0.01)
        for model in result["models"]:
            self.assertEqual(model["all"]["n"], items)
            self.assertEqual(sum(s["n"] for s in model["sets"].values()), items)
            self.assertEqual(sum(s["right"] for s in model["sets"].values()), model["all"]["right"])
        if not SANITIZED:
            # 34 of 48 calls and 77 of 96 items when it was stored; one less at 8 bit.
            for score, share in ((original["calls"], 0.68), (original["all"], 0.78), (sizes[0]["all"], 0.76)):
                self.assertGreaterEqual(score["right"], share * score["n"])
        self.assertEqual(list(temporary.iterdir()), [])
        step, = result["request"]["steps"]
        self.assertEqual((step["name"], step["arguments"]), ("set_light", {"room": "kitchen", "brightness": 40}))
        self.assertEqual(json.loads(step["result"]), {"ok": True, "room": "kitchen", "brightness": 40})
        self.assertTrue(result["request"]["text"])

    def test_demo_leaves_its_files_where_it_is_told_to(self):
        kept = self.folder / "kept"
        job = subprocess.Popen([MOTE, "demo", "-o", str(kept)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(job.kill)
        while job.poll() is None and not list(kept.glob("*.gguf")):
            time.sleep(0.05)
        job.send_signal(signal.SIGINT)
        job.communicate()
        self.assertEqual(job.returncode, 130)
        self.assertTrue(list(kept.glob("*.gguf")))

    def test_the_bundled_agent_calls_a_tool_of_the_example(self):
        result = self.json("run", "-p", "turn the kitchen lights to 40 percent", "--tools", ROOT / "examples/tools/home.json", "--temp", "0")
        call, = result["tool_calls"]
        self.assertEqual((call["name"], call["arguments"]), ("set_light", {"room": "kitchen", "brightness": 40}))


if __name__ == "__main__":
    unittest.main()
