"""A fit file gives back exactly the fit that was written; anything else is refused in one sentence."""

import copy
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.fit import ALL_LAWS, Fit, Loss, bootstrap, fit, load_fit
from sparselaw.fit.published import open_fit
from sparselaw.fit.result import Bootstrap, Domain, Starts, finite
from sparselaw.laws import from_function, law_named

POSITIVE = st.floats(0, allow_nan=False, allow_infinity=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SPAN = st.tuples(FINITE, FINITE)
NAMES = st.lists(st.text(max_size=8), max_size=3).map(tuple)
COUNT = st.integers(0, 10**9)


@st.composite
def fits(draw):
    levels = sorted({0.0} | set(draw(st.lists(st.floats(0, 1, exclude_max=True), max_size=3))))
    law = law_named(draw(st.sampled_from(ALL_LAWS)), levels=levels)
    p = len(law.names)
    rows = draw(st.lists(st.lists(POSITIVE, min_size=p, max_size=p), max_size=3))
    boot = Bootstrap(np.array(rows).reshape(-1, p), draw(st.sampled_from(["run", "cell"])), draw(COUNT), draw(COUNT))
    return Fit(
        law=law,
        parameters=dict(zip(law.names, draw(st.lists(POSITIVE, min_size=p, max_size=p)), strict=True)),
        loss=Loss(draw(st.floats(0, exclude_min=True)), log=draw(st.booleans()), quantile=draw(st.floats(0.01, 0.99))),
        objective=draw(POSITIVE),
        status=draw(st.text()),
        starts=Starts(draw(COUNT), draw(COUNT), draw(COUNT)),
        condition=draw(POSITIVE),
        at_bound=draw(NAMES),
        pinned=draw(NAMES),
        residuals=np.array(draw(st.lists(FINITE, max_size=4))),
        domain=Domain(draw(SPAN), draw(SPAN), draw(SPAN), tuple(draw(st.lists(FINITE, max_size=4)))),
        num_runs=draw(COUNT),
        name=draw(st.text()),
        data_unit=draw(st.text()),
        warnings=draw(NAMES),
        bootstrap=draw(st.sampled_from([None, boot])),
        rivals=np.array(rows[:1]).reshape(-1, p),
        unique=draw(st.booleans()),
    )


def assert_same(one: Fit, other: Fit) -> None:
    for field in dataclasses.fields(Fit):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "bootstrap" and a is not None:
            np.testing.assert_array_equal(a.draws, b.draws)
            np.testing.assert_array_equal(a.centres, b.centres)
            assert (a.by, a.tried, a.seed) == (b.by, b.tried, b.seed)
        elif field.name in ("residuals", "rivals", "cells"):
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b, field.name


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fitted=fits())
def test_what_is_written_is_read_exactly(fitted, tmp_path):
    path = tmp_path / "fit.json"
    fitted.save(path)
    assert_same(fitted, load_fit(path))
    json.loads(path.read_text(), parse_constant=pytest.fail)  # no NaN, no Infinity: JSON that any tool reads


@pytest.mark.parametrize("law", ALL_LAWS)
def test_a_real_fit_is_read_exactly(sweep, law, tmp_path):
    runs = sweep(noise=0.005, S=(0.0, 0.5, 0.75, 0.9921875))
    fitted = bootstrap(fit(runs, law, loss=Loss(np.inf), bootstrap=0), runs, num_draws=5)
    fitted.save(tmp_path / "deep" / "fit.json")
    again = load_fit(tmp_path / "deep" / "fit.json")
    assert_same(fitted, again)
    np.testing.assert_array_equal(again.predict(0.5, 1e7, 1e10), fitted.predict(0.5, 1e7, 1e10))
    np.testing.assert_array_equal(again.predict(0.9921875, 1e7, 1e10), fitted.predict(0.9921875, 1e7, 1e10))


def test_a_fit_of_ones_own_law_needs_the_law(sweep, tmp_path):
    def own(S, N, D, a=50.0, b=0.3, c=0.7):
        return a * N**-b + c + 0 * S + 0 * D

    law = from_function(own)
    fitted = fit(sweep(noise=0.01), law, bootstrap=0)
    fitted.save(tmp_path / "own.json")
    assert_same(fitted, load_fit(tmp_path / "own.json", law=law))
    with pytest.raises(UserError, match="own"):
        load_fit(tmp_path / "own.json")


