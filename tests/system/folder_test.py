"""Quantized Hugging Face folders as output: what is written, what is refused, and that they run like any model."""
import json
import unittest

from cli import AGENT, STORIES, CliTest


class Folder(CliTest):
    def quantize(self, kind, *options, source=AGENT):
        out = self.folder / kind
        return out, self.json("quantize", source, "-o", out, "--type", kind, *options)

    def test_a_folder_has_what_a_model_needs_and_runs(self):
        out, report = self.quantize("int4-g128-sym", "--method", "rtn")
        self.assertEqual(report["type"], "int4-g128-sym")
        self.assertEqual(report["layout"], "compressed-tensors pack-quantized")
        self.assertEqual(report["output"], str(out))
        self.assertEqual(report["bytes"], (out / "model.safetensors").stat().st_size)
        names = {t["name"]: t for t in report["tensors"]}
        q = names["model.layers.0.self_attn.q_proj.weight"]
        self.assertEqual((q["type"], q["method"]), ("int4-g128-sym", "rtn"))
        self.assertGreater(q["error"], 0)
        self.assertEqual(names["model.embed_tokens.weight"]["method"], "copy")
        config = json.loads((out / "config.json").read_text())
        self.assertEqual(config["quantization_config"]["format"], "pack-quantized")
        for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"):
            self.assertEqual((out / name).read_bytes(), (AGENT / name).read_bytes())
        self.assertEqual([p.name for p in self.folder.iterdir()], ["int4-g128-sym"])
        seen = self.json("inspect", out, "--tensors")
        types = {t["name"]: t["type"] for t in seen["tensors"]}
        self.assertEqual(types["blk.0.attn_q.weight"], "int4-g128-sym")
        self.assertAlmostEqual(seen["bpw"], report["bpw"], delta=0.01)
        self.assertTrue(self.json("run", out, "-p", "hello", "-n", "4")["usage"])
        self.json("inspect", out, "--verify")

    def test_a_report_has_a_row_for_each_block_and_lies_beside_the_folder(self):
        out, report = self.quantize("int4-g128-sym", "--method", "rtn", "--report", self.folder / "why")
        picture = (self.folder / "why/tensors.svg").read_text()
        blocks = {t["name"].split(".")[2] for t in report["tensors"] if ".layers." in t["name"]}
        self.assertEqual({b for b in blocks if f">model.layers.{b}</text>" in picture}, blocks)
        self.assertEqual(picture.count(">self_attn.q_proj</text>"), 1)
        for inside in (self.folder / "new/report", self.folder / "new"):
            self.fails(1, "OUTPUT_CREATE", "quantize", AGENT, "-o", f"{self.folder}/new/", "--type", "int4-g128-sym", "--report", inside)
        self.assertFalse((self.folder / "new").exists())
        self.fails(1, "INPUT_MISSING", "quantize", self.folder / "none", "-o", self.folder / "new", "--type", "nf4", "--report", self.folder / "gone")
        self.assertFalse((self.folder / "gone").exists())
        (self.folder / "mine").mkdir()
        self.fails(1, "INPUT_MISSING", "quantize", self.folder / "none", "-o", self.folder / "new", "--type", "nf4", "--report", self.folder / "mine")
        self.assertTrue((self.folder / "mine").exists())

    def test_a_dry_run_says_the_same_and_writes_nothing(self):
        for kind in ("int3-g64-asym", "int8-row-sym", "nf4", "fp8"):
            _, dry = self.quantize(kind, "--dry-run")
            self.assertEqual(list(self.folder.iterdir()), [])
            out, report = self.quantize(kind)
            self.assertEqual([dry["bytes"], dry["bpw"]], [report["bytes"], report["bpw"]])
            self.assertEqual([[t["name"], t["bytes"]] for t in dry["tensors"]], [[t["name"], t["bytes"]] for t in report["tensors"]])
            self.assertEqual(report["bytes"], (out / "model.safetensors").stat().st_size)
            self.assertEqual((out / "quantize_config.json").exists(), kind.startswith("int3"))
            for path in out.iterdir():
                path.unlink()
            out.rmdir()

    def test_search_loses_less_than_rounding(self):
        errors = {}
        for method in ("rtn", "search"):
            self.folder = self.folder / method
            self.folder.mkdir()
            _, report = self.quantize("int3-g128-sym", "--method", method)
            errors[method] = sum(t["error"] for t in report["tensors"])
        self.assertLess(errors["search"], errors["rtn"] * 0.9)

    def test_what_is_there_stays(self):
        out = self.folder / "out"
        out.mkdir()
        (out / "mine").write_text("x")
        quantize = ("quantize", AGENT, "--type", "int4-g64-sym", "--method", "rtn", "-o")
        self.fails(2, "OUTPUT_EXISTS", *quantize, out)
        self.assertEqual([p.name for p in out.iterdir()], ["mine"])
        self.fails(2, "OUTPUT_EXISTS", *quantize, out / "mine")
        self.fails(1, "OUTPUT_CREATE", *quantize, self.folder / "no" / "way")
        (out / "mine").unlink()
        self.good(*quantize, out)

    def test_type_and_output_have_to_go_together(self):
        self.assertIn("Hugging Face folders", self.fails(2, "QUANT_OUTPUT", "quantize", AGENT, "--type", "nf4", "-o", self.folder / "m.gguf"))
        self.assertIn("int4-g128-sym", self.fails(2, "QUANT_OUTPUT", "quantize", AGENT, "--type", "Q4_0", "-o", self.folder))
        self.fails(2, "QUANT_OUTPUT", "quantize", AGENT, "--type", "Q4_0", "-o", str(self.folder / "new") + "/")
        self.fails(2, "QUANT_OUTPUT", "quantize", AGENT, "--type", "Q4_0", "-o", self.folder / "m.gguf", "--group-fallback")
        self.fails(2, "QUANT_OUTPUT", "quantize", AGENT, "--type", "int4-g64-sym", "-o", self.folder / "m", "--tensor-type", "ffn=Q4_0")
        self.fails(2, "QUANT_TYPE_UNKNOWN", "quantize", AGENT, "--type", "Q4_0", "-o", self.folder / "m.gguf", "--tensor-type", "ffn=nf4")
        self.assertIn("int4-g128-sym", self.fails(2, "QUANT_TYPE_UNKNOWN", "quantize", AGENT, "--type", "int4-g128-sim", "-o", self.folder / "m"))

    def test_learning_is_for_gguf_files(self):
        text = self.write("t.txt", "turn the lights on. " * 400)
        self.assertIn("feedback", self.fails(2, "QUANT_METHOD", "quantize", AGENT, "--type", "int4-g64-sym", "-o", self.folder / "m",
                                             "--data", text, "--effort", "max"))
        self.assertFalse((self.folder / "m").exists())

    def test_nothing_is_transformed_for_a_type_that_is_only_rounded(self):
        text = self.write("t.txt", "turn the lights on. " * 400)
        for how in (("--transform", "scale"), ("--method", "awq")):
            self.assertIn("fp8", self.fails(2, "QUANT_METHOD", "quantize", AGENT, "--type", "fp8", "-o", self.folder / "m",
                                            "--data", text, *how))

    def test_only_folders_become_folders(self):
        self.assertIn("llama2.c", self.fails(2, "QUANT_INPUT", "quantize", STORIES, "--type", "int8-row-sym", "-o", self.folder / "m"))

    def test_a_quantized_folder_is_not_quantized_again(self):
        out, _ = self.quantize("int8-g64-sym", "--method", "rtn")
        self.fails(2, "QUANT_REQUANTIZE", "quantize", out, "--type", "int4-g64-sym", "-o", self.folder / "m")
        self.fails(2, "QUANT_REQUANTIZE", "quantize", out, "--type", "Q4_0", "-o", self.folder / "m.gguf")
        self.good("quantize", out, "--type", "Q8_0", "--allow-requantize", "-o", self.folder / "m.gguf")


if __name__ == "__main__":
    unittest.main()
