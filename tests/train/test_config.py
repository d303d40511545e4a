import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.train.config import RECIPES, RunConfig, config_from, config_to, load_config, recipe_names
from sparselaw.train.models import BODY_PER_LAYER, width_for

MINIMAL = {"model": {"width": 16}, "steps": 10}
LAPTOP = {"t5-laptop", "vit-laptop", "decoder-laptop"}


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({}, "lacks model"),
        (MINIMAL | {"widht": 3}, "the unknown key widht; the keys here are model, data"),
        (MINIMAL | {"model": {"width": 16, "widht": 3}}, "unknown key model.widht; the keys here are kind, width"),
        (MINIMAL | {"pruning": {"sparsty": 0.5}}, "unknown key pruning.sparsty"),
        (MINIMAL | {"model": 3}, "bad value for model"),
        (MINIMAL | {"steps": "many"}, "bad value for steps: 'many' is not a number"),
        (MINIMAL | {"steps": 1.5}, "bad value for steps: 1.5 is not a whole number"),
        (MINIMAL | {"steps": True}, "bad value for steps: True is not a number"),
        (
            MINIMAL | {"model": {"width": 16, "kind": "rnn"}},
            "bad value for model.kind: rnn is none of 'decoder', 't5', 'vit'",
        ),
        (MINIMAL | {"dtype": "float16"}, "bad value for dtype"),
        (MINIMAL | {"data": {"source": 3}}, "bad value for data.source: 3 is not text"),
        (MINIMAL | {"data": {"span_corruption": "no"}}, "bad value for data.span_corruption"),
        (MINIMAL | {"optimizer": {"betas": [0.9]}}, "bad value for optimizer.betas"),
        (MINIMAL | {"pruning": {"sparsity": 75}}, r"pruning.sparsity is 75.0; give a fraction in \[0, 1\)"),
        (MINIMAL | {"pruning": {"sparsity": float("nan")}}, "pruning.sparsity is nan"),
        (MINIMAL | {"pruning": {"start": 0.8}}, "0 <= start <= end <= 1"),
        (MINIMAL | {"pruning": {"exponent": 0}}, "exponent is 0.0; give a positive number"),
        (MINIMAL | {"steps": 0}, "give exactly one of them"),
        (MINIMAL | {"budget": 1e6}, "give exactly one of them"),
        (MINIMAL | {"steps": -1}, "steps is -1"),
        (MINIMAL | {"batch_size": 0}, "batch_size is 0"),
        (MINIMAL | {"batch_size": 6, "accumulation": 4}, "does not divide by accumulation 4"),
        (MINIMAL | {"model": {"kind": "t5", "width": 16}}, "set data.span_corruption = true"),
        (MINIMAL | {"data": {"span_corruption": True}}, "set data.span_corruption = false"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_mistakes_are_told_in_one_sentence(tree, said):
    with pytest.raises(UserError, match=said) as error:
        config_from(tree)
    assert "\n" not in str(error.value)


@settings(deadline=None, max_examples=50)
@given(
    sparsity=st.floats(0, 1, exclude_max=True),
    peak=st.floats(1e-9, 1e3),
    steps=st.integers(1, 10**9),
    betas=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)),
    source=st.text(min_size=1),
)
def test_json_brings_back_the_configuration(sparsity, peak, steps, betas, source):
    config = config_from(
        {
            "model": {"width": 16},
            "steps": steps,
            "pruning": {"sparsity": sparsity},
            "learning_rate": {"peak": peak},
            "optimizer": {"betas": betas},
            "data": {"source": source},
        }
    )
    assert config_from(json.loads(json.dumps(config_to(config)))) == config


def test_counts_are_read_as_people_write_them():
    config = config_from({"model": {"nonzeros": "1.3M"}, "budget": "2B"})
    assert (config.model.nonzeros, config.budget) == (1.3e6, 2e9)


def test_a_budget_becomes_whole_steps():
    config = config_from({"model": {"width": 16}, "budget": 1e6, "batch_size": 8})
    assert config.num_steps(128) == 977
    assert config_from(MINIMAL).num_steps(128) == 10


def test_overrides_replace_what_the_file_says(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("steps = 10\n[model]\nwidth = 16\n")
    overrides = ["pruning.sparsity=0.5", "model.kind=vit", "data.source = glyphs", "model.width=32", "batch_size=4"]
    config = load_config(path, overrides)
    assert (config.pruning.sparsity, config.model.kind, config.model.width, config.batch_size) == (0.5, "vit", 32, 4)
    assert config.data.source == "glyphs"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("pruning.sparsity", "is not a setting; write key=value"),
        ("=3", "is not a setting; write key=value"),
        ("steps.more=3", "steps is a value"),
        ("pruning.sparsty=0.5", "unknown key pruning.sparsty"),
        ("steps=few", "bad value for steps"),
    ],
)
def test_bad_overrides(tmp_path, override, said):
    path = tmp_path / "mine.toml"
    path.write_text("steps = 10\n[model]\nwidth = 16\n")
    with pytest.raises(UserError, match=said):
        load_config(path, [override])


@pytest.mark.parametrize("content", [b"steps = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_files_that_are_not_toml(tmp_path, content):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as TOML"):
        load_config(path)


def test_a_file_that_is_not_there():
    with pytest.raises(UserError, match="neither a file nor a recipe; give one of decoder-laptop, "):
        load_config("decoder-huge")


@pytest.mark.parametrize("name", recipe_names())
def test_recipes(name):
    config = load_config(name)
    assert isinstance(config, RunConfig)
    assert config.pruning.sparsity == 0.75
    assert config.model.kind == name.split("-")[0]
    widths = [
        width_for(
            config.model.nonzeros,
            kind=config.model.kind,
            layers=config.model.layers,
            heads=config.model.heads,
            sparsity=s,
        )
        for s in (0.0, 0.75)
    ]
    nonzeros = BODY_PER_LAYER[config.model.kind] * config.model.layers * widths[0] ** 2
    assert nonzeros == pytest.approx(config.model.nonzeros, rel=0.15)
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.06)
    assert (config.data.source in {"python", "glyphs"}) == (name in LAPTOP)
    assert tomllib.loads((RECIPES / f"{name}.toml").read_text())


def test_every_kind_has_a_laptop_recipe():
    assert set(recipe_names()) >= LAPTOP
