import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def book(tmp_path):
    """A text file of 2.5 MB in which no line occurs twice."""
    path = tmp_path / "book.txt"
    path.write_text("".join(f"line {number} of the book: all lines differ\n" for number in range(60_000)))
    return path
