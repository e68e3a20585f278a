"""Shards of the Python package gguf read by mote: the same names, shapes, types and bytes as the whole file, for several
limits, the first shard with and without tensors. And of llama.cpp's llama-gguf-split where it is on the PATH."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import gguf
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def write(path, tensors, **split):
    writer = gguf.GGUFWriter(str(path), "llama", **split)
    writer.add_string("general.name", "shards")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "c"])
    for name, data in tensors:
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def show(probe, path):
    done = subprocess.run([probe, "read", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, f"{path}: {done.stderr}"
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    probe = parser.parse_args().probe
    rng = np.random.default_rng(4)
    tensors = [(f"blk.{i}.weight", rng.standard_normal((3 + i, 32)).astype([np.float32, np.float16][i % 2]))
               for i in range(11)]
    checked = 0
    with tempfile.TemporaryDirectory() as held:
        folder = pathlib.Path(held)
        write(folder / "whole.gguf", tensors)
        whole = show(probe, folder / "whole.gguf")
        by_name = lambda shown: sorted(shown["tensors"], key=lambda t: t["name"])
        assert len(whole["tensors"]) == len(tensors)
        for number, split in enumerate(({"split_max_tensors": 1}, {"split_max_tensors": 4}, {"split_max_size": 1500},
                                        {"split_max_tensors": 4, "small_first_shard": True})):
            name = f"py{number}"
            write(folder / f"{name}.gguf", tensors, **split)
            shards = sorted(folder.glob(f"{name}-*.gguf"))
            assert len(shards) > 1, split
            joined = show(probe, shards[0])
            assert by_name(joined) == by_name(whole), split
            assert joined["metadata"] == whole["metadata"], split
            checked += 1
        splitter = shutil.which("llama-gguf-split")
        if splitter is not None:
            for number, option in enumerate((["--split-max-tensors", "3"], ["--split-max-tensors", "5", "--no-tensor-first-split"])):
                subprocess.run([splitter, "--split", *option, folder / "whole.gguf", folder / f"cpp{number}"], check=True,
                               capture_output=True)
                shards = sorted(folder.glob(f"cpp{number}-*.gguf"))
                assert by_name(show(probe, shards[0])) == by_name(whole), option
                checked += 1
        for shard in shards[1:]:
            assert subprocess.run([probe, "read", str(shard)], capture_output=True).returncode == 1
    print(f"{checked} ways of splitting {len(tensors)} tensors; llama-gguf-split {'used' if splitter else 'not on the PATH'}")


if __name__ == "__main__":
    main()
