import functools
import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from sparselaw.errors import UserError
from sparselaw.runs import PUBLISHED, held_out, published, read_runs

# Coefficients as the authors' notebook prints them, in its units: N in millions, D in 1e5 steps or 1e9 images.
T5_FIT = (0.56778512, 0.72161276, 1.52265016, 0.24513173, 0.63361517, 0.20270772, 0.65074219)
VIT_FIT = (1.30485411, 0.82101251, 2.07506343, 0.39222675, 0.27818217, 0.88979104, 4.51669257)


def mean_huber(residual, delta):
    size = np.abs(residual)
    return np.mean(np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)))


def published_fit(runs, fit, *, data_unit):
    a, b, c, d, e, f, g = fit
    N, D = runs.nonzero_params / 1e6, runs.data / data_unit
    return (a * (1 - runs.sparsity) ** b + c) * N**-d + e * D**-f + g


def test_t5_reproduces_the_published_objective(t5_c4):
    predicted = published_fit(t5_c4, T5_FIT, data_unit=1e5 * 65_536)
    assert mean_huber(np.log(predicted / t5_c4.loss), 0.001) == pytest.approx(7.6036e-6, rel=2e-5)


def test_vit_reproduces_the_published_objective(vit_jft):
    predicted = published_fit(vit_jft, VIT_FIT, data_unit=1e9)
    assert mean_huber(predicted - vit_jft.loss, 0.01) == pytest.approx(4.929088e-4, rel=1e-6)


def test_t5_is_the_grid_of_the_paper(t5_c4):
    assert len(t5_c4) == 48
    assert (t5_c4.name, t5_c4.data_unit, t5_c4.warnings) == ("t5-c4", "tokens", ())
    np.testing.assert_allclose(np.unique(t5_c4.nonzero_params) / 1e6, [1.33, 5.31, 21.2, 84.9], rtol=3e-3)
    np.testing.assert_array_equal(np.unique(t5_c4.sparsity), [0, 0.5, 0.75, 0.875])
    np.testing.assert_array_equal(np.unique(t5_c4.data), np.array([250, 500, 1000]) * 1000 * 65_536)
    np.testing.assert_array_equal(np.bincount(t5_c4.cells()), np.full(16, 3))


def test_vit_is_the_grid_of_the_paper(vit_jft):
    assert len(vit_jft) == 112
    assert (vit_jft.name, vit_jft.data_unit, vit_jft.warnings) == ("vit-jft", "images", ())
    assert len(np.unique(vit_jft.nonzero_params)) == 7
    assert vit_jft.nonzero_params.min() == pytest.approx(0.66e6, rel=0.01)
    assert vit_jft.nonzero_params.max() == pytest.approx(42.5e6, rel=0.01)
    np.testing.assert_array_equal(np.unique(vit_jft.sparsity), [0, 0.5, 0.75, 0.875, 0.9375])
    np.testing.assert_array_equal(np.unique(vit_jft.data), np.array([225, 450, 900, 1800]) * 1e6)


def test_the_held_out_run_lies_beyond_the_sweep(t5_c4):
    run = held_out("t5-c4")
    assert run is not None
    assert run.nonzero_params == 603_979_776 > 7 * t5_c4.nonzero_params.max()
    assert run.data in t5_c4.data
    assert run.loss < t5_c4.loss.min()
    assert held_out("vit-jft") is None
    assert held_out("mine.csv") is None


CONTENT = b",sparsity,scale,val-loss,steps\n0,0.0,0.5,3.0,100.0\n1,0.5,1.0,2.5,200.0\n"


@pytest.fixture
def tiny_sweep(monkeypatch):
    entry = published.Published(
        file="tiny.csv",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        base_params=2_000_000,
        data_column="steps",
        data_per_unit=1000,
        data_unit="tokens",
    )
    monkeypatch.setitem(PUBLISHED, "tiny", entry)
    monkeypatch.delenv("SPARSELAW_DATASETS", raising=False)


@pytest.fixture
def served(tmp_path, monkeypatch, tiny_sweep):
    """A folder served over HTTP as the public address, and an empty cache."""
    folder, cache = tmp_path / "served", tmp_path / "cache"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setattr(published, "ADDRESS", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setattr("pooch.os_cache", lambda _: cache)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield folder
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_download_is_converted_and_cached(served):
    (served / "tiny.csv").write_bytes(CONTENT)
    runs = read_runs("tiny")
    np.testing.assert_array_equal(runs.nonzero_params, [1e6, 1e6])
    np.testing.assert_array_equal(runs.data, [1e5, 2e5])
    np.testing.assert_array_equal(runs.table["dense_params"], [1e6, 2e6])
    (served / "tiny.csv").unlink()
    assert len(read_runs("tiny")) == 2


def test_download_that_was_tampered_with_is_refused(served):
    (served / "tiny.csv").write_bytes(CONTENT + b"2,0.5,1.0,2.4,200.0\n")
    with pytest.raises(UserError, match=r"^The download of tiny\.csv is not the published file; .*to that folder\.$"):
        read_runs("tiny")


def test_download_that_fails_says_what_to_do(served):
    with pytest.raises(UserError, match=r"^tiny\.csv could not be downloaded \(HTTPError\); .*to that folder\.$"):
        read_runs("tiny")


def test_folder_is_read_and_checked(tmp_path, monkeypatch, tiny_sweep):
    monkeypatch.setenv("SPARSELAW_DATASETS", str(tmp_path))
    with pytest.raises(UserError, match=r"^SPARSELAW_DATASETS is .* cannot be read there; save https://.* in it\.$"):
        read_runs("tiny")
    (tmp_path / "tiny.csv").write_bytes(CONTENT)
    assert len(read_runs("tiny")) == 2
    (tmp_path / "tiny.csv").write_bytes(CONTENT.replace(b"3.0", b"3.1"))
    with pytest.raises(UserError, match=r"^tiny\.csv in .* is not the published file; replace it by https://"):
        read_runs("tiny")
