"""A sparse model as a smaller file and back, read by `transformers`, and every mistake in one sentence."""

import contextlib
import json
from zipfile import ZipFile

import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from sparselaw.cost.storage import Storage
from sparselaw.errors import UserError
from sparselaw.prune import MagnitudePruner, Schedule
from sparselaw.prune.export import export_sparse, load_sparse, restore, weight_files
from sparselaw.report.export_text import predicted_bytes

TYPES = {torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16}

NPY_HEADER = 128
SMALL = {"a.weight": torch.eye(24), "b": torch.ones(3)}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(
        a[n].dtype == t.dtype and torch.equal(a[n].view(TYPES[t.dtype]), t.view(TYPES[t.dtype])) for n, t in b.items()
    )


def pruned_model(pattern: str = "unstructured", sparsity: float = 0.75) -> GPTNeoXForCausalLM:
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=96, hidden_size=64, intermediate_size=256, num_hidden_layers=1, num_attention_heads=2
    )
    model = GPTNeoXForCausalLM(config)
    MagnitudePruner(model, sparsity=sparsity, num_steps=1, schedule=Schedule.constant(), pattern=pattern)
    return model


def checkpoint(folder, model: GPTNeoXForCausalLM):
    """As a training run writes it."""
    folder.mkdir(parents=True)
    save_file(dict(model.named_parameters()), folder / "model.safetensors", metadata={"format": "pt"})
    model.config.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("model") / "sparse", pruned_model())


@pytest.mark.parametrize("format", ["auto", "dense", "bitmask", "delta", "delta4", "csr", "csr64", "2:4"])
def test_every_format_gives_the_model_back(folder, tmp_path, format):
    made = export_sparse(folder, tmp_path / "a.safetensors", format=format)
    assert made.nbytes == made.file.stat().st_size
    assert same(load_sparse(made.file), load_file(folder / "model.safetensors"))
    files = restore(made.file, tmp_path / "back")
    assert [file.name for file in files] == ["model.safetensors", "config.json"]
    assert same(load_file(files[0]), load_file(folder / "model.safetensors"))
    assert files[1].read_bytes() == (folder / "config.json").read_bytes()


def test_transformers_reads_what_was_restored(folder, tmp_path):
    made = export_sparse(folder, tmp_path / "a.safetensors", precision="bf16")
    restore(made.file, tmp_path / "back")
    loaded = GPTNeoXForCausalLM.from_pretrained(tmp_path / "back")
    for name, parameter in pruned_model().named_parameters():
        assert torch.equal(loaded.get_parameter(name).bfloat16(), parameter.bfloat16())


def test_auto_is_the_smallest_and_sizes_are_as_predicted(folder, tmp_path):
    made = {
        format: export_sparse(folder, tmp_path / f"{format}.safetensors", format=format, precision="bf16")
        for format in ("auto", "dense", "bitmask", "delta", "csr")
    }
    assert made["auto"].nbytes == min(m.nbytes for m in made.values())
    assert made["auto"].nbytes < 0.45 * made["dense"].nbytes
    for export in made.values():
        for tensor in export.tensors:
            assert tensor.nbytes == pytest.approx(predicted_bytes(tensor), rel=0.02)


def test_files_are_as_long_as_formulas_say(tmp_path):
    """And those of the other tool are as long as ours: safetensors' own for dense, SciPy's for csr."""
    weights = torch.randn(64, 96, generator=torch.Generator().manual_seed(0)).half()
    weights = torch.where(weights.abs() > 1.15, weights, 0.0)
    num = int(weights.count_nonzero())
    save_file({"a.weight": weights}, tmp_path / "m.safetensors")
    lengths = {}
    for format, not_in_formula in (("dense", 0), ("bitmask", 16), ("csr", 4)):  # a shape; where the last row ends
        file = export_sparse(tmp_path / "m.safetensors", tmp_path / f"{format}.safetensors", format=format).file
        lengths[format] = file.stat().st_size - 8 - int.from_bytes(file.read_bytes()[:8], "little")
        predicted = Storage(format, "fp16").bytes(1 - num / weights.numel(), num, rows=64)
        assert lengths[format] == pytest.approx(float(predicted) + not_in_formula, rel=1e-12)
    content = (tmp_path / "m.safetensors").read_bytes()
    assert lengths["dense"] == len(content) - 8 - int.from_bytes(content[:8], "little")
    parts = [
        load_file(tmp_path / "csr.safetensors")[f"a.{p}"].numpy() for p in ("compressed", "columns", "row_offsets")
    ]
    matrix = sp.csr_matrix((64, 96))
    matrix.data, matrix.indices, matrix.indptr = parts
    sp.save_npz(tmp_path / "csr.npz", matrix, compressed=False)
    with ZipFile(tmp_path / "csr.npz") as archive:
        sizes = [archive.getinfo(f"{name}.npy").file_size - NPY_HEADER for name in ("data", "indices", "indptr")]
    assert lengths["csr"] == sum(sizes)


