"""Numbers as people write them, cell for cell."""

import numpy as np
import pytest

from sparselaw.runs.formats.numerals import inferred, plainly


@pytest.mark.parametrize(
    ("cells", "plain"),
    [
        pytest.param(["1e6", "007", "a"], ["1e6", "007", "a"], id="plain"),
        pytest.param(["2,5631", "1000000"], ["2.5631", "1000000"], id="decimal comma"),
        pytest.param(["1.000.000", "2,5"], ["1000000", "2.5"], id="points group"),
        pytest.param(["1,000,000", "2.5"], ["1000000", "2.5"], id="commas group"),
        pytest.param(["1,000", "2.5"], ["1,000", "2.5"], id="may be either"),
        pytest.param(["1,5", "2.5"], ["1,5", "2.5"], id="contradiction"),
        pytest.param(["1 000 000", "1\u00a0000", "\u22122.5"], ["1000000", "1000", "-2.5"], id="spaces and minus"),
    ],
)
def test_the_table_as_a_whole_tells_what_commas_mean(cells: list[str], plain: list[str]) -> None:
    assert plainly([cells]) == [plain]


@pytest.mark.parametrize(
    ("cells", "values", "dtype"),
    [
        pytest.param(["1", "-2", "999999999999999999"], [1, -2, 999999999999999999], np.int64, id="whole"),
        pytest.param(["0.1", "5e-324", "1e6"], [0.1, 5e-324, 1e6], np.float64, id="fractions"),
        pytest.param(["1", ""], [1.0, np.nan], np.float64, id="empty"),
        pytest.param(["007", "12"], ["007", "12"], object, id="name of a run"),
        pytest.param(["nan", "1"], ["nan", "1"], object, id="text"),
    ],
)
def test_a_column_is_numbers_only_if_all_its_cells_are(cells: list[str], values: list, dtype: type) -> None:
    found = inferred(cells)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values)
