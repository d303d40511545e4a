"""A design for runs that join others."""

from dataclasses import replace

import pytest

from sparselaw.design import Design
from sparselaw.design.choosing import choose
from sparselaw.fit import Fit, open_fit


@pytest.fixture(scope="module")
def own() -> Fit:
    """A fit of one's own, whose runs the new ones join."""
    return replace(open_fit("t5-c4-refit"), name="mine")


@pytest.fixture(scope="module")
def designed(own: Fit) -> Design:
    return choose(own, budget=1e20)
