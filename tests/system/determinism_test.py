"""The same bytes and the same greedy text, whatever the threads and the instruction set."""
import hashlib
import json
import unittest

from cli import STORIES, CliTest, run

TYPES = ("Q8_0", "Q5_0", "Q4_0", "Q4_1", "IQ4_NL")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Determinism(CliTest):
    def available_isas(self):
        return self.json("doctor")["available_isas"]

    def test_quantized_bytes_do_not_depend_on_threads_or_instruction_set(self):
        settings = [("-t", threads, None) for threads in (1, 2, 3)] + [("-t", 2, isa) for isa in self.available_isas()]
        for type_name in TYPES:
            for method in ("rtn", "search"):
                digests = {}
                for flag, threads, isa in settings:
                    out = self.folder / "out.gguf"
                    self.good("quantize", STORIES, "-o", out, "--type", type_name, "--method", method, flag, threads,
                              environment={"MOTE_ISA": isa} if isa else None)
                    digests[(threads, isa)] = digest(out)
                self.assertEqual(len(set(digests.values())), 1, f"{type_name} {method}: {digests}")

    def test_statistics_do_not_depend_on_threads_or_instruction_set(self):
        text = self.write("t.txt", "One day a cat and a dog went to the park to play with a red ball. " * 20)
        digests = {}
        for threads, isa in [(1, None), (3, None)] + [(2, isa) for isa in self.available_isas()]:
            out = self.folder / "s.gguf"
            self.good("calibrate", STORIES, "--data", text, "-o", out, "-c", "64", "-t", threads,
                      environment={"MOTE_ISA": isa} if isa else None)
            digests[(threads, isa)] = digest(out)
        self.assertEqual(len(set(digests.values())), 1, digests)

    def test_greedy_text_is_the_same_for_any_number_of_threads(self):
        model = self.folder / "q4.gguf"
        self.good("quantize", STORIES, "-o", model, "--type", "Q4_0")
        for path in (STORIES, model):
            for activations in ("auto", "f32"):
                texts = {self.json("run", path, "-p", "Once upon a time", "-n", "120", "--temp", "0", "-t", threads,
                                   "--activations", activations)["text"] for threads in (1, 2, 3)}
                self.assertEqual(len(texts), 1, f"{path} {activations}: {texts}")

    def test_logits_do_not_depend_on_batch_or_threads(self):
        tokens = ",".join(str(3 + i % 50) for i in range(100))
        arrays = set()
        for batch, threads in ((1, 1), (7, 2), (64, 1), (512, 2)):
            out = self.folder / "l.npy"
            self.good("logits", STORIES, "--tokens", tokens, "--npy", out, "-b", batch, "-t", threads)
            arrays.add(digest(out))
        self.assertEqual(len(arrays), 1)

    def test_measured_figures_do_not_depend_on_threads(self):
        text = self.write("t.txt", "One day a cat and a dog went to the park to play with a red ball. " * 20)
        figures = set()
        for threads in (1, 2):
            result = self.json("perplexity", STORIES, "-f", text, "-c", "64", "-t", threads)
            figures.add((result["ppl"], result["ppl_stderr"], result["nll"]))
        self.assertEqual(len(figures), 1)

    def test_an_instruction_set_that_is_missing_here_is_an_error(self):
        missing = {"neon", "amx", "avx512vnni", "avx2"} - set(self.available_isas())
        for isa in missing:
            status, out, _ = run("doctor", "--json", environment={"MOTE_ISA": isa})
            self.assertEqual((status, json.loads(out)["error"]["code"]), (2, "KERNEL_ISA"))


if __name__ == "__main__":
    unittest.main()