@pytest.fixture(scope="module")
def record(sweep):
    runs = sweep(noise=0.005)
    return finite(bootstrap(fit(runs, bootstrap=0), runs, num_draws=4).to_json())


def refused(path) -> str:
    with pytest.raises(UserError) as error:
        load_fit(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


def test_a_file_cut_short_is_refused_wherever_it_was_cut(record, tmp_path):
    text, path = json.dumps(record, indent=1), tmp_path / "cut.json"
    for end in range(0, len(text) - 1, 100):
        path.write_text(text[:end])
        assert "not JSON" in refused(path)


@pytest.mark.parametrize("value", [None, [], {}, "text", [[1.0]], {"a": 1}, 10**400, 1e400], ids=lambda v: repr(v)[:9])
def test_a_wrong_value_anywhere_is_refused_or_harmless(record, tmp_path, value):
    """Every value of the file, at every depth, replaced in turn: a UserError or a Fit that works, never a traceback."""
    path = tmp_path / "wrong.json"
    for place in places(record):
        wrong = copy.deepcopy(record)
        parent = wrong
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = value
        path.write_text(json.dumps(wrong))
        found = opened(path)
        if isinstance(found, UserError):
            assert "\n" not in str(found)
            continue
        assert found.values.shape == (7,)
        assert found.draws.shape[1] == 7
        found.to_json()


def opened(path) -> Fit | UserError:
    try:
        return load_fit(path)
    except UserError as error:
        return error


def places(value, at=()):
    """Keys to every value in nested dicts and, of a list, to its first item."""
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*at, key))


def test_a_missing_value_is_refused(record, tmp_path):
    path = tmp_path / "missing.json"
    for name in set(record) - {
        "bootstrap",
        "intervals",
        "format",
        "rivals",
        "unique",
        "spread",
        "cells",
        "loss_unit",
        "source",
    }:
        path.write_text(json.dumps({key: value for key, value in record.items() if key != name}))
        assert name in refused(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b"3", b'"text"', b'{"format": "sparselaw-fit/2"}', b"\xff\xfe\x00", b"[" * 100_000],
    ids=["empty", "object", "list", "null", "number", "text", "version", "bytes", "deep"],
)
def test_foreign_files_are_refused(content, tmp_path):
    path = tmp_path / "foreign.json"
    path.write_bytes(content)
    assert "is not a fit file" in refused(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "No such file" in refused(tmp_path / "nowhere.json")
    assert "directory" in refused(tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"law": "papers"}, "No law is named 'papers'; did you mean 'paper'"),
        ({"law": "dense"}, "other parameters than its law dense"),
        ({"bootstrap": {"draws": [[1.0, 2.0]], "by": "run", "tried": 1, "seed": 0}}, "damaged"),
        ({"bootstrap": {"draws": [[1.0] * 14], "by": "run", "tried": 1, "seed": 0}}, "damaged"),
        ({"bootstrap": {"draws": [[1.0] * 7, [1.0]], "by": "run", "tried": 1, "seed": 0}}, "damaged"),
        ({"loss": {"delta": -1.0, "log": True, "quantile": 0.5}}, "delta is -1; give a positive number"),
    ],
    ids=["unknown-law", "other-law", "short-draws", "long-draws", "ragged-draws", "delta"],
)
def test_contradictions_are_refused(record, tmp_path, change, sentence):
    path = tmp_path / "contradiction.json"
    path.write_text(json.dumps(record | change))
    with pytest.raises(UserError, match=sentence):
        load_fit(path)


@pytest.fixture
def published():
    return open_fit("t5-c4-published")


class TestSaving:
    def test_an_impossible_place_is_refused(self, published, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="Cannot write"):
            published.save(tmp_path / "file" / "fit.json")

    def test_a_full_disk_leaves_the_old_file(self, published, tmp_path, monkeypatch):
        path = tmp_path / "fit.json"
        published.save(path)
        before = path.read_text()

        def full(source, target):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.replace", full)
        with pytest.raises(UserError, match=r"Cannot write .* \(No space left"):
            published.save(path)
        assert path.read_text() == before


def test_json_has_no_infinities():
    found = finite({"a": np.inf, "b": [np.nan, 1.5], "c": (np.float64(-np.inf), "x", 3, True)})
    assert found == {"a": None, "b": [None, 1.5], "c": [None, "x", 3, True]}
