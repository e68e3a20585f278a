"""Shards of the Python package gguf read by mote: the same names, shapes, types and bytes as the whole file, for several
limits, the first shard with and without tensors. And of llama.cpp's llama-gguf-split where it is on the PATH.

The other way round: what `mote quantize --split-max-...` writes, read by the Python package, has the tensors of the
unsplit file byte for byte and the keys of llama.cpp; llama-gguf-split makes the same files of the unsplit one; llama.cpp
opens the set and gives the unsplit file's logits."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import synthetic

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


def fields(reader):
    """Keys of the model itself with their values."""
    return {name: field.contents() for name, field in reader.fields.items() if not name.startswith(("GGUF.", "split."))}


def check_llama_cpp(whole, first):
    """llama.cpp opens the set by its first file and computes what it computes of the whole. Whether it is installed."""
    try:
        from llama_cpp_logits import LlamaCpp
        library = LlamaCpp()
    except (ImportError, OSError):
        return False
    tokens = [1, 70, 80, 90, 100]
    one, other = (library.logits(path, tokens, synthetic.VOCAB) for path in (whole, first))
    assert np.isfinite(one).all() and np.array_equal(one, other), first
    return True


def check_merged(splitter, first, path, whole):
    """llama-gguf-split joins mote's set to the unsplit file's tensors and keys (it leaves split.count = 0 in)."""
    subprocess.run([splitter, "--merge", first, path], check=True, capture_output=True)
    merged = gguf.GGUFReader(path)
    assert fields(merged) == fields(whole), path
    assert [t.name for t in merged.tensors] == [t.name for t in whole.tensors], path
    for one, other in zip(whole.tensors, merged.tensors):
        assert one.tensor_type == other.tensor_type and list(one.shape) == list(other.shape), one.name
        assert np.array_equal(one.data, other.data), one.name


def check_written(mote, splitter, folder):
    """Sets that mote wrote, against its unsplit file. The numbers of sets, of those that llama.cpp opened, of files that llama-gguf-split made too."""
    source = synthetic.write_llama(folder / "source.gguf")
    quantize = lambda out, type_name, *more: subprocess.run(
        [mote, "quantize", source, "-o", out, "--type", type_name, "--method", "rtn", *more], check=True, capture_output=True)
    equal_files = by_llama_cpp = 0
    # F16 has tensors above 1 MB, which get a file of their own.
    ways = (("Q4_K_M", "--split-max-size", "2M"), ("F16", "--split-max-size", "1M"), ("Q4_K_M", "--split-max-tensors", "7"),
            ("Q4_K_M", "--split-max-size", "100M"))  # fmt: skip
    for number, (type_name, *option) in enumerate(ways):
        unsplit = folder / f"{type_name}.gguf"
        if not unsplit.exists():
            quantize(unsplit, type_name)
        whole = gguf.GGUFReader(unsplit)
        quantize(folder / f"set{number}.gguf", type_name, *option)
        paths = sorted(folder.glob(f"set{number}-*.gguf"))
        assert [p.name for p in paths] == [f"set{number}-{n + 1:05}-of-{len(paths):05}.gguf" for n in range(len(paths))], paths
        tensors = []
        for no, path in enumerate(paths):
            reader = gguf.GGUFReader(path)
            for key, kind, value in (("split.no", gguf.GGUFValueType.UINT16, no),
                                     ("split.count", gguf.GGUFValueType.UINT16, len(paths)),
                                     ("split.tensors.count", gguf.GGUFValueType.INT32, len(whole.tensors))):
                assert reader.fields[key].types == [kind] and reader.fields[key].contents() == value, (path, key)
            assert fields(reader) == (fields(whole) if no == 0 else {}), path
            if option[0] == "--split-max-tensors":
                assert len(reader.tensors) <= int(option[1]), path
            else:
                size = sum(-(-t.n_bytes // 32) * 32 for t in reader.tensors)
                assert size <= int(option[1][:-1]) * 10**6 or len(reader.tensors) == 1, (path, size)
            tensors += reader.tensors
        assert [t.name for t in tensors] == [t.name for t in whole.tensors]
        for one, other in zip(whole.tensors, tensors):
            assert one.tensor_type == other.tensor_type and list(one.shape) == list(other.shape), one.name
            assert np.array_equal(one.data, other.data), one.name
        by_llama_cpp += check_llama_cpp(unsplit, paths[0])
        if splitter is not None:
            subprocess.run([splitter, "--split", *option, unsplit, folder / f"theirs{number}"], check=True, capture_output=True)
            theirs = sorted(folder.glob(f"theirs{number}-*.gguf"))
            assert len(theirs) == len(paths)
            for ours, other in zip(paths, theirs):
                assert ours.read_bytes() == other.read_bytes(), ours
                equal_files += 1
            check_merged(splitter, paths[0], folder / f"merged{number}.gguf", whole)
    return len(ways), by_llama_cpp, equal_files


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--mote", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    arguments = parser.parse_args()
    probe = arguments.probe
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
        ways, by_llama_cpp, equal_files = check_written(arguments.mote, splitter, folder)
    print(f"{ways} sets of mote's read back, {by_llama_cpp} by llama.cpp too; {equal_files} of their files equal to llama-gguf-split's")
    print(f"{checked} ways of splitting {len(tensors)} tensors; llama-gguf-split {'used' if splitter else 'not on the PATH'}")


if __name__ == "__main__":
    main()