@pytest.mark.parametrize(("pattern", "sparsity"), [("2:4", 0.5), ("1:4", 0.75), ("2:8", 0.75)])
def test_auto_finds_a_pattern(tmp_path, pattern, sparsity):
    source = checkpoint(tmp_path / "model", pruned_model(pattern, sparsity))
    made = export_sparse(source, tmp_path / "a.safetensors", precision="bf16")
    blocks = [t for t in made.tensors if ".layers." in t.name and t.name.endswith("weight") and t.num_weights > 256]
    assert {t.format for t in blocks} == {pattern}
    assert [t.nbytes for t in blocks] == [predicted_bytes(t) for t in blocks]
    restored = load_sparse(made.file)
    assert all(torch.equal(restored[n], p.bfloat16()) for n, p in pruned_model(pattern, sparsity).named_parameters())


@given(
    shape=st.lists(st.integers(0, 12), max_size=3).map(tuple),
    dtype=st.sampled_from(list(TYPES)),
    sparsity=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    format=st.sampled_from(["auto", "dense", "bitmask", "delta", "csr", "2:4"]),
    seed=st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=60)
def test_every_bit_comes_back(tmp_path_factory, shape, dtype, sparsity, format, seed):
    generator, path = torch.Generator().manual_seed(seed), tmp_path_factory.getbasetemp()
    limits = torch.iinfo(TYPES[dtype])
    bits = torch.randint(limits.min, limits.max, shape, generator=generator, dtype=TYPES[dtype])
    bits[torch.rand(shape, generator=generator) < sparsity] = 0
    bits[torch.rand(shape, generator=generator) < 0.05] = limits.min  # -0
    tensors = {"a.weight": bits.view(dtype), "b": bits.view(dtype).clone(), "a.bias": torch.ones(3)}
    save_file(tensors, path / "model.safetensors")
    export_sparse(path / "model.safetensors", path / "export.safetensors", format=format)
    assert same(load_sparse(path / "export.safetensors"), tensors)


@pytest.mark.parametrize("other", ["a.compressed", "a.bitmask", "a"])
def test_names_never_clash(tmp_path, other):
    sparse = torch.zeros(64, 64)
    sparse[::7, ::5] = 1.0
    save_file({"a.weight": sparse, other: sparse + sparse}, tmp_path / "model.safetensors")
    made = export_sparse(tmp_path / "model.safetensors", tmp_path / "a.safetensors", format="bitmask")
    assert same(load_sparse(made.file), {"a.weight": sparse, other: sparse + sparse})


def test_shards_and_runs_are_models_too(folder, tmp_path):
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    for number, part in enumerate((names[::2], names[1::2])):
        save_file({name: tensors[name] for name in part}, tmp_path / f"model-{number}.safetensors")
    index = {name: f"model-{k % 2}.safetensors" for k, name in enumerate(names)}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    made = export_sparse(tmp_path, tmp_path / "a.safetensors")
    assert same(load_sparse(made.file), tensors)
    for step in ("step-00000009", "step-00000010"):
        checkpoint(tmp_path / "run" / "checkpoint" / step, pruned_model())
    assert weight_files(tmp_path / "run")[0].parent.name == "step-00000010"


def test_metadata_of_the_model_comes_back(tmp_path):
    about = {"who": "me", "format": "pt", "zeros": "many"}  # safetensors writes them in any order
    save_file({"a.weight": torch.eye(64)}, tmp_path / "m.safetensors", metadata=about)
    made = export_sparse(tmp_path / "m.safetensors", tmp_path / "a.safetensors")
    (restored,) = restore(made.file, tmp_path / "b.safetensors")
    with safe_open(restored, framework="pt") as file:
        assert file.metadata() | about == file.metadata()
    again = export_sparse(restored, tmp_path / "c.safetensors")
    assert again.file.read_bytes() == made.file.read_bytes()


def test_negative_zeros_are_kept_and_counted(tmp_path):
    weights = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    weights *= weights.abs() > 1.15
    save_file({"a.weight": weights}, tmp_path / "m.safetensors")
    made = export_sparse(tmp_path / "m.safetensors", tmp_path / "a.safetensors", format="bitmask")
    assert made.num_negative_zeros == int(((weights == 0) & weights.signbit()).sum()) > 0
    save_file({"a.weight": weights + 0.0}, tmp_path / "m.safetensors")
    assert export_sparse(tmp_path / "m.safetensors", tmp_path / "b.safetensors").nbytes < 0.6 * made.nbytes


def test_zstandard_of_the_dense_tensors(folder, tmp_path):
    zstandard = pytest.importorskip("zstandard")
    made = export_sparse(folder, tmp_path / "a.safetensors")
    content = (folder / "model.safetensors").read_bytes()
    tensors = content[8 + int.from_bytes(content[:8], "little") :]
    whole = len(zstandard.ZstdCompressor(level=19).compress(tensors)) / len(tensors)
    assert made.zstd_sampled == 1
    assert made.zstd_share == pytest.approx(whole, rel=0.01)


