"""compressed-tensors 0.14, the last release with a bitmask format, reads what is written here, and the other way round.

It asks for transformers below 5 and is therefore installed apart, in the folder `peers` of the environment, by `make test`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sparselaw.prune.export import export_sparse, load_sparse

PEERS = Path(sys.prefix) / "peers"
SCRIPT = """
import sys
from safetensors.torch import load_file, save_file
from compressed_tensors.compressors.sparse_compressors.sparse_bitmask import BitmaskCompressor

ours, dense, theirs, decompressed = sys.argv[1:]
compressor = BitmaskCompressor()
save_file(compressor.compress(load_file(dense)), theirs)
save_file({name: tensor.contiguous() for name, tensor in compressor.decompress(ours)}, decompressed)
"""

pytestmark = pytest.mark.skipif(
    not (PEERS / "compressed_tensors").is_dir(),
    reason=f"compressed-tensors 0.14 is not in {PEERS}; `make test` puts it there",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model as it is, exported here, compressed there, and our export decompressed there."""
    folder = tmp_path_factory.mktemp("peers")
    paths = {name: folder / f"{name}.safetensors" for name in ("ours", "dense", "theirs", "decompressed")}
    generator, model = torch.Generator().manual_seed(0), {}
    for name, dtype in (("a", torch.float32), ("b", torch.bfloat16), ("c", torch.float16)):
        weights = torch.randn(48, 83, generator=generator)
        model[f"layers.{name}.weight"] = torch.where(weights.abs() > 1.15, weights, 0.0).to(dtype)
    save_file(model, paths["dense"])
    export_sparse(paths["dense"], paths["ours"], format="bitmask")
    environment = {**os.environ, "PYTHONPATH": str(PEERS), "TRANSFORMERS_VERBOSITY": "error"}
    command = [sys.executable, "-c", SCRIPT, *map(str, paths.values())]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return paths


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(t.dtype == b[n].dtype and torch.equal(t, b[n]) for n, t in a.items())


def test_it_reads_our_export(files: dict[str, Path]) -> None:
    assert equal(load_file(files["decompressed"]), load_file(files["dense"]))


def test_we_read_its_file(files: dict[str, Path]) -> None:
    assert equal(load_sparse(files["theirs"]), load_file(files["dense"]))


def test_the_tensors_are_the_same(files: dict[str, Path]) -> None:
    ours = load_file(files["ours"])
    assert {name for name in ours if name.startswith("layers.a.")} == {
        f"layers.a.{part}" for part in ("compressed", "bitmask", "shape", "row_offsets")
    }
    assert equal(ours, load_file(files["theirs"]))
