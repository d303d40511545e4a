"""Packages that are called like the function in them, whatever was imported before."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

import sparselaw

VERBS = ("design", "fit", "plan", "report")


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_has_the_signature_of_its_function(name: str) -> None:
    room = import_module(f"sparselaw.{name}")
    function = getattr(room, name)
    assert getattr(sparselaw, name) is room
    assert inspect.isfunction(function)
    assert inspect.signature(room) == inspect.signature(function)
    assert next(iter(inspect.signature(room).parameters)) in ("fit", "runs", "source")


@pytest.mark.parametrize(
    "before",
    [
        "pass",
        "import sparselaw.fit",
        "import sparselaw.fit.fitting, sparselaw.plan.answer",
        "from sparselaw.fit import fit; import sparselaw.report.verb, sparselaw.design.choosing",
        "from sparselaw import plan; plan.answer",
    ],
)
def test_a_verb_is_called_whatever_was_imported_before(before: str) -> None:
    code = f"""
import sparselaw
{before}
fit = sparselaw.open_fit("vit-jft")
one = sparselaw.plan(fit, nonzeros=42.5e6, times_chinchilla=5)
from sparselaw.plan import plan
assert plan("vit-jft", nonzeros=42.5e6, times_chinchilla=5).optimal_sparsity == one.optimal_sparsity
import pandas as pd
frame = pd.DataFrame({{"nonzero_params": [1e6, 2e6, 4e6] * 3, "sparsity": 0.5, "data": [1e9] * 3 + [2e9] * 3 + [4e9] * 3,
    "loss": [3.0, 2.9, 2.85, 2.9, 2.8, 2.75, 2.85, 2.75, 2.7]}})
found = sparselaw.fit(frame, "dense", starts=2)
assert type(found) is sparselaw.Fit is sparselaw.fit.Fit
print(f"{{one.optimal_sparsity.value:.3f}}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "0.510\n"), done.stderr


def test_a_verb_passes_mistakes_on() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonzero'"):
        sparselaw.plan("vit-jft", nonzero=1e6)
