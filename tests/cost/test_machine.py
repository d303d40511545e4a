"""Hardware files: what timings become, exact round trips, damage told in one sentence; shipped profiles say their source."""

import json
from pathlib import Path

import numpy as np
import pytest

from sparselaw.cost import Cost, open_hardware
from sparselaw.cost.machine import SHIPPED, Timing, relative_time
from sparselaw.errors import UserError


def timing(S: float, relative: float, *, kernel: str = "CSR", batch: int = 1) -> Timing:
    return Timing("inference", kernel, 64, 64, batch, S, relative, 1.0, relative)


def test_the_fastest_kernel_counts_and_dense_where_none_is_faster() -> None:
    timings = [timing(0.5, 2.0), timing(0.75, 1.2), timing(0.875, 0.6), timing(0.75, 1.5, kernel="other"),
               timing(0.875, 0.5, kernel="other")]  # fmt: skip
    time = relative_time(timings, "x")
    # Between 75% (1.2) and 87.5% (0.5) on a line, which crosses 1 at 0.75 + 0.125 * 0.2 / 0.7.
    crossing = 0.75 + 0.125 * 0.2 / 0.7
    assert time([0.0, 0.3, 0.75, crossing]) == pytest.approx(1.0, abs=1e-12)
    assert time(0.83) == pytest.approx(1.2 - 0.7 * 0.08 / 0.125)
    assert time([0.875, 0.95]) == pytest.approx(0.5)


def test_an_nm_kernel_serves_from_its_sparsity_on() -> None:
    time = relative_time([timing(0.5, 0.7, kernel="torch 2:4"), timing(0.5, 2.0), timing(0.9, 0.4)], "x")
    assert time([0.0, 0.4999]) == pytest.approx(1.0)
    assert time([0.5, 0.6, 0.82]) == pytest.approx(0.7)
    assert time(0.9) == pytest.approx(0.4)
    assert relative_time([timing(0.5, 1.3, kernel="torch 2:4")], "x")([0.5, 0.9]) == pytest.approx(1.0)


def test_zeros_may_be_stored_as_values() -> None:
    time = relative_time([timing(0.5, 0.6), timing(0.75, 0.8), timing(0.9, 0.3)], "x")
    assert time(0.75) == pytest.approx(0.6)


def test_shapes_and_batches_take_equal_shares() -> None:
    one, other = [timing(0.5, 0.8), timing(0.9, 0.2)], [timing(0.5, 1.6, batch=16), timing(0.9, 0.6, batch=16)]
    both, S = relative_time(one + other, "x"), np.linspace(0, 0.99, 200)
    assert both(S) == pytest.approx((relative_time(one, "x")(S) + relative_time(other, "x")(S)) / 2, abs=1e-9)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_come_back_from_files_and_say_where_from(name: str, tmp_path: Path) -> None:
    machine = open_hardware(name)
    assert machine.name == name
    assert machine.source
    machine.save(tmp_path / "machine.json")
    assert open_hardware(str(tmp_path / "machine.json")) == machine
    if machine.kind == "quoted":
        assert all("https://" in source for source in machine.source)
    for time in (machine.training, machine.inference):
        assert time is None or (time(0.0) == 1.0 and time(0.99) < 1.0)


def test_quoted_figures_are_the_ratios_of_their_sources() -> None:
    a100, h100 = open_hardware("a100-2:4"), open_hardware("h100-2:4")
    assert a100.training is not None
    assert a100.inference is not None
    assert h100.inference is not None
    assert a100.training(0.5) == pytest.approx(9204.7 / 11534.3, abs=5e-4)
    assert a100.inference(0.5) == pytest.approx(22.75 / 24.30, abs=5e-4)
    assert h100.inference(0.5) == pytest.approx(1 / 1.2, abs=5e-4)


def test_the_shipped_measurement_is_what_its_timings_give() -> None:
    machine = open_hardware("epyc-csr")
    S = np.linspace(0, 0.99, 300)
    for task, time in (("training", machine.training), ("inference", machine.inference)):
        assert time is not None
        assert relative_time([t for t in machine.timings if t.task == task], "x")(S) == pytest.approx(time(S), abs=1e-9)


def test_costs_of_a_machine() -> None:
    machine = open_hardware("a100-2:4")
    assert machine.inference_cost().multiplier(0.5) == pytest.approx(0.936 * 2)
    assert machine.training_cost().multiplier(0.5) == pytest.approx((1 - 0.202 * 0.25) * 2)
    assert machine.training_cost(units_per_datum=196).flops(0.0, 1e8, 2e9) == pytest.approx(196 * 1.2e18)
    assert isinstance(machine.training_cost(), Cost)
    with pytest.raises(UserError, match="h100-2:4 says nothing about training"):
        open_hardware("h100-2:4").training_cost()


DAMAGE = {
    "not JSON": ("{", "not JSON"),
    "no hardware": ('{"format": "sparselaw-fit/1"}', "not a hardware file"),
    "a list": ("[]", "not a hardware file"),
    "keys": ('{"format": "sparselaw-hardware/1"}', "damaged"),
    "kind": ({"kind": "guessed"}, "damaged"),
    "rises": ({"training": {"sparsity": [0.0, 0.5], "time": [1.0, 1.5]}}, "damaged"),
    "zero": ({"inference": {"sparsity": [0.0, 0.5], "time": [1.0, 0.0]}}, "damaged"),
    "no points": ({"inference": {"sparsity": [], "time": []}}, "damaged"),
    "text": ({"inference": "fast"}, "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_one_sentence(damage: str, tmp_path: Path) -> None:
    content, expected = DAMAGE[damage]
    if isinstance(content, dict):
        content = json.dumps(open_hardware("a100-2:4").to_json() | content)
    path = tmp_path / "machine.json"
    path.write_text(content)
    with pytest.raises(UserError, match=expected) as caught:
        open_hardware(str(path))
    assert "\n" not in str(caught.value)


def test_no_such_machine_or_file() -> None:
    with pytest.raises(UserError, match="No cost is named 'tpu'"):
        open_hardware("tpu")