def test_a_sample_stands_for_a_large_model(folder, tmp_path, monkeypatch):
    pytest.importorskip("zstandard")
    whole = export_sparse(folder, tmp_path / "a.safetensors")
    monkeypatch.setattr("sparselaw.prune.compression.SAMPLE", whole.source_nbytes // 4)
    sampled = export_sparse(folder, tmp_path / "b.safetensors")
    assert sampled.zstd_sampled == pytest.approx(0.25, abs=1e-4)
    assert sampled.zstd_share == pytest.approx(whole.zstd_share, rel=0.05)


@pytest.fixture(scope="module")
def small_export(tmp_path_factory):
    path = tmp_path_factory.mktemp("small")
    save_file(SMALL, path / "model.safetensors")
    return export_sparse(path / "model.safetensors", path / "export.safetensors").file.read_bytes()


@given(data=st.data())
@settings(deadline=None, max_examples=100)
def test_no_bit_changes_a_weight_unnoticed(small_export, tmp_path_factory, data):
    path, content = tmp_path_factory.getbasetemp() / "damaged.safetensors", bytearray(small_export)
    at = data.draw(st.integers(0, 8 * len(content) - 1))
    content[at // 8] ^= 1 << at % 8
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        loaded = load_sparse(path)
        known = SMALL.keys() & loaded.keys()  # a name that changed is seen by who loads it
        assert same({name: loaded[name] for name in known}, {name: SMALL[name] for name in known})


def test_another_tools_damaged_bitmask_is_one_sentence(tmp_path):
    parts = {
        "a.compressed": torch.ones(5),
        "a.bitmask": torch.zeros(4, 1, dtype=torch.uint8),
        "a.shape": torch.tensor([4, 8]),
        "a.row_offsets": torch.zeros(4, dtype=torch.int64),
    }
    save_file(parts, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"the parts of a\.weight do not fit together"):
        load_sparse(tmp_path / "a.safetensors")
    del parts["a.shape"]
    save_file(parts, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="cannot be read"):
        load_sparse(tmp_path / "a.safetensors")


@pytest.mark.parametrize("tensors", [None, [], {"a.weight": 7}, {"a.weight": ["nothing", "BF16", [4, 8]]}], ids=str)
def test_what_a_forged_export_says_of_itself_is_one_sentence(tmp_path, tensors):
    about = {"format": "sparselaw-sparse/1", "tensors": tensors}
    save_file({"a.values": torch.ones(5)}, tmp_path / "a.safetensors", {"sparselaw": json.dumps(about)})
    with pytest.raises(UserError, match=r"damaged \(its metadata cannot be read"):
        load_sparse(tmp_path / "a.safetensors")


def _fails(case, folder, tmp_path):
    export = export_sparse(folder, tmp_path / "export.safetensors").file
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "empty").mkdir()
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "model.safetensors.index.json").write_text("[]")
    save_file({"x": torch.full((4,), 1e38)}, tmp_path / "large.safetensors")
    match case:
        case "format":
            export_sparse(folder, tmp_path / "a", format="coo")
        case "precision":
            export_sparse(folder, tmp_path / "a", precision="int8")
        case "nowhere":
            export_sparse(tmp_path / "nowhere", tmp_path / "a")
        case "no model":
            export_sparse(tmp_path / "empty", tmp_path / "a")
        case "index":
            export_sparse(tmp_path / "index", tmp_path / "a")
        case "no safetensors":
            export_sparse(tmp_path / "taken", tmp_path / "a")
        case "itself":
            export_sparse(folder, folder / "model.safetensors")
        case "twice":
            export_sparse(export, tmp_path / "a")
        case "too large":
            export_sparse(tmp_path / "large.safetensors", tmp_path / "a", precision="fp16")
        case "unwritable":
            export_sparse(folder, tmp_path / "taken" / "a.safetensors")
        case "restore: nowhere":
            restore(tmp_path / "nowhere", tmp_path / "a")
        case "restore: itself":
            restore(export, export)
        case "restore: unwritable":
            restore(export, tmp_path / "taken")
        case "restore: other version":
            save_file({"x": torch.zeros(1)}, export, metadata={"sparselaw": '{"format": "sparselaw-sparse/9"}'})
            restore(export, tmp_path / "a")
        case "restore: metadata":
            save_file({"x": torch.zeros(1)}, export, metadata={"sparselaw": "{"})
            restore(export, tmp_path / "a")


MISTAKES = {
    "format": "'coo' is not a file format",
    "precision": "'int8' is not a precision",
    "nowhere": "neither a safetensors file nor a folder",
    "no model": "neither a safetensors file nor a folder",
    "index": "is damaged",
    "no safetensors": "is damaged or not a safetensors file",
    "itself": "is the model itself",
    "twice": "is already an export",
    "too large": "x has weights that are too large",
    "unwritable": "cannot be written",
    "restore: nowhere": "cannot be read",
    "restore: itself": "is the export itself",
    "restore: unwritable": "cannot be written",
    "restore: other version": "with the version that wrote it",
    "restore: metadata": "its metadata cannot be read",
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_one_sentence(folder, tmp_path, case):
    with pytest.raises(UserError, match=MISTAKES[case]) as caught:
        _fails(case, folder, tmp_path)
    assert "\n" not in str(caught.value)
